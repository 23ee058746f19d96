import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { firstExpiry, HEADER_BYTES, makeRow, parseRow, RecordReader, slotAt } from './record.ts'

const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const record = fc.record(
  {
    space: fc.nat(0xffff),
    version: whole,
    expiresAt: whole,
    address: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    sealed: fc.uint8Array({ maxLength: 100 }),
  },
  { noNullPrototype: true },
)

test('a row gives back its records', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 4 }), (records) => {
      const row = makeRow(records)
      // Read from the middle of a larger buffer, as the file's arrays may be.
      const padded = new Uint8Array(row.length + 7)
      padded.set(row, 7)
      const read = parseRow(padded.subarray(7))
      assert.deepEqual(
        read.map((one) => ({ ...one, address: Uint8Array.from(one.address), sealed: Uint8Array.from(one.sealed) })),
        records,
      )
    }),
  )
})

test('a slot is the first 53 bits of the address, exactly', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 40, maxLength: 40 }), fc.nat(8), (bytes, offset) => {
      const expected = Buffer.from(bytes).readBigUInt64BE(offset) >> 11n
      assert.equal(BigInt(slotAt(bytes, offset)), expected)
    }),
  )
  assert.equal(slotAt(new Uint8Array(32).fill(0xff), 0), Number.MAX_SAFE_INTEGER)
})

test('the first expiry leaves out records that never expire', () => {
  const expiring = (expiresAt: number) => ({ ...fc.sample(record, 1)[0]!, expiresAt })
  assert.equal(firstExpiry([expiring(0), expiring(9), expiring(5), expiring(0)]), 5)
  assert.equal(firstExpiry([expiring(0)]), 0)
})

test('damaged rows are an error, never a wrong record and never an endless walk', () => {
  const row = makeRow(fc.sample(record, 3))
  fc.assert(
    fc.property(fc.nat(row.length - 1), fc.nat(255), fc.nat(row.length), (at, byte, cut) => {
      const damaged = row.slice(0, Math.max(1, cut))
      damaged[at % damaged.length] = byte
      try {
        for (const { address, sealed } of parseRow(damaged)) {
          assert.equal(address.length, 32)
          assert.ok(sealed.length <= damaged.length)
        }
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
      }
    }),
    { numRuns: 2000 },
  )
  // A length of nothing would keep a walk at its place for ever; one past the end would read a neighbour's bytes.
  for (const length of [0, HEADER_BYTES - 1, row.length + 1]) {
    const wrong = row.slice()
    new DataView(wrong.buffer).setUint32(0, length)
    assert.throws(() => new RecordReader(wrong).length(0), RangeError)
    assert.throws(() => parseRow(wrong), RangeError)
  }
})
