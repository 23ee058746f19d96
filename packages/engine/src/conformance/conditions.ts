/** Conditions match exactly what they name, and a take gives the cell once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, assertCell, bytes, FINAL, type Make, onEngine, REUSABLE, soon } from './harness.ts'

export function testConditions(make: Make): void {
  test(
    '`absent` writes only where nothing lives; what has expired does not live',
    onEngine(make, async (engine, clock) => {
      for (const { id } of [FINAL, REUSABLE]) {
        const at = address()
        const ifAbsent = { ttl: 60, condition: 'absent' } as const
        assert.equal(await engine.put(id, at, bytes('first'), ifAbsent, soon()), 'written')
        assert.equal(await engine.put(id, at, bytes('second'), ifAbsent, soon()), 'conflict')
        assertCell(await engine.get(id, at, soon()), bytes('first'))
        clock.forward(60)
        assert.equal(await engine.put(id, at, bytes('third'), ifAbsent, soon()), 'written')
        assertCell(await engine.get(id, at, soon()), bytes('third'))
      }
    }),
  )

  test(
    'a version matches the record it was read from, and no other',
    onEngine(make, async (engine, clock) => {
      const at = address()
      await engine.put(REUSABLE.id, at, bytes('one'), { ttl: 60 }, soon())
      const { version } = assertCell(await engine.get(REUSABLE.id, at, soon()), bytes('one'))
      const over = { ttl: 60, condition: { version } }
      assert.equal(await engine.put(REUSABLE.id, at, bytes('two'), over, soon()), 'written')
      assert.equal(await engine.put(REUSABLE.id, at, bytes('three'), over, soon()), 'conflict')
      assertCell(await engine.get(REUSABLE.id, at, soon()), bytes('two'))

      // The same bytes written anew are another record, and so is one after an end.
      await engine.end(REUSABLE.id, at, { everywhere: true }, soon())
      assert.equal(await engine.put(REUSABLE.id, at, bytes('x'), over, soon()), 'conflict')
      await engine.put(REUSABLE.id, at, bytes('one'), { ttl: 60 }, soon())
      assert.equal(await engine.put(REUSABLE.id, at, bytes('x'), over, soon()), 'conflict')

      const living = assertCell(await engine.get(REUSABLE.id, at, soon()), bytes('one'))
      clock.forward(60)
      const late = { ttl: 60, condition: { version: living.version } }
      assert.equal(await engine.put(REUSABLE.id, at, bytes('x'), late, soon()), 'conflict')
    }),
  )

  test(
    'a take gives the cell with its version and expiry, and then it is gone',
    onEngine(make, async (engine, clock) => {
      const at = address()
      await engine.put(REUSABLE.id, at, bytes('once'), { ttl: 60 }, soon())
      const read = assertCell(await engine.get(REUSABLE.id, at, soon()), bytes('once'))
      const taken = assertCell(await engine.take(REUSABLE.id, at, soon()), bytes('once'))
      assert.deepEqual([taken.version, taken.expiresAt], [read.version, clock.time + 60_000])
      assert.equal(await engine.take(REUSABLE.id, at, soon()), 'absent')
      assert.equal(await engine.get(REUSABLE.id, at, soon()), 'absent')
    }),
  )

  test(
    'what has expired cannot be taken',
    onEngine(make, async (engine, clock) => {
      for (const { id } of [FINAL, REUSABLE]) {
        const at = address()
        await engine.put(id, at, bytes('late'), { ttl: 60 }, soon())
        clock.forward(60)
        assert.equal(await engine.take(id, at, soon()), 'absent')
      }
    }),
  )
}
