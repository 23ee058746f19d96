import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { valueFor, writeIn } from './values.ts'

const writes = fc.nat(2 ** 40)

test('a value names its write', () => {
  fc.assert(fc.property(writes, (write) => assert.equal(writeIn(valueFor(write)), write)))
})

test('a value cut, changed, or mixed of two is no write at all', () => {
  fc.assert(
    fc.property(writes, writes, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (a, b, where) => {
      fc.pre(a !== b)
      const value = valueFor(a)
      const at = Math.floor(where * value.length)
      const changed = Buffer.from(value)
      changed[at]! ^= 1
      const mixed = Buffer.concat([value.subarray(0, at), valueFor(b).subarray(at)])
      assert.throws(() => writeIn(value.subarray(0, at)), /torn/)
      assert.throws(() => writeIn(changed), /torn/)
      if (!mixed.equals(value) && !mixed.equals(valueFor(b))) assert.throws(() => writeIn(mixed), /torn/)
    }),
  )
})
