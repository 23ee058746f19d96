/** A short form of `npm run soak:crash`, under a new seed each time. */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { soak } from './soak.ts'

test('what was acknowledged survives kill -9 amid writes, ends and takes', { timeout: 300_000 }, async (t) => {
  const seed = randomInt(2 ** 31)
  t.diagnostic(`seed ${seed}`)
  const totals = await soak(20, seed, (line) => t.diagnostic(line))
  // A run that tried nothing, or was never cut off, would prove nothing.
  assert.ok(totals.acknowledged > 500, `${totals.acknowledged} acknowledged`)
  assert.ok(totals.unanswered > 20, `${totals.unanswered} unanswered`)
  assert.ok(totals.ended > 20 && totals.taken > 5, JSON.stringify(totals))
})
