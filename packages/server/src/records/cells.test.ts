import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Cell } from '@holdfast/engine'
import { SealedCells } from './cells.ts'
import { Envelope } from './envelope.ts'
import { Unreadable, type UnreadableReason } from './errors.ts'
import { Keyring } from './keyring.ts'
import { Keyset } from './keyset.ts'
import { bytes, CELLS, LASTING, LyingEngine, NOW, soon } from './test-support.ts'

const KEY = bytes('session-1')
const VALUE = bytes('Alice')

let now: number
/** What the engine's clock is behind, in ms. */
let lag: number
let engine: LyingEngine
let ring: Keyring
let cells: SealedCells
let lasting: SealedCells

function unreadable(attempt: Promise<unknown>, reason: UnreadableReason, space = CELLS.id): Promise<void> {
  return assert.rejects(attempt, (error: unknown) => {
    assert.ok(error instanceof Unreadable, `rejected with ${error}`)
    assert.deepEqual({ reason: error.reason, space: error.space }, { reason, space })
    return true
  })
}

async function found(attempt: ReturnType<SealedCells['get']>) {
  const opened = await attempt
  assert.ok(typeof opened === 'object', `${opened}`)
  return opened
}

describe('sealed cells', () => {
  beforeEach(async () => {
    now = NOW
    lag = 0
    const clock = () => now
    ring = new Keyring(Keyset.generate('stores', NOW))
    engine = new LyingEngine({ now: () => now - lag })
    cells = new SealedCells(engine, new Envelope(CELLS, ring), clock)
    lasting = new SealedCells(engine, new Envelope(LASTING, ring), clock)
    await engine.open([CELLS, LASTING])
  })

  test('what is put is got, with its times and its tag', async () => {
    const put = await cells.put(KEY, VALUE, { ttl: 60 }, soon())
    assert.ok(typeof put === 'object')
    const { version, keyId, ...opened } = await found(cells.get(KEY, soon()))
    assert.notEqual(version, undefined)
    assert.equal(keyId, ring.primary.id)
    const wanted = { value: VALUE, etag: put.etag, writtenAt: NOW, expiresAt: NOW + 60_000, current: true }
    assert.deepEqual(opened, wanted)
    assert.equal(await cells.get(bytes('session-2'), soon()), 'absent')
  })

  test('each write of the same value has another tag', async () => {
    const first = await cells.put(KEY, VALUE, { ttl: 60 }, soon())
    assert.notDeepEqual(await cells.put(KEY, VALUE, { ttl: 60 }, soon()), first)
  })

  test('conditions pass through', async () => {
    assert.notEqual(await cells.put(KEY, VALUE, { ttl: 60, condition: 'absent' }, soon()), 'conflict')
    assert.equal(await cells.put(KEY, VALUE, { ttl: 60, condition: 'absent' }, soon()), 'conflict')
    const { version } = await found(cells.get(KEY, soon()))
    const condition = { version }
    assert.notEqual(await cells.put(KEY, VALUE, { ttl: 60, condition }, soon()), 'conflict')
    assert.equal(await cells.put(KEY, VALUE, { ttl: 60, condition }, soon()), 'conflict')
  })

  test('what is over by its seal is absent for a condition too, also while the engine still holds it', async () => {
    lag = 1
    await cells.put(KEY, VALUE, { ttl: 60 }, soon())
    lag = 2
    now = NOW + 60_000
    assert.equal(await cells.get(KEY, soon()), 'absent')
    const renewed = await cells.put(KEY, bytes('Bob'), { ttl: 60, condition: 'absent' }, soon())
    assert.ok(typeof renewed === 'object', `${renewed}`)
    const opened = await found(cells.get(KEY, soon()))
    assert.deepEqual({ value: opened.value, etag: opened.etag }, { value: bytes('Bob'), etag: renewed.etag })
    assert.equal(await cells.put(KEY, VALUE, { ttl: 60, condition: 'absent' }, soon()), 'conflict')
  })

  test('a take gives the value once, and an end stays', async () => {
    await cells.put(KEY, VALUE, { ttl: 60 }, soon())
    assert.deepEqual((await found(cells.take(KEY, soon()))).value, VALUE)
    assert.equal(await cells.take(KEY, soon()), 'ended')
    assert.equal(await cells.end(bytes('other'), { everywhere: true }, soon()), 'done')
    assert.equal(await cells.put(bytes('other'), VALUE, { ttl: 60 }, soon()), 'ended')
  })

  test('the sealed expiry decides, also when the engine keeps a record a little longer', async () => {
    await cells.put(KEY, VALUE, { ttl: 60 }, soon())
    engine.cell = (cell) => ({ ...cell, expiresAt: cell.expiresAt + 60_000 })
    now = NOW + 59_999
    assert.deepEqual((await found(cells.get(KEY, soon()))).value, VALUE)
    const honest = engine.get.bind(engine)
    engine.get = (space, address, deadline) => {
      now = NOW + 59_999
      const answer = honest(space, address, deadline)
      now = NOW + 60_000
      return answer
    }
    assert.equal(await cells.get(KEY, soon()), 'absent')
  })

  test('a prolonged expiry is refused: by more than a minute, or for ever', async () => {
    await cells.put(KEY, VALUE, { ttl: 60 }, soon())
    engine.cell = (cell) => ({ ...cell, expiresAt: cell.expiresAt + 60_001 })
    await unreadable(cells.get(KEY, soon()), 'prolonged')
    engine.cell = (cell) => ({ ...cell, expiresAt: 0 })
    await unreadable(cells.get(KEY, soon()), 'prolonged')
    await unreadable(cells.take(KEY, soon()), 'prolonged')
  })

  test('a record of the future is refused: by more than a minute', async () => {
    await cells.put(KEY, VALUE, { ttl: 3600 }, soon())
    now = NOW - 60_000
    assert.deepEqual((await found(cells.get(KEY, soon()))).value, VALUE)
    now = NOW - 60_001
    await unreadable(cells.get(KEY, soon()), 'times')
  })

  test('a value without expiry stays one', async () => {
    await lasting.put(KEY, VALUE, { ttl: 0 }, soon())
    now = NOW + 1e12
    assert.equal((await found(lasting.get(KEY, soon()))).expiresAt, 0)
  })

  test('a record moved to another key or space is refused', async () => {
    const stolen: Cell[] = []
    engine.cell = (cell) => {
      stolen.push(cell)
      return cell
    }
    await cells.put(KEY, VALUE, { ttl: 60 }, soon())
    await cells.put(bytes('session-2'), VALUE, { ttl: 60 }, soon())
    await lasting.put(KEY, VALUE, { ttl: 60 }, soon())
    await cells.get(KEY, soon())
    engine.cell = () => stolen[0]!
    await unreadable(cells.get(bytes('session-2'), soon()), 'commitment')
    await unreadable(cells.take(bytes('session-2'), soon()), 'commitment')
    await unreadable(lasting.get(KEY, soon()), 'tag', LASTING.id)
  })

  test('an older record of the same key, put back before it expired, opens: that is not detected', async () => {
    const seen: Cell[] = []
    engine.cell = (cell) => {
      seen.push(cell)
      return seen[0]!
    }
    await cells.put(KEY, bytes('old'), { ttl: 60 }, soon())
    await cells.get(KEY, soon())
    await cells.put(KEY, bytes('new'), { ttl: 60 }, soon())
    assert.equal((await found(cells.get(KEY, soon()))).value.toString(), 'old')
  })

  test('the engine is given neither key nor value', async () => {
    const given: Uint8Array[] = []
    const put = engine.put.bind(engine)
    engine.put = (space, address, sealed, options, deadline) => {
      given.push(address, sealed)
      return put(space, address, sealed, options, deadline)
    }
    await cells.put(KEY, VALUE, { ttl: 60 }, soon())
    assert.equal(given.length, 2)
    for (const bytesGiven of given) {
      assert.equal(Buffer.from(bytesGiven).indexOf(KEY), -1)
      assert.equal(Buffer.from(bytesGiven).indexOf(VALUE), -1)
    }
  })
})
