/** Client-side sealing: opens with its own key, store and name alone; the server gets nothing readable. */
import assert from 'node:assert/strict'
import { createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { HoldfastError } from './index.ts'
import { Seal } from './seal.ts'

const KEY = Buffer.from('session-1')
const secret = randomBytes(32)
const seal = new Seal('sessions', secret)

const refused = (open: () => unknown) =>
  assert.throws(open, (error: unknown) => error instanceof HoldfastError && error.code === 'sealed')

test('what is sealed opens, also with a key that was primary before', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.uint8Array({ minLength: 1, maxLength: 99 }), (value, key) => {
      const sealed = seal.seal(key, value)
      assert.deepEqual(seal.open(key, sealed), Buffer.from(value))
      assert.deepEqual(new Seal('sessions', [randomBytes(32), secret]).open(key, sealed), Buffer.from(value))
    }),
  )
})

test('any flipped bit, another key, store or name, and what was never sealed are refused', () => {
  const sealed = seal.seal(KEY, Buffer.from('the value'))
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    refused(() => seal.open(KEY, changed))
  }
  refused(() => seal.open(Buffer.from('session-2'), sealed))
  refused(() => new Seal('other', secret).open(KEY, sealed))
  refused(() => new Seal('sessions', randomBytes(32)).open(KEY, sealed))
  for (let length = 0; length < sealed.length; length++) refused(() => seal.open(KEY, sealed.subarray(0, length)))
  refused(() => seal.open(KEY, Buffer.from('plain text that somebody put there')))
})

test('store and name cannot trade bytes', () => {
  const sealed = new Seal('ab', secret).seal(Buffer.from('c'), Buffer.from('x'))
  refused(() => new Seal('a', secret).open(Buffer.from('bc'), sealed))
})

test('the format is the one written down', () => {
  const value = Buffer.from('the value')
  const sealed = seal.seal(KEY, value)
  assert.equal(sealed.length, 1 + 4 + 32 + value.length + 16)
  const salt = sealed.subarray(5, 37)
  const key = Buffer.from(hkdfSync('sha512', secret, salt, 'holdfast client seal\0', 32))
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.alloc(12), { authTagLength: 16 })
  const lp = (text: string) => Buffer.concat([Buffer.of(0, 0, 0, text.length), Buffer.from(text)])
  decipher.setAAD(Buffer.concat([sealed.subarray(0, 37), lp('sessions'), lp('session-1')]))
  decipher.setAuthTag(sealed.subarray(-16))
  assert.deepEqual(Buffer.concat([decipher.update(sealed.subarray(37, -16)), decipher.final()]), value)
})

test('two seals of one value share nothing but format and key id', () => {
  const [a, b] = [seal.seal(KEY, Buffer.from('x')), seal.seal(KEY, Buffer.from('x'))]
  assert.deepEqual(a.subarray(0, 5), b.subarray(0, 5))
  assert.notDeepEqual(a.subarray(5, 37), b.subarray(5, 37))
})
