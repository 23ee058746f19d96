import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineUnavailable } from '@holdfast/engine'
import { Turns } from './turns.ts'

const soon = () => performance.now() + 10_000

test('one after the other on one thing, also after a failure; at once on others', async () => {
  const turns = new Turns()
  const log: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = turns.take('a', soon(), async () => {
    await gate.promise
    log.push('first')
    throw new Error('failed')
  })
  const second = turns.take('a', soon(), async () => log.push('second'))
  await turns.take('b', soon(), async () => log.push('other'))
  gate.resolve()
  await assert.rejects(first, /failed/)
  await second
  assert.deepEqual(log, ['other', 'first', 'second'])
})

test('whose turn comes too late has done nothing', async () => {
  const turns = new Turns()
  const gate = Promise.withResolvers<void>()
  const first = turns.take('a', soon(), () => gate.promise)
  let done = false
  const late = turns.take('a', performance.now(), async () => {
    done = true
  })
  gate.resolve()
  await first
  await assert.rejects(late, EngineUnavailable)
  assert.equal(done, false)
})
