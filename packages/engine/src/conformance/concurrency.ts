/** Many calls at once: exactly one winner, no lost update, and nothing ended is seen again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, assertCell, bytes, FINAL, type Make, onEngine, REUSABLE, soon } from './harness.ts'

export function testConcurrency(make: Make): void {
  test(
    'of many takes at once exactly one gets the cell',
    onEngine(make, async (engine) => {
      for (const { id, final } of [FINAL, REUSABLE]) {
        for (let round = 0; round < 10; round++) {
          const at = address()
          await engine.put(id, at, bytes('one'), { ttl: 60 }, soon())
          const takes = await Promise.all(Array.from({ length: 30 }, () => engine.take(id, at, soon())))
          assert.equal(takes.filter((answer) => typeof answer === 'object').length, 1)
          assert.equal(takes.filter((answer) => answer === (final ? 'ended' : 'absent')).length, 29)
        }
      }
    }),
  )

  test(
    'of many first writes at once exactly one is written, and it is the one that is read',
    onEngine(make, async (engine) => {
      for (let round = 0; round < 10; round++) {
        const at = address()
        const ifAbsent = { ttl: 60, condition: 'absent' } as const
        const answers = await Promise.all(
          Array.from({ length: 30 }, (_, i) => engine.put(FINAL.id, at, bytes(`${i}`), ifAbsent, soon())),
        )
        const winner = answers.indexOf('written')
        assert.equal(answers.filter((answer) => answer === 'written').length, 1)
        assertCell(await engine.get(FINAL.id, at, soon()), bytes(`${winner}`))
      }
    }),
  )

  test(
    'no update is lost when many read, add one and write over the version they read',
    onEngine(make, async (engine) => {
      const at = address()
      await engine.put(REUSABLE.id, at, bytes('0'), { ttl: 60 }, soon())
      const addOne = async (): Promise<void> => {
        const cell = await engine.get(REUSABLE.id, at, soon())
        if (typeof cell === 'string') assert.fail(`the counter is ${cell}`)
        const next = bytes(`${Number(new TextDecoder().decode(cell.sealed)) + 1}`)
        const condition = { version: cell.version }
        if ((await engine.put(REUSABLE.id, at, next, { ttl: 60, condition }, soon())) === 'conflict') await addOne()
      }
      const twenty = async (): Promise<void> => {
        for (let i = 0; i < 20; i++) await addOne()
      }
      await Promise.all(Array.from({ length: 10 }, twenty))
      assertCell(await engine.get(REUSABLE.id, at, soon()), bytes('200'))
    }),
  )

  test(
    'writes that race an end never leave the address living',
    onEngine(make, async (engine) => {
      for (let round = 0; round < 20; round++) {
        const at = address()
        const put = (i: number) => engine.put(FINAL.id, at, bytes(`${i}`), { ttl: 60 }, soon())
        const before = [1, 2, 3].map(put)
        const ending = engine.end(FINAL.id, at, { everywhere: true }, soon())
        const after = [4, 5, 6].map(put)
        await ending
        assert.equal(await engine.get(FINAL.id, at, soon()), 'ended')
        await Promise.all([...before, ...after])
        assert.equal(await engine.get(FINAL.id, at, soon()), 'ended')
      }
    }),
  )

  test(
    'a read that is asked for after an end was acknowledged never shows the session, whatever else is being read',
    onEngine(make, async (engine) => {
      for (let round = 0; round < 50; round++) {
        const at = address()
        await engine.put(FINAL.id, at, bytes('session'), { ttl: 60 }, soon())
        const reads: Promise<unknown>[] = []
        let ended = false
        const ending = engine.end(FINAL.id, at, { everywhere: true }, soon()).then(() => {
          ended = true
        })
        while (!ended) {
          reads.push(engine.get(FINAL.id, at, soon()))
          await new Promise((resolve) => setImmediate(resolve))
        }
        const late = [engine.get(FINAL.id, at, soon()), engine.get(FINAL.id, at, soon())]
        assert.deepEqual(await Promise.all(late), ['ended', 'ended'])
        await Promise.all([ending, ...reads])
      }
    }),
  )
}
