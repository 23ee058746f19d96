/** Deadlines, closing, and what is still there after the storage was opened anew. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Engine, EngineUnavailable } from '../index.ts'
import { address, assertCell, bytes, DAY, FINAL, type Make, onEngine, REUSABLE, ROWS, soon, space } from './harness.ts'

function everyCall(engine: Engine, at: Uint8Array, deadline: number): Promise<unknown>[] {
  const row = { address: at, order: Uint8Array.of(1), sealed: bytes('x'), ttl: 60 }
  const calls: Promise<unknown>[] = [
    engine.get(FINAL.id, at, deadline),
    engine.put(FINAL.id, at, bytes('x'), { ttl: 60 }, deadline),
    engine.take(FINAL.id, at, deadline),
    engine.end(FINAL.id, at, { everywhere: true }, deadline),
  ]
  if (!engine.capabilities.shapes.includes('rows')) return calls
  return [
    ...calls,
    engine.append(ROWS.id, [row], deadline),
    engine.read(ROWS.id, at, { limit: 1 }, deadline),
    engine.remove(ROWS.id, at, row.order, deadline),
  ]
}

async function assertUnavailable(calls: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(calls)) {
    assert.equal(outcome.status, 'rejected')
    assert.ok(outcome.reason instanceof EngineUnavailable, String(outcome.reason))
  }
}

export function testLifecycle(make: Make): void {
  test(
    'a call whose deadline has passed is unavailable, and nothing of it happens',
    onEngine(make, async (engine) => {
      const at = address()
      await assertUnavailable(everyCall(engine, at, performance.now() - 1))
      assert.equal(await engine.get(FINAL.id, at, soon()), 'absent')
    }),
  )

  test(
    'an open engine is healthy; after close it is not, and calls are unavailable',
    onEngine(make, async (engine) => {
      assert.deepEqual(await engine.health(), { ok: true })
      assert.deepEqual(await engine.pending(), { count: 0, oldest: 0 })
      const accepted = engine.put(FINAL.id, address(), bytes('x'), { ttl: 60 }, soon())
      await engine.close()
      assert.equal(await accepted, 'written')
      assert.equal((await engine.health()).ok, false)
      await assertUnavailable(everyCall(engine, address(), soon()))
      await engine.close()
    }),
  )

  test(
    'figures have names and help fit for Prometheus',
    onEngine(make, async (engine) => {
      await engine.put(FINAL.id, address(), bytes('x'), { ttl: 60 }, soon())
      await engine.end(FINAL.id, address(), { everywhere: true }, soon())
      const stats = await engine.stats()
      for (const { name, help, type, value } of stats) {
        assert.match(name, type === 'counter' ? /^[a-z][a-z0-9_]*_total$/ : /^[a-z][a-z0-9_]*$/)
        assert.ok(help !== '' && Number.isFinite(value) && value >= 0, name)
      }
      assert.equal(new Set(stats.map(({ name }) => name)).size, stats.length)
    }),
  )
}

/** For engines that keep what they acknowledged. */
export function testReopening(make: Make): void {
  test(
    'what was acknowledged is there after the storage was opened anew',
    onEngine(make, async (engine, clock, subject) => {
      const [living, ended] = [address(), address()]
      const brief = space('store:brief', { final: true, longestTtl: 5 * DAY })
      await engine.open([brief])
      await engine.confirm([FINAL.id, brief.id])
      await engine.put(FINAL.id, living, bytes('living'), { ttl: 60 }, soon())
      await engine.end(FINAL.id, ended, { everywhere: true }, soon())
      const before = assertCell(await engine.get(FINAL.id, living, soon()), bytes('living'))

      const again = await subject.reopen!()
      const shorter = { ...brief, longestTtl: DAY }
      const { fresh } = await again.open([FINAL, REUSABLE, shorter])
      assert.deepEqual(fresh, [REUSABLE.id])
      assert.deepEqual(assertCell(await again.get(FINAL.id, living, soon()), bytes('living')), before)
      assert.equal(await again.put(FINAL.id, ended, bytes('late'), { ttl: 60 }, soon()), 'ended')
      // No version comes back, though the engine started anew.
      await again.put(FINAL.id, living, bytes('anew'), { ttl: 60 }, soon())
      const after = assertCell(await again.get(FINAL.id, living, soon()), bytes('anew'))
      assert.notEqual(after.version, before.version)
      // The longest TTL is remembered too.
      await again.end(brief.id, ended, { everywhere: true }, soon())
      clock.forward(6 * DAY - 1)
      assert.equal(await again.get(brief.id, ended, soon()), 'ended')
    }),
  )

  test(
    'rules of spaces are held after the storage was opened anew',
    onEngine(make, async (engine, _clock, subject) => {
      await engine.confirm([FINAL.id])
      const again = await subject.reopen!()
      await assert.rejects(again.open([{ ...FINAL, final: false }]))
      await again.open([FINAL])
    }),
  )
}
