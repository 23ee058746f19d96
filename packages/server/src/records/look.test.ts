/** A look at real storage, beside the engine that uses it: it tells what is there, and leaves every byte as it was. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, test } from 'node:test'
import { EngineRefused } from '@holdfast/engine'
import { EmbeddedEngine } from '../engines/embedded/embedded-engine.ts'
import { EmbeddedView } from '../engines/embedded/view.ts'
import { KeysetMismatch } from './errors.ts'
import { Heartbeat, INSTANCES, isAhead } from './instances.ts'
import { Keyset } from './keyset.ts'
import { look } from './look.ts'
import { Records } from './records.ts'
import { CELLS } from './test-support.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-look-'))
const file = join(folder, 'holdfast.sqlite')
after(() => rmSync(folder, { recursive: true }))

let keyset: Keyset
let engine: EmbeddedEngine
const beats: Heartbeat[] = []
beforeEach(() => {
  keyset = Keyset.generate('stores')
  engine = new EmbeddedEngine({ file })
})
afterEach(async () => {
  for (const beat of beats.splice(0)) await beat.stop()
  await engine.close()
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
})

/** An instance that holds this keyset. */
async function live(held: Keyset, pid: number): Promise<Records> {
  const records = await Records.open(engine, [{ room: 'stores', keyset: held, spaces: [CELLS, INSTANCES] }])
  const describe = () => ({ host: 'here', pid, version: '1.2.3', configuration: 'abc' })
  const beat = new Heartbeat({ records, describe, failed: (error) => assert.fail(String(error)) })
  await beat.start()
  beats.push(beat)
  return records
}

async function lookWith(held: Keyset) {
  const view = new EmbeddedView(file)
  try {
    return { ...(await look(view, held)), spaces: view.spaces, longestTtl: view.longestTtl }
  } finally {
    view.close()
  }
}

const contents = () =>
  readdirSync(folder).map((name) => {
    return [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]
  })

test('the instances that live, which keys they hold, the longest TTL there ever was; nothing changes', async () => {
  const { keyset: added, id } = keyset.add()
  await live(keyset, 1)
  await live(added, 2)
  const before = contents().filter(([name]) => !name!.endsWith('-shm'))
  const { instances, behind, longestTtl } = await lookWith(added)
  assert.equal(behind, undefined)
  assert.equal(longestTtl, CELLS.longestTtl)
  const known = instances.map(({ host, pid, keys }) => [host, pid, keys.some((key) => key.id === id)])
  assert.deepEqual(known.sort(), [
    ['here', 1, false],
    ['here', 2, true],
  ])
  assert.deepEqual(
    contents().filter(([name]) => !name!.endsWith('-shm')),
    before,
  )
  await engine.open([{ ...CELLS, longestTtl: 3 * CELLS.longestTtl }])
  await engine.open([CELLS])
  assert.equal((await lookWith(added)).longestTtl, 3 * CELLS.longestTtl)
})

test('storage that nobody has used: no instance, and it is not made', async () => {
  assert.deepEqual((await lookWith(keyset)).instances, [])
  assert.deepEqual(readdirSync(folder), [])
  writeFileSync(file, '')
  assert.deepEqual((await lookWith(keyset)).instances, [])
  assert.equal(readFileSync(file).length, 0)
})

test('until when each key was sealed with, after the instances are gone; a key that is disabled is not asked for', async () => {
  const old = keyset.primary.id
  const { keyset: added, id } = keyset.add()
  const before = Date.now()
  const records = await live(added, 1)
  const promoted = added.promote(id)
  await records.adopt(promoted)
  await beats[0]!.beat()
  const after = Date.now()
  await beats.pop()!.stop()
  await engine.close()
  const { instances, sealedUntil } = await lookWith(promoted)
  assert.deepEqual([instances, [...sealedUntil.keys()]], [[], [old, id]])
  const times = [before + 30_000, sealedUntil.get(old)!, sealedUntil.get(id)!, after + 30_000]
  assert.deepEqual(times, times.toSorted())
  const { sealedUntil: left } = await lookWith(promoted.disable(old, { longestTtl: 1, lose: true }))
  assert.deepEqual([...left.keys()], [id])
})

test('an instance from the future is told, beside the others', async () => {
  await live(keyset, 1)
  const ahead = Date.now() + 365 * 86_400_000
  const other = new EmbeddedEngine({ file, now: () => ahead })
  const records = await Records.open(other, [{ room: 'stores', keyset, spaces: [CELLS, INSTANCES] }], () => ahead)
  const describe = () => ({ host: 'here', pid: 2, version: '1.2.3', configuration: 'abc' })
  const ghost = new Heartbeat({ records, describe, failed: () => {} })
  await ghost.start()
  await other.close()
  await ghost.stop()
  const { instances, sealedUntil } = await lookWith(keyset)
  const told = instances.map((one) => [one.pid, isAhead(one)])
  assert.deepEqual(told.sort(), [
    [1, false],
    [2, true],
  ])
  assert.equal(sealedUntil.get(keyset.primary.id), ahead + 30_000)
})

test('storage that nobody uses now: no instance', async () => {
  await live(keyset, 1)
  await beats.pop()!.stop()
  await engine.close()
  assert.deepEqual((await lookWith(keyset)).instances, [])
})

test('a keyset of another storage concludes nothing', async () => {
  await live(keyset, 1)
  await assert.rejects(lookWith(Keyset.generate('stores')), KeysetMismatch)
  const { addressKey } = Keyset.generate('stores')
  await assert.rejects(lookWith(new Keyset('stores', addressKey, keyset.keys)), /another address key/)
})

test('an old copy: told of if it knows the promoted key, refused if it does not', async () => {
  const { keyset: added, id } = keyset.add()
  await live(added.promote(id), 1)
  assert.equal((await lookWith(added)).behind, id)
  await assert.rejects(lookWith(keyset), KeysetMismatch)
})

test('servers that do not report are not taken for none', async () => {
  await Records.open(engine, [{ room: 'stores', keyset, spaces: [CELLS] }])
  await assert.rejects(lookWith(keyset), /do not say which keys they hold/)
})

test('what is no storage of ours is refused, and left alone', () => {
  assert.throws(() => new EmbeddedView(join(folder, 'nowhere/holdfast.sqlite')), EngineRefused)
  writeFileSync(file, 'something else, and long enough to be read as a header of a database, one hundred bytes or so')
  const before = contents()
  assert.throws(() => new EmbeddedView(file), /not a database/)
  assert.deepEqual(contents(), before)
})
