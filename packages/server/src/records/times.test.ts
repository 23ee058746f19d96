import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CLOCK_TOLERANCE_MS, judgeTimes, readTime, TIMES_BYTES, writeTimes } from './times.ts'

const NOW = 1_790_000_000_000

test('times are two big-endian u64', () => {
  const time = fc.maxSafeNat()
  fc.assert(
    fc.property(time, time, (writtenAt, expiresAt) => {
      const encoded = Buffer.alloc(TIMES_BYTES)
      writeTimes(encoded, { writtenAt, expiresAt })
      assert.equal(encoded.readBigUInt64BE(0), BigInt(writtenAt))
      assert.equal(encoded.readBigUInt64BE(8), BigInt(expiresAt))
      assert.equal(readTime(encoded, 0), writtenAt)
      assert.equal(readTime(encoded, 8), expiresAt)
    }),
  )
})

test('a time beyond what a number holds exactly is no time', () => {
  const encoded = Buffer.alloc(TIMES_BYTES)
  encoded.writeBigUInt64BE(2n ** 53n)
  encoded.writeBigUInt64BE(2n ** 53n - 1n, 8)
  assert.equal(readTime(encoded, 0), Number.NaN)
  assert.equal(readTime(encoded, 8), Number.MAX_SAFE_INTEGER)
})

describe('the sealed times are judged', () => {
  const tolerance = CLOCK_TOLERANCE_MS
  const end = NOW + 1000
  const cases: [name: string, writtenAt: number, expiresAt: number, engineExpiresAt: number, verdict: string][] = [
    ['an ordinary record', NOW - 5, end, end, 'alive'],
    ['one that never expires', NOW - 5, 0, 0, 'alive'],
    ['the last millisecond', NOW - 5, NOW + 1, NOW + 1, 'alive'],
    ['the first one after', NOW - 5, NOW, NOW, 'expired'],
    ['long over, though the engine still has it', NOW - 9e8, NOW - 8e8, NOW - 8e8 + tolerance, 'expired'],
    [
      'written by a clock that is ahead by the tolerance',
      NOW + tolerance,
      NOW + tolerance + 1,
      NOW + tolerance,
      'alive',
    ],
    ['and by one more', NOW + tolerance + 1, NOW + tolerance + 2, NOW + tolerance, 'times'],
    ['written at no time', Number.NaN, end, end, 'times'],
    ['expires at no time', NOW - 5, Number.NaN, end, 'times'],
    ['expires when it was written', NOW - 5, NOW - 5, NOW - 5, 'times'],
    ['the engine is later by the tolerance', NOW - 5, end, end + tolerance, 'alive'],
    ['and by one more', NOW - 5, end, end + tolerance + 1, 'prolonged'],
    ['the engine says never', NOW - 5, end, 0, 'prolonged'],
    ['the engine says nothing sensible', NOW - 5, end, Number.NaN, 'prolonged'],
    ['over, and the engine claims much more', NOW - 9e8, NOW - 8e8, end, 'prolonged'],
    ['the engine ends it sooner', NOW - 5, end, NOW + 1, 'alive'],
    ['the engine ends what never expires', NOW - 5, 0, end, 'alive'],
  ]
  for (const [name, writtenAt, expiresAt, engineExpiresAt, verdict] of cases) {
    test(`${name}: ${verdict}`, () => {
      assert.equal(judgeTimes(writtenAt, expiresAt, engineExpiresAt, NOW), verdict)
    })
  }
})
