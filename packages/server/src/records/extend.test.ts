import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { EngineRefused, EngineUnavailable, type Space } from '@holdfast/engine'
import { MemoryEngine } from '../engines/memory/memory-engine.ts'
import { KeysetMismatch } from './errors.ts'
import { Keyset } from './keyset.ts'
import { Records } from './records.ts'
import { bytes, CELLS, soon } from './test-support.ts'

const ADDED: Space = { ...CELLS, id: 'store:added', longestTtl: 60, maxSize: 1000 }
const KEY = bytes('k')

let engine: MemoryEngine
let records: Records
const keyset = Keyset.generate('stores')
const open = (...spaces: Space[]) => Records.open(engine, [{ room: 'stores', keyset, spaces }])
const put = (id: string, ttl: number, size = 1) => {
  return records.cells(id).put(KEY, Buffer.alloc(size), { ttl }, soon())
}

describe('spaces of a room that is open', () => {
  beforeEach(async () => {
    engine = new MemoryEngine()
    records = await open(CELLS)
  })

  test('one that is new is set up, sealed, and there after the next start', async () => {
    await records.adopt(keyset, [CELLS, ADDED])
    await put(ADDED.id, 60)
    records = await open(CELLS, ADDED)
    assert.equal(typeof (await records.cells(ADDED.id).get(KEY, soon())), 'object')
  })

  test('one that others have set up by now is opened, by the same keyset only', async () => {
    const other = await open(CELLS, ADDED)
    await other.cells(ADDED.id).put(KEY, bytes('theirs'), { ttl: 60 }, soon())
    await records.adopt(keyset, [ADDED])
    const found = await records.cells(ADDED.id).get(KEY, soon())
    assert.equal(typeof found === 'object' && found.value.toString(), 'theirs')

    const foreign: Space = { ...ADDED, id: 'store:foreign' }
    const room = { room: 'stores', keyset: Keyset.generate('stores'), spaces: [foreign] }
    await Records.open(engine, [room])
    await assert.rejects(records.adopt(keyset, [foreign]), KeysetMismatch)
    assert.throws(() => records.cells(foreign.id), /is not open/)
  })

  test('what a space allows grows, and never shrinks', async () => {
    await records.adopt(keyset, [ADDED])
    await assert.rejects(put(ADDED.id, 61), RangeError)
    await assert.rejects(put(ADDED.id, 60, 1001), RangeError)
    await records.adopt(keyset, [{ ...ADDED, longestTtl: 3600, maxSize: 500 }])
    await put(ADDED.id, 3600)
    await records.adopt(keyset, [{ ...ADDED, longestTtl: 30, maxSize: 5000 }])
    await put(ADDED.id, 3600, 4000)
    assert.deepEqual(records.cells(ADDED.id).space, { ...ADDED, longestTtl: 3600, maxSize: 5000 })
    const lasting: Space = { ...ADDED, id: 'store:lasting', final: false, longestTtl: 0 }
    await records.adopt(keyset, [lasting])
    await records.adopt(keyset, [{ ...lasting, longestTtl: 60 }])
    await put(lasting.id, 0)
  })

  test('with a keyset that is refused, none is set up', async () => {
    const { keyset: added, id } = keyset.add()
    const promoted = added.promote(id)
    await records.adopt(promoted)
    const honest = engine.open
    engine.open = () => assert.fail('it was asked')
    for (const wrong of [keyset, added, Keyset.generate('stores')]) {
      await assert.rejects(records.adopt(wrong, [ADDED]), KeysetMismatch)
    }
    engine.open = honest
    await records.adopt(promoted, [{ ...ADDED, final: false }])
  })

  test('with a changed keyset, they are set up by it, and so is one that others have set up by it', async () => {
    const { keyset: added, id } = keyset.add()
    const promoted = added.promote(id)
    const theirs: Space = { ...ADDED, id: 'store:theirs' }
    await Records.open(engine, [{ room: 'stores', keyset: promoted, spaces: [CELLS, theirs] }])
    await records.adopt(promoted, [ADDED, theirs])
    const spaces = [CELLS, ADDED, theirs]
    const alone = new Keyset('stores', promoted.addressKey, [promoted.primary])
    await Records.open(engine, [{ room: 'stores', keyset: alone, spaces }])
  })

  test('what a keyset cannot open it leaves as it was, whichever space that is', async () => {
    const { keyset: added, id } = keyset.add()
    await engine.open([ADDED])
    await engine.confirm([ADDED.id])
    const promoted = added.promote(id)
    await assert.rejects(
      Records.open(engine, [{ room: 'stores', keyset: promoted, spaces: [CELLS, ADDED] }]),
      KeysetMismatch,
    )
    await open(CELLS)
  })

  test('nothing that is already there asks the engine', async () => {
    engine.open = () => assert.fail('it was asked')
    await records.adopt(keyset, [CELLS, { ...CELLS, longestTtl: 1 }])
  })

  test('other rules are refused, and everything is as it was', async () => {
    await assert.rejects(records.adopt(keyset, [ADDED, { ...CELLS, final: false, longestTtl: 90_000 }]), EngineRefused)
    assert.throws(() => records.cells(ADDED.id), /is not open/)
    assert.equal(records.cells(CELLS.id).space, CELLS)
    await put(CELLS.id, 60)
    await assert.rejects(records.adopt(Keyset.generate('passwords'), [ADDED]), KeysetMismatch)
  })

  for (const step of ['put', 'confirm'] as const) {
    test(`set-up that was cut off at the first ${step} is done again`, async () => {
      const honest = engine[step]
      engine[step] = (): Promise<never> => Promise.reject(new EngineUnavailable('busy'))
      await assert.rejects(records.adopt(keyset, [ADDED]), EngineUnavailable)
      assert.throws(() => records.cells(ADDED.id), /is not open/)
      engine[step] = honest as never
      await records.adopt(keyset, [ADDED])
      await put(ADDED.id, 60)
    })
  }
})
