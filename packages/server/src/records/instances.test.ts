import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineUnavailable } from '@holdfast/engine'
import { MemoryEngine } from '../engines/memory/memory-engine.ts'
import { Heartbeat, INSTANCES, readInstances as readList } from './instances.ts'
import { Keyset } from './keyset.ts'
import { Records } from './records.ts'
import { CELLS } from './test-support.ts'

const open = (engine: MemoryEngine, keyset: Keyset, now?: () => number) =>
  Records.open(engine, [{ room: 'stores', keyset, spaces: [CELLS, INSTANCES] }], now)
const describe = () => ({ host: 'here', pid: 42, version: '1.2.3', configuration: 'abc' })
const readInstances = (records: Records) => readList(records.rows(INSTANCES.id))
const failed = (error: unknown) => assert.fail(String(error))

test('an instance tells its keys at once, again when they change, and is gone when it stops', async () => {
  const engine = new MemoryEngine()
  const keyset = Keyset.generate('stores')
  const [records, other] = [await open(engine, keyset), await open(engine, keyset)]
  const beats = [new Heartbeat({ records, describe, failed }), new Heartbeat({ records: other, describe, failed })]
  const before = Date.now()
  for (const heartbeat of beats) await heartbeat.start()
  const first = await readInstances(records)
  assert.equal(first.length, 2)
  assert.notEqual(first[0]!.instance, first[1]!.instance)
  for (const { instance, seenAt, ...rest } of first) {
    assert.match(instance, /^[0-9a-f]{32}$/)
    assert.ok(seenAt >= before && seenAt <= Date.now())
    assert.deepEqual(rest, { ...describe(), keys: [{ room: 'stores', id: keyset.primary.id, state: 'primary' }] })
  }
  const { keyset: grown, id } = keyset.add()
  await other.adopt(grown)
  await beats[1]!.beat()
  const holders = (await readInstances(records)).filter(({ keys }) => keys.some((key) => key.id === id))
  assert.equal(holders.length, 1)
  assert.deepEqual(holders[0]!.keys.at(-1), { room: 'stores', id, state: 'enabled' })
  for (const heartbeat of beats) await heartbeat.stop()
  assert.deepEqual(await readInstances(records), [])
})

test('an instance that was stopped stays gone, though its keys change meanwhile', async () => {
  const records = await open(new MemoryEngine(), Keyset.generate('stores'))
  const heartbeat = new Heartbeat({ records, describe, failed })
  await heartbeat.start()
  await Promise.all([heartbeat.beat(), heartbeat.stop()])
  await heartbeat.beat()
  assert.deepEqual(await readInstances(records), [])
})

test('an instance that says nothing for thirty seconds is not told of', async () => {
  const engine = new MemoryEngine()
  const keyset = Keyset.generate('stores')
  let now = Date.now()
  const records = await open(engine, keyset, () => now)
  const heartbeat = new Heartbeat({ records, describe, failed })
  await heartbeat.start()
  now += 29_000
  assert.equal((await readInstances(records)).length, 1)
  now += 1_001
  assert.deepEqual(await readInstances(records), [])
  await heartbeat.stop()
})

test('a beat that the storage refuses is told, and the next one is written', async () => {
  let broken = true
  class Broken extends MemoryEngine {
    override async append(...args: Parameters<MemoryEngine['append']>) {
      if (broken) throw new EngineUnavailable('gone')
      return super.append(...args)
    }
  }
  const told: unknown[] = []
  const records = await open(new Broken(), Keyset.generate('stores'))
  const heartbeat = new Heartbeat({ records, describe, failed: (error) => told.push(error) })
  await heartbeat.start()
  assert.equal(told.length, 1)
  broken = false
  await heartbeat.beat()
  assert.deepEqual([told.length, (await readInstances(records)).length], [1, 1])
  await heartbeat.stop()
})
