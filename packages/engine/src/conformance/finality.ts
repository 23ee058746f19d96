/** Ended stays ended in a final space, for the whole life of the marker; in a reusable one the address is free again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MARKER_GRACE_SECONDS } from '../index.ts'
import { address, assertCell, bytes, DAY, FAST, FINAL, type Make, onEngine, REUSABLE, soon, space } from './harness.ts'

const MARKER_LIFE = FINAL.longestTtl + MARKER_GRACE_SECONDS

export function testFinality(make: Make): void {
  test(
    'no write brings an ended address back, and ended wins over conflict',
    onEngine(make, async (engine) => {
      const at = address()
      await engine.put(FINAL.id, at, bytes('session'), { ttl: 60 }, soon())
      const { version } = assertCell(await engine.get(FINAL.id, at, soon()), bytes('session'))
      assert.equal(await engine.end(FINAL.id, at, { everywhere: true }, soon()), 'done')
      assert.equal(await engine.get(FINAL.id, at, soon()), 'ended')
      assert.equal(await engine.put(FINAL.id, at, bytes('late'), { ttl: 60 }, soon()), 'ended')
      for (const condition of ['absent', { version }] as const) {
        assert.equal(await engine.put(FINAL.id, at, bytes('late'), { ttl: 60, condition }, soon()), 'ended')
      }
      assert.equal(await engine.take(FINAL.id, at, soon()), 'ended')
      assert.equal(await engine.get(FINAL.id, at, soon()), 'ended')
    }),
  )

  test(
    'ending what is absent leaves a marker, and ending twice is no error',
    onEngine(make, async (engine) => {
      const at = address()
      for (let i = 0; i < 2; i++) assert.equal(await engine.end(FINAL.id, at, { everywhere: true }, soon()), 'done')
      assert.equal(await engine.put(FINAL.id, at, bytes('late'), { ttl: 60 }, soon()), 'ended')
    }),
  )

  test(
    'taking ends, also what was absent',
    onEngine(make, async (engine) => {
      const [there, absent] = [address(), address()]
      await engine.put(FINAL.id, there, bytes('code'), { ttl: 60 }, soon())
      assertCell(await engine.take(FINAL.id, there, soon()), bytes('code'))
      assert.equal(await engine.take(FINAL.id, absent, soon()), 'absent')
      for (const at of [there, absent]) {
        assert.equal(await engine.put(FINAL.id, at, bytes('late'), { ttl: 60 }, soon()), 'ended')
      }
    }),
  )

  test(
    'taking what is ended already makes its marker live longer, as ending it does',
    onEngine(make, async (engine, clock) => {
      const at = address()
      assert.equal(await engine.take(FINAL.id, at, soon()), 'absent')
      clock.forward(MARKER_LIFE - 1)
      assert.equal(await engine.take(FINAL.id, at, soon()), 'ended')
      clock.forward(MARKER_LIFE - 1)
      assert.equal(await engine.get(FINAL.id, at, soon()), 'ended')
      clock.forward(1)
      assert.equal(await engine.get(FINAL.id, at, soon()), 'absent')
    }),
  )

  test(
    'a marker lives for the longest TTL plus a day, to the millisecond, counted from the latest end',
    onEngine(make, async (engine, clock) => {
      const at = address()
      await engine.end(FINAL.id, at, { everywhere: true }, soon())
      clock.forward(MARKER_LIFE - 10)
      await engine.end(FINAL.id, at, { everywhere: true }, soon())
      clock.forward(MARKER_LIFE)
      clock.time -= 1
      assert.equal(await engine.put(FINAL.id, at, bytes('late'), { ttl: 60 }, soon()), 'ended')
      assert.equal(await engine.get(FINAL.id, at, soon()), 'ended')
      clock.time += 1
      assert.equal(await engine.get(FINAL.id, at, soon()), 'absent')
      assert.equal(await engine.put(FINAL.id, at, bytes('new'), { ttl: 60 }, soon()), 'written')
    }),
  )

  test(
    'markers outlive the longest TTL that the space ever had',
    onEngine(make, async (engine, clock) => {
      const id = 'store:shrinking'
      await engine.open([space(id, { final: true, longestTtl: 10 * DAY })])
      await engine.confirm([id])
      await engine.open([space(id, { final: true, longestTtl: DAY })])
      await assert.rejects(engine.put(id, address(), bytes('x'), { ttl: DAY + 1 }, soon()), RangeError)
      const at = address()
      await engine.end(id, at, { everywhere: false }, soon())
      clock.forward(11 * DAY - 1)
      assert.equal(await engine.get(id, at, soon()), 'ended')
      clock.forward(1)
      assert.equal(await engine.get(id, at, soon()), 'absent')
    }),
  )

  test(
    'ending something that has expired still leaves a marker',
    onEngine(make, async (engine, clock) => {
      const at = address()
      await engine.put(FINAL.id, at, bytes('old'), { ttl: 1 }, soon())
      clock.forward(2)
      await engine.end(FINAL.id, at, { everywhere: true }, soon())
      assert.equal(await engine.put(FINAL.id, at, bytes('late'), { ttl: 60 }, soon()), 'ended')
    }),
  )

  test(
    'in a reusable space an ended address is absent and may be written again, under a version never seen before',
    onEngine(make, async (engine) => {
      for (const { id } of [REUSABLE, FAST]) {
        const at = address()
        const seen = new Set<unknown>()
        for (let i = 0; i < 5; i++) {
          assert.equal(await engine.put(id, at, bytes('again'), { ttl: 60 }, soon()), 'written')
          seen.add(assertCell(await engine.get(id, at, soon()), bytes('again')).version)
          assert.equal(await engine.end(id, at, { everywhere: true }, soon()), 'done')
          assert.equal(await engine.get(id, at, soon()), 'absent')
        }
        assert.equal(seen.size, 5)
      }
    }),
  )
}
