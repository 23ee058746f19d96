import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { RowRange, StoredRow } from '@holdfast/engine'
import { Envelope } from './envelope.ts'
import { Unreadable, type UnreadableReason } from './errors.ts'
import { Keyring } from './keyring.ts'
import { Keyset } from './keyset.ts'
import { SealedRows } from './rows.ts'
import { bytes, LyingEngine, NOW, ROWS, soon } from './test-support.ts'

const KEY = bytes('user:7')
const ALL = { limit: 100 }

let now: number
let engine: LyingEngine
let rows: SealedRows

/** What the engine answers, changed; and the reason for which the read is refused. */
async function refused(reason: UnreadableReason, change: (honest: StoredRow[]) => StoredRow[], range: RowRange = ALL) {
  engine.rows = (honest) => change([...honest])
  await assert.rejects(rows.read(KEY, range, soon()), (error: unknown) => {
    return error instanceof Unreadable && error.reason === reason && error.space === ROWS.id
  })
}

const listed = async (range: RowRange = ALL) =>
  (await rows.read(KEY, range, soon())).map(({ order, value }) => `${Buffer.from(order)}=${value}`)

describe('sealed rows', () => {
  beforeEach(async () => {
    now = NOW
    engine = new LyingEngine({ now: () => now })
    rows = new SealedRows(engine, new Envelope(ROWS, new Keyring(Keyset.generate('stores', NOW))), () => now)
    await engine.open([ROWS])
    const three = ['a', 'b', 'c'].map((order) => ({ order: bytes(order), value: bytes(`value ${order}`), ttl: 60 }))
    await rows.append(KEY, three, soon())
  })

  test('what is appended is read, in order, in the range', async () => {
    assert.deepEqual(await listed(), ['a=value a', 'b=value b', 'c=value c'])
    assert.deepEqual(await listed({ limit: 2, newestFirst: true }), ['c=value c', 'b=value b'])
    assert.deepEqual(await listed({ limit: 9, from: bytes('b'), to: bytes('c') }), ['b=value b'])
    const [first] = await rows.read(KEY, ALL, soon())
    assert.equal(first?.writtenAt, NOW)
    assert.equal(first?.expiresAt, NOW + 60_000)
    await rows.remove(KEY, bytes('b'), soon())
    assert.deepEqual(await listed(), ['a=value a', 'c=value c'])
  })

  test('rows whose values or orders were swapped are refused', async () => {
    await refused('tag', ([a, b, c]) => [{ ...a!, sealed: b!.sealed }, { ...b!, sealed: a!.sealed }, c!])
    await refused('tag', ([a]) => [{ ...a!, order: bytes('0') }])
  })

  test('a row of another list is refused', async () => {
    let stolen: StoredRow[] = []
    await rows.append(bytes('user:8'), [{ order: bytes('a'), value: bytes('theirs'), ttl: 60 }], soon())
    engine.rows = (honest) => {
      stolen = [...honest]
      return honest
    }
    await rows.read(bytes('user:8'), ALL, soon())
    await refused('commitment', () => stolen)
  })

  test('an answer that is out of order, doubled, too long or outside the range is refused', async () => {
    await refused('malformed', (honest) => honest.reverse())
    await refused('malformed', ([a, b]) => [a!, a!, b!])
    await refused('malformed', (honest) => honest.reverse(), { limit: 3, newestFirst: true })
    let all: StoredRow[] = []
    engine.rows = (honest) => {
      all = [...honest]
      return honest
    }
    await rows.read(KEY, ALL, soon())
    await refused('malformed', () => all, { limit: 2 })
    await refused('malformed', () => all, { limit: 9, from: bytes('b') })
    await refused('malformed', () => all, { limit: 9, to: bytes('c') })
    await refused('malformed', ([a]) => [{ ...a!, order: bytes('') }])
    await refused('malformed', ([a]) => [{ ...a!, order: Buffer.alloc(65, 'a') }])
  })

  test('a prolonged row is refused, an expired one is left out', async () => {
    await refused('prolonged', (honest) => honest.map((row) => ({ ...row, expiresAt: row.expiresAt + 60_001 })))
    engine.rows = (honest) => {
      now = NOW + 60_000
      return honest
    }
    assert.deepEqual(await listed(), [])
  })

  test('an order has 1-64 bytes', async () => {
    const append = (order: Buffer) => rows.append(KEY, [{ order, value: KEY, ttl: 60 }], soon())
    await assert.rejects(append(bytes('')), RangeError)
    await assert.rejects(append(Buffer.alloc(65)), RangeError)
    await append(Buffer.alloc(64))
    assert.equal((await listed()).length, 4)
  })
})
