import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Stamps } from './stamps.ts'

test('timestamps grow, whatever the clock and whatever was seen', () => {
  const stamps = new Stamps()
  let last = 0n
  for (let i = 0; i < 5000; i++) {
    const stamp = stamps.after(i % 3 === 0 ? null : last)
    assert.ok(stamp > last)
    last = stamp
  }
  assert.ok(Number(last / 1000n) - Date.now() < 1000, 'and stay near the clock')
})

test('a write is later than what it replaces, though that came from a clock that is ahead', () => {
  const stamps = new Stamps()
  const ahead = BigInt(Date.now() + 10_000) * 1000n
  assert.equal(stamps.after(ahead), ahead + 1n)
  assert.equal(stamps.after(undefined), ahead + 2n)
})
