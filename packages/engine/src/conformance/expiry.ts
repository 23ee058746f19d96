/** Expiry to the millisecond, whatever has been swept, and a clock that steps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { MARKER_GRACE_SECONDS } from '../index.ts'
import { address, assertCell, bytes, DAY, FINAL, type Make, onEngine, REUSABLE, ROWS, soon } from './harness.ts'

/** Writes and ms after which any of our engines looks for what has expired; one that waits longer tests that by itself. */
const SWEEP_WRITES = 1100
const SWEEP_MS = 1500

export function testExpiry(make: Make): void {
  test(
    'a record lives up to its expiry and not a millisecond longer',
    onEngine(make, async (engine, clock) => {
      const [one, other] = [address(), address()]
      for (const at of [one, other]) await engine.put(FINAL.id, at, bytes('x'), { ttl: 60 }, soon())
      clock.time += 59_999
      assertCell(await engine.get(FINAL.id, one, soon()), bytes('x'))
      clock.time += 1
      assert.equal(await engine.get(FINAL.id, one, soon()), 'absent')
      assert.deepEqual(await Promise.all([one, other].map((at) => engine.get(FINAL.id, at, soon()))), [
        'absent',
        'absent',
      ])
    }),
  )

  test(
    'a row lives up to its expiry and not a millisecond longer',
    onEngine(
      make,
      async (engine, clock) => {
        const at = address()
        const rows = [1, 2].map((i) => ({ address: at, order: Uint8Array.of(i), sealed: bytes(`${i}`), ttl: 60 * i }))
        await engine.append(ROWS.id, rows, soon())
        clock.time += 59_999
        assert.equal((await engine.read(ROWS.id, at, { limit: 10 }, soon())).length, 2)
        clock.time += 1
        const left = await engine.read(ROWS.id, at, { limit: 10 }, soon())
        assert.deepEqual(
          left.map((row) => row.expiresAt),
          [clock.time + 60_000],
        )
      },
      { shape: 'rows' },
    ),
  )

  test(
    'a write gives the record a new life',
    onEngine(make, async (engine, clock) => {
      const at = address()
      await engine.put(FINAL.id, at, bytes('x'), { ttl: 60 }, soon())
      clock.forward(59)
      await engine.put(FINAL.id, at, bytes('y'), { ttl: 60 }, soon())
      clock.forward(59)
      assertCell(await engine.get(FINAL.id, at, soon()), bytes('y'))
      await engine.put(FINAL.id, at, bytes('z'), { ttl: 1 }, soon())
      clock.forward(1)
      assert.equal(await engine.get(FINAL.id, at, soon()), 'absent')
    }),
  )

  test(
    'when the clock steps back, ended stays ended, versions stay apart, and what lives goes on living',
    onEngine(make, async (engine, clock) => {
      const [ended, living] = [address(), address()]
      await engine.put(FINAL.id, ended, bytes('x'), { ttl: 60 }, soon())
      await engine.end(FINAL.id, ended, { everywhere: true }, soon())
      await engine.put(REUSABLE.id, living, bytes('before'), { ttl: DAY }, soon())
      const { version } = assertCell(await engine.get(REUSABLE.id, living, soon()), bytes('before'))
      clock.step(-3600)
      assert.equal(await engine.get(FINAL.id, ended, soon()), 'ended')
      assert.equal(await engine.put(FINAL.id, ended, bytes('late'), { ttl: DAY }, soon()), 'ended')
      assertCell(await engine.get(REUSABLE.id, living, soon()), bytes('before'))
      await engine.put(REUSABLE.id, living, bytes('after'), { ttl: DAY }, soon())
      const after = assertCell(await engine.get(REUSABLE.id, living, soon()), bytes('after'))
      assert.notEqual(after.version, version)
      const over = { ttl: 60, condition: { version } }
      assert.equal(await engine.put(REUSABLE.id, living, bytes('x'), over, soon()), 'conflict')
    }),
  )

  test(
    'ending again with a clock that stepped back does not shorten the marker',
    onEngine(make, async (engine, clock) => {
      const at = address()
      await engine.end(FINAL.id, at, { everywhere: true }, soon())
      clock.step(-3600)
      await engine.end(FINAL.id, at, { everywhere: true }, soon())
      clock.step(3600)
      clock.forward(2 * DAY - 1)
      assert.equal(await engine.put(FINAL.id, at, bytes('late'), { ttl: 60 }, soon()), 'ended')
    }),
  )

  test(
    'a marker that was left by a clock that is behind outlives what it replaced, by the same day',
    onEngine(make, async (engine, clock) => {
      const ways = [address(), address()] as const
      for (const at of ways) await engine.put(FINAL.id, at, bytes('session'), { ttl: DAY }, soon())
      clock.step(-10 * DAY)
      await engine.end(FINAL.id, ways[0], { everywhere: true }, soon())
      await engine.take(FINAL.id, ways[1], soon())
      clock.step(10 * DAY)
      const late = (at: Uint8Array) => engine.put(FINAL.id, at, bytes('late'), { ttl: DAY }, soon())
      for (const at of ways) assert.equal(await late(at), 'ended')
      clock.forward(DAY + MARKER_GRACE_SECONDS)
      clock.time -= 1
      for (const at of ways) assert.equal(await late(at), 'ended')
      clock.time += 1
      for (const at of ways) assert.equal(await late(at), 'written')
    }),
  )

  test(
    'when the clock steps forward, what has expired by it is over, and the rest lives',
    onEngine(make, async (engine, clock) => {
      const [short, long] = [address(), address()]
      await engine.put(REUSABLE.id, short, bytes('short'), { ttl: 60 }, soon())
      await engine.put(REUSABLE.id, long, bytes('long'), { ttl: DAY }, soon())
      clock.step(DAY - 1)
      assert.equal(await engine.get(REUSABLE.id, short, soon()), 'absent')
      assertCell(await engine.get(REUSABLE.id, long, soon()), bytes('long'))
    }),
  )

  test(
    'when the clock jumps ahead for a moment, nothing is lost: what lived lives, what was ended stays ended',
    onEngine(make, async (engine, clock) => {
      const [living, ended] = [address(), address()]
      const put = (at: Uint8Array) => engine.put(FINAL.id, at, bytes('session'), { ttl: DAY }, soon())
      clock.forward(DAY)
      for (const at of [living, ended]) await put(at)
      await engine.end(FINAL.id, ended, { everywhere: true }, soon())
      clock.step(9 * DAY)
      await Promise.all(Array.from({ length: SWEEP_WRITES }, () => put(address())))
      await setTimeout(SWEEP_MS)
      clock.step(-9 * DAY)
      assertCell(await engine.get(FINAL.id, living, soon()), bytes('session'))
      assert.equal(await put(ended), 'ended')
    }),
  )
}
