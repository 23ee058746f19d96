import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { MemoryEngine } from '../engines/memory/memory-engine.ts'
import { KeysetError, KeysetMismatch, Unreadable } from './errors.ts'
import { Keyset } from './keyset.ts'
import { Records } from './records.ts'
import { bytes, CELLS, LASTING, NOW, ROWS, soon } from './test-support.ts'

const SPACES = [CELLS, LASTING, ROWS]
const KEY = bytes('session-1')

let now: number
let engine: MemoryEngine
let keyset: Keyset

const open = (held: Keyset, on = engine) => {
  return Records.open(on, [{ room: 'stores', keyset: held, spaces: SPACES }], () => now)
}

function mismatch(attempt: Promise<unknown>, message: RegExp, hint: RegExp): Promise<void> {
  return assert.rejects(attempt, (error: unknown) => {
    assert.ok(error instanceof KeysetMismatch, `rejected with ${error}`)
    assert.match(error.message, message)
    assert.match(error.hint, hint)
    return true
  })
}

async function read(records: Records) {
  const found = await records.cells(CELLS.id).get(KEY, soon())
  assert.ok(typeof found === 'object', `${found}`)
  return found
}

describe('records', () => {
  beforeEach(() => {
    now = NOW
    engine = new MemoryEngine({ now: () => now })
    keyset = Keyset.generate('stores', NOW)
  })

  test('opens again and again on the same storage, at any time', async () => {
    await (await open(keyset)).cells(CELLS.id).put(KEY, bytes('v'), { ttl: 60 }, soon())
    assert.equal((await read(await open(keyset))).value.toString(), 'v')
    for (const other of [NOW + 1e12, 0]) {
      now = other
      await open(keyset)
    }
  })

  test('hands out cells and rows of opened spaces only, by their shape', async () => {
    const records = await open(keyset)
    assert.equal(records.rows(ROWS.id).space, ROWS)
    assert.throws(() => records.cells('store:unknown'), /is not open/)
    assert.throws(() => records.cells(ROWS.id), TypeError)
    assert.throws(() => records.rows(CELLS.id), TypeError)
  })

  test('a wrong keyset stops start-up, and changes nothing', async () => {
    await open(keyset)
    const other = Keyset.generate('stores', NOW)
    await mismatch(open(other), /unknown-key/, new RegExp(`holds key ${keyset.primary.id}`))
    const { id, state, createdAt } = keyset.primary
    const posing = new Keyset('stores', keyset.addressKey, [{ id, state, createdAt, secret: other.primary.secret }])
    await mismatch(open(posing), /commitment/, /edited or damaged/)
    await mismatch(open(new Keyset('stores', other.addressKey, keyset.keys)), /another address key/, /Bring/)
    await open(keyset)
  })

  test('a space that is not new and has lost its check cell stops start-up; it is not written again', async () => {
    await engine.open(SPACES)
    await engine.confirm(SPACES.map((space) => space.id))
    await mismatch(open(keyset), /check cell is not there/, /empty one/)
    await mismatch(open(keyset), /check cell is not there/, /empty one/)
  })

  for (const step of ['put', 'confirm'] as const) {
    test(`set-up that was cut off at the first ${step} is done again`, async () => {
      const honest = engine[step]
      engine[step] = (): Promise<never> => Promise.reject(new Error('power cut'))
      await assert.rejects(open(keyset), /power cut/)
      engine[step] = honest as never
      await open(keyset)
      await mismatch(open(Keyset.generate('stores', NOW)), /unknown-key/, /another keyset/)
    })
  }

  test('of two instances that set up one storage at once with different keysets, only one becomes ready', async () => {
    const outcomes = await Promise.allSettled([open(keyset), open(Keyset.generate('stores', NOW))])
    assert.deepEqual(outcomes.map((outcome) => outcome.status).sort(), ['fulfilled', 'rejected'])
    const loser = outcomes.find((outcome) => outcome.status === 'rejected')
    assert.ok(loser?.reason instanceof KeysetMismatch)
  })

  test('two instances that set up one storage at once with the same keyset are both ready', async () => {
    await Promise.all([open(keyset), open(keyset)])
  })

  test('a space that is added later is set up when it is new', async () => {
    await Records.open(engine, [{ room: 'stores', keyset, spaces: [CELLS] }])
    await open(keyset)
    await open(keyset)
  })

  test('rooms have keysets of their own; one space in two rooms is refused', async () => {
    const other = Keyset.generate('passwords', NOW)
    const rooms = [
      { room: 'stores', keyset, spaces: [CELLS] },
      { room: 'passwords', keyset: other, spaces: [LASTING] },
    ]
    await Records.open(engine, rooms)
    await Records.open(engine, rooms)
    const twice = [rooms[0]!, { ...rooms[1]!, spaces: [CELLS] }]
    await assert.rejects(Records.open(new MemoryEngine(), twice), /store:sessions is there twice/)
    const crossed = [{ ...rooms[0]!, keyset: other }]
    await assert.rejects(Records.open(new MemoryEngine(), crossed), /given the keyset of room passwords/)
  })

  test('rotation: the old record opens, is written again under the new key, and its key is then given up', async () => {
    const old = keyset.primary.id
    const records = await open(keyset)
    const cells = records.cells(CELLS.id)
    await cells.put(KEY, bytes('v'), { ttl: CELLS.longestTtl }, soon())
    assert.equal((await read(records)).current, true)

    const added = keyset.add(NOW)
    await records.adopt(added.keyset)
    assert.equal((await read(records)).current, true)

    const promoted = added.keyset.promote(added.id, NOW)
    await records.adopt(promoted)
    const before = await read(records)
    assert.deepEqual([before.current, before.value.toString()], [false, 'v'])
    await cells.put(bytes('stays'), bytes('v'), { ttl: CELLS.longestTtl }, soon())
    await cells.put(KEY, before.value, { ttl: 60 }, soon())
    assert.equal((await read(records)).current, true)

    const limits = { longestTtl: CELLS.longestTtl, now }
    assert.throws(() => promoted.disable(old, limits), KeysetError)
    const disabled = promoted.disable(old, { ...limits, now: NOW + CELLS.longestTtl * 1000 })
    await records.adopt(disabled)
    assert.equal((await read(records)).value.toString(), 'v')
    await open(disabled)
  })

  test('a record under a disabled key is unreadable, not absent, and opens when the key is enabled again', async () => {
    const old = keyset.primary.id
    const records = await open(keyset)
    await records.cells(CELLS.id).put(KEY, bytes('v'), { ttl: 3600 }, soon())
    const added = keyset.add(NOW)
    const promoted = added.keyset.promote(added.id, NOW)
    await records.adopt(promoted)
    const disabled = promoted.disable(old, { longestTtl: CELLS.longestTtl, now, lose: true })
    await records.adopt(disabled)
    await assert.rejects(read(records), (error: unknown) => {
      return error instanceof Unreadable && error.reason === 'disabled-key' && error.keyId === old
    })
    await records.adopt(disabled.enable(old))
    assert.equal((await read(records)).value.toString(), 'v')
  })

  test('a keyset older than the last promotion stops start-up, and a running instance keeps the one it has', async () => {
    const added = keyset.add(NOW)
    const records = await open(added.keyset)
    await open(added.keyset.promote(added.id, NOW))
    await mismatch(open(keyset), /unknown-key/, new RegExp(`holds key ${added.id}`))
    await records.cells(CELLS.id).put(KEY, bytes('v'), { ttl: 3600 }, soon())
    await mismatch(records.adopt(keyset), /unknown-key/, new RegExp(`holds key ${added.id}`))
    await mismatch(records.adopt(Keyset.generate('stores', NOW)), /unknown-key/, /another keyset/)
    await mismatch(records.adopt(Keyset.generate('other', NOW)), /no room other/, /room/)
    assert.equal((await read(records)).value.toString(), 'v')
  })

  test('one that knows the promoted key, but not its promotion, may start, says that it is behind, and undoes nothing', async () => {
    const { keyset: added, id } = keyset.add(NOW)
    const promoted = added.promote(id, NOW)
    const current = await open(promoted)
    assert.equal(current.behind, undefined)
    await current.cells(CELLS.id).put(KEY, bytes('new'), { ttl: 3600 }, soon())

    const behind = await open(added)
    assert.equal(behind.behind, id)
    assert.equal((await read(behind)).value.toString(), 'new')
    await behind.cells(CELLS.id).put(KEY, bytes('old'), { ttl: 3600 }, soon())
    assert.equal((await read(current)).value.toString(), 'old')
    await behind.adopt(added, [
      { ...LASTING, id: 'store:further' },
      { ...CELLS, longestTtl: CELLS.longestTtl + 1 },
    ])
    await mismatch(open(keyset), /unknown-key/, new RegExp(`holds key ${id}`))

    await behind.adopt(promoted)
    assert.deepEqual([behind.behind, (await read(behind)).current], [undefined, false])
  })

  test('a running instance does not go back to a keyset from before a promotion, only forward to an older key', async () => {
    const { keyset: added, id } = keyset.add(NOW)
    const promoted = added.promote(id, NOW)
    const records = await open(promoted)
    await mismatch(records.adopt(added), new RegExp(`before key ${id} was promoted`), /promote that one again/)
    await records.cells(CELLS.id).put(KEY, bytes('v'), { ttl: 3600 }, soon())
    assert.equal((await read(records)).keyId, id)

    const back = promoted.promote(keyset.primary.id, NOW + 1)
    await records.adopt(back)
    assert.equal((await read(records)).current, false)
    await mismatch(open(new Keyset('stores', keyset.addressKey, [promoted.primary])), /unknown-key/, /holds key/)
  })

  test('key use is counted', async () => {
    const records = await open(keyset)
    await records.cells(CELLS.id).put(KEY, bytes('v'), { ttl: 60 }, soon())
    await read(records)
    await read(records)
    const { id: keyId, state } = keyset.primary
    assert.deepEqual(records.keyUsage(), [{ room: 'stores', keyId, state, opened: 2, sealed: 1 }])
  })
})
