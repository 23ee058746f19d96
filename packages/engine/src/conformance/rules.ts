/** Declarations of spaces, and calls against their rules: refused precisely, with nothing changed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  EngineRefused,
  MARKER_GRACE_SECONDS,
  MAX_ORDER_BYTES,
  MAX_ROWS,
  MAX_TTL_SECONDS,
  type Space,
} from '../index.ts'
import {
  address,
  assertCell,
  bytes,
  DAY,
  FAST,
  FINAL,
  FOREVER,
  type Make,
  onEngine,
  REUSABLE,
  ROWS,
  soon,
  space,
} from './harness.ts'

export function testRules(make: Make): void {
  test(
    'a malformed declaration is refused, and none of its call is opened',
    onEngine(make, async (engine) => {
      const good = space('store:good', {})
      const bad: Space[] = [
        space('', {}),
        space('store:Upper', {}),
        space('x'.repeat(129), {}),
        space('store:x', { final: true, longestTtl: 0 }),
        space('store:x', { longestTtl: -1 }),
        space('store:x', { longestTtl: 1.5 }),
        space('store:x', { longestTtl: MAX_TTL_SECONDS + 1 }),
        space('store:x', { maxSize: 0 }),
        space('store:x', { shape: 'rows', atomic: 'no', final: true }),
        space('store:x', { shape: 'rows', atomic: 'global' }),
        good,
      ]
      for (const one of bad) {
        await assert.rejects(
          engine.open([good, one]),
          (error) => error instanceof TypeError || error instanceof RangeError,
        )
      }
      await assert.rejects(engine.get(good.id, address(), soon()), TypeError)
      await engine.open([space('x'.repeat(128), {}), space('store:years', { longestTtl: MAX_TTL_SECONDS })])
    }),
  )

  test(
    'what the engine cannot hold is refused with a hint',
    onEngine(make, async (engine) => {
      const { maxSize } = engine.capabilities
      await engine.open([space('store:largest', { maxSize })])
      await assert.rejects(
        engine.open([space('store:larger', { maxSize: maxSize + 1 })]),
        (error) => error instanceof EngineRefused && error.hint !== '',
      )
    }),
  )

  test(
    'shape, finality and atomicity of a space that was confirmed never change; TTL and size may',
    onEngine(make, async (engine) => {
      await engine.confirm([FINAL.id, REUSABLE.id, FAST.id])
      const changed = [
        { ...FINAL, final: false },
        { ...REUSABLE, final: true },
        { ...REUSABLE, atomic: 'no' },
        { ...FAST, atomic: 'datacenter' },
        { ...FAST, shape: 'rows' },
      ] as const
      for (const one of changed) await assert.rejects(engine.open([one]), EngineRefused)
      await engine.open([{ ...FINAL, longestTtl: 2 * DAY, maxSize: 8192 }])
      const at = address()
      assert.equal(await engine.put(FINAL.id, at, new Uint8Array(8192), { ttl: 2 * DAY }, soon()), 'written')
    }),
  )

  test(
    'spaces are fresh until they are confirmed',
    onEngine(make, async (engine) => {
      const [one, two] = [space('store:one', {}), space('store:two', {})]
      assert.deepEqual((await engine.open([one, two])).fresh, [one.id, two.id])
      await engine.confirm([one.id])
      assert.deepEqual((await engine.open([one, two])).fresh, [two.id])
      await assert.rejects(engine.confirm(['store:unknown']), TypeError)
    }),
  )

  test(
    'the rules of a space that nobody has confirmed are those of the latest open, its longest TTL too',
    onEngine(make, async (engine, clock) => {
      const mistyped = space('store:mistyped', { longestTtl: 100 * DAY })
      const mended = { ...mistyped, final: true, longestTtl: DAY }
      await engine.open([mistyped])
      assert.deepEqual((await engine.open([mended])).fresh, [mended.id])
      await engine.confirm([mended.id])
      await assert.rejects(engine.open([mistyped]), EngineRefused)
      const at = address()
      await engine.end(mended.id, at, { everywhere: true }, soon())
      clock.forward(DAY + MARKER_GRACE_SECONDS)
      assert.equal(await engine.get(mended.id, at, soon()), 'absent')
    }),
  )

  test(
    'a call against the rules is refused and changes nothing',
    onEngine(make, async (engine) => {
      const at = address()
      await engine.put(FINAL.id, at, bytes('kept'), { ttl: 60 }, soon())
      const put = (id: string, size: number, ttl: number, where = at) =>
        engine.put(id, where, new Uint8Array(size), { ttl }, soon())
      const outside: (() => Promise<unknown>)[] = [
        () => put(FINAL.id, FINAL.maxSize + 1, 60),
        () => put(FINAL.id, 0, 60),
        () => put(FINAL.id, 1, 0),
        () => put(FINAL.id, 1, -1),
        () => put(FINAL.id, 1, 1.5),
        () => put(FINAL.id, 1, Number.NaN),
        () => put(FINAL.id, 1, DAY + 1),
        () => put(REUSABLE.id, 1, 0),
        () => put(FOREVER.id, 1, MAX_TTL_SECONDS + 1),
        () => put(FINAL.id, 1, 60, at.subarray(1)),
        () => engine.get(FINAL.id, at.subarray(1), soon()),
        () => engine.end(FINAL.id, new Uint8Array(33), { everywhere: true }, soon()),
        () => engine.take(FINAL.id, new Uint8Array(0), soon()),
      ]
      for (const call of outside) await assert.rejects(call(), RangeError)
      const wrong: (() => Promise<unknown>)[] = [
        () => engine.get('store:unknown', at, soon()),
        () => engine.take(FAST.id, at, soon()),
        () => engine.put(FAST.id, at, bytes('x'), { ttl: 60, condition: 'absent' }, soon()),
      ]
      for (const call of wrong) await assert.rejects(call(), TypeError)
      assertCell(await engine.get(FINAL.id, at, soon()), bytes('kept'))
    }),
  )

  test(
    'rows against the rules are refused, and none of the call is written',
    onEngine(
      make,
      async (engine) => {
        const at = address()
        const good = { address: at, order: Uint8Array.of(1), sealed: bytes('x'), ttl: 60 }
        const bad = [
          { ...good, order: new Uint8Array(0) },
          { ...good, order: new Uint8Array(MAX_ORDER_BYTES + 1) },
          { ...good, sealed: new Uint8Array(ROWS.maxSize + 1) },
          { ...good, ttl: 0 },
          { ...good, address: at.subarray(1) },
        ]
        for (const one of bad) await assert.rejects(engine.append(ROWS.id, [good, one], soon()), RangeError)
        for (const limit of [0, MAX_ROWS + 1, 1.5]) {
          await assert.rejects(engine.read(ROWS.id, at, { limit }, soon()), RangeError)
        }
        await assert.rejects(engine.remove(ROWS.id, at, new Uint8Array(0), soon()), RangeError)
        await assert.rejects(engine.get(ROWS.id, at, soon()), TypeError)
        await assert.rejects(engine.append(FINAL.id, [good], soon()), TypeError)
        assert.deepEqual(await engine.read(ROWS.id, at, { limit: MAX_ROWS }, soon()), [])
      },
      { shape: 'rows' },
    ),
  )
}
