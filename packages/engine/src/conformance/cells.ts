/** What is written is read, byte for byte, in its own space and nowhere else. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Engine } from '../index.ts'
import { address, assertCell, bytes, FAST, FINAL, FOREVER, type Make, onEngine, REUSABLE, soon } from './harness.ts'

export function testCells(make: Make): void {
  test(
    'a cell is read as it was written, with its expiry',
    onEngine(make, async (engine, clock) => {
      for (const { id } of [FINAL, REUSABLE, FAST]) {
        const at = address()
        assert.equal(await engine.get(id, at, soon()), 'absent')
        const sealed = randomBytes(1600)
        assert.equal(await engine.put(id, at, sealed, { ttl: 60 }, soon()), 'written')
        const cell = assertCell(await engine.get(id, at, soon()), sealed)
        assert.equal(cell.expiresAt, clock.time + 60_000)
      }
    }),
  )

  test(
    'a later write replaces an earlier one, and its version',
    onEngine(make, async (engine) => {
      const at = address()
      await engine.put(FINAL.id, at, bytes('first, and longer'), { ttl: 60 }, soon())
      const first = assertCell(await engine.get(FINAL.id, at, soon()), bytes('first, and longer'))
      await engine.put(FINAL.id, at, bytes('second'), { ttl: 60 }, soon())
      const second = assertCell(await engine.get(FINAL.id, at, soon()), bytes('second'))
      assert.notEqual(second.version, first.version)
    }),
  )

  test(
    'any byte and any size up to the largest is kept',
    onEngine(make, async (engine) => {
      const every = Uint8Array.from({ length: 256 }, (_, i) => i)
      const zeros = new Uint8Array(100)
      const loneSurrogate = Uint8Array.of(0xed, 0xa0, 0x80, 0xff, 0xfe, 0x00, 0xc3)
      const values = [every, zeros, loneSurrogate, Uint8Array.of(0), randomBytes(FINAL.maxSize)]
      const written = values.map((sealed) => ({ sealed, at: address() }))
      for (const { sealed, at } of written) await engine.put(FINAL.id, at, sealed, { ttl: 60 }, soon())
      const alone: Awaited<ReturnType<Engine['get']>>[] = []
      for (const { at } of written) alone.push(await engine.get(FINAL.id, at, soon()))
      const together = await Promise.all(written.map(({ at }) => engine.get(FINAL.id, at, soon())))
      for (const [i, { sealed }] of written.entries()) {
        assertCell(alone[i]!, sealed)
        assertCell(together[i]!, sealed)
      }
    }),
  )

  test(
    'records from the smallest to the largest that the engine holds come right when they are read together',
    onEngine(make, async (engine) => {
      const large = { ...REUSABLE, id: 'store:large', maxSize: engine.capabilities.maxSize }
      await engine.open([large])
      const written = [1, 100, 1600, 30_000, 32_768, 33_000, 70_000, large.maxSize].map((size) => ({
        sealed: randomBytes(size),
        at: address(),
      }))
      await Promise.all(written.map(({ at, sealed }) => engine.put(large.id, at, sealed, { ttl: 60 }, soon())))
      const answers = await Promise.all(written.map(({ at }) => engine.get(large.id, at, soon())))
      for (const [i, { sealed }] of written.entries()) assertCell(answers[i]!, sealed)
    }),
  )

  test(
    'a hundred reads at once, some twice and some of absent cells, each get their own answer',
    onEngine(make, async (engine) => {
      const written = Array.from({ length: 50 }, () => ({ at: address(), sealed: randomBytes(64) }))
      await Promise.all(written.map(({ at, sealed }) => engine.put(FAST.id, at, sealed, { ttl: 60 }, soon())))
      const wanted = written.flatMap((one) => [one, { at: address(), sealed: undefined }, one])
      const answers = await Promise.all(wanted.map(({ at }) => engine.get(FAST.id, at, soon())))
      for (const [i, { sealed }] of wanted.entries()) {
        if (sealed === undefined) assert.equal(answers[i], 'absent')
        else assertCell(answers[i]!, sealed)
      }
    }),
  )

  test(
    'an address in one space is not seen in another',
    onEngine(make, async (engine) => {
      const at = address()
      await engine.put(FINAL.id, at, bytes('final'), { ttl: 60 }, soon())
      assert.equal(await engine.get(REUSABLE.id, at, soon()), 'absent')
      await engine.put(REUSABLE.id, at, bytes('reusable'), { ttl: 60 }, soon())
      await engine.end(FINAL.id, at, { everywhere: true }, soon())
      const [final, reusable, fast] = await Promise.all([
        engine.get(FINAL.id, at, soon()),
        engine.get(REUSABLE.id, at, soon()),
        engine.get(FAST.id, at, soon()),
      ])
      assert.equal(final, 'ended')
      assertCell(reusable, bytes('reusable'))
      assert.equal(fast, 'absent')
    }),
  )

  test(
    'addresses that share all but their last byte are different',
    onEngine(make, async (engine) => {
      const one = address()
      const twins = [0, 1, 2].map((last) => Uint8Array.from([...one.subarray(0, 31), last]))
      for (const [i, at] of twins.entries()) await engine.put(FINAL.id, at, bytes(`twin ${i}`), { ttl: 60 }, soon())
      const third = Uint8Array.from([...one.subarray(0, 31), 9])
      const read = await Promise.all([...twins, third].map((at) => engine.get(FINAL.id, at, soon())))
      for (const i of [0, 1, 2]) assertCell(read[i]!, bytes(`twin ${i}`))
      assert.equal(read[3], 'absent')

      await engine.end(FINAL.id, twins[0]!, { everywhere: false }, soon())
      await engine.put(FINAL.id, twins[2]!, bytes('twin 2 anew'), { ttl: 60 }, soon())
      assert.equal(await engine.get(FINAL.id, twins[0]!, soon()), 'ended')
      assertCell(await engine.get(FINAL.id, twins[1]!, soon()), bytes('twin 1'))
      assertCell(await engine.get(FINAL.id, twins[2]!, soon()), bytes('twin 2 anew'))
    }),
  )

  test(
    'a record without expiry stays',
    onEngine(make, async (engine, clock) => {
      const at = address()
      await engine.put(FOREVER.id, at, bytes('check'), { ttl: 0 }, soon())
      clock.forward(50 * 365 * 86_400)
      assert.equal(assertCell(await engine.get(FOREVER.id, at, soon()), bytes('check')).expiresAt, 0)
    }),
  )
}
