import assert from 'node:assert/strict'
import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { decrypt, encrypt, Mac } from './primitives.ts'

interface Vector {
  tcId: number
  flags: string[]
  key: string
  msg: string
  tag: string
  result: 'valid' | 'invalid'
  iv: string
  aad: string
  ct: string
}
interface Group {
  ivSize: number
  keySize: number
  tagSize: number
  tests: Vector[]
}

/** Vectors of the groups that use the sizes that the formats use. */
function wycheproof(name: string, fits: (group: Group) => boolean): Vector[] {
  const file = JSON.parse(readFileSync(`${import.meta.dirname}/vectors/wycheproof-${name}.json`, 'utf8'))
  return (file.testGroups as Group[]).filter(fits).flatMap((group) => group.tests)
}

const hex = (text: string) => Buffer.from(text, 'hex')

test('AES-256-GCM agrees with Wycheproof', () => {
  const vectors = wycheproof('aes-gcm', (group) => {
    return group.keySize === 256 && group.ivSize === 96 && group.tagSize === 128
  })
  assert.equal(vectors.length, 66)
  for (const { tcId, key, iv, aad, msg, ct, tag, result } of vectors) {
    const secret = createSecretKey(hex(key))
    const opened = decrypt(secret, hex(iv), hex(aad), hex(ct), hex(tag))
    if (result === 'invalid') {
      assert.equal(opened, undefined, `vector ${tcId}`)
      continue
    }
    assert.deepEqual(opened, hex(msg), `vector ${tcId}`)
    const sealed = encrypt(secret, hex(iv), hex(aad), hex(msg))
    assert.deepEqual(sealed, { ciphertext: hex(ct), tag: hex(tag) }, `vector ${tcId}`)
  }
})

for (const [algorithm, bits, count] of [
  ['sha256', 512, 168],
  ['sha512', 1024, 174],
] as const) {
  test(`HMAC over ${algorithm} agrees with Wycheproof`, () => {
    const vectors = wycheproof(`hmac-${algorithm}`, (group) => group.keySize <= bits)
    assert.equal(vectors.length, count)
    for (const { tcId, key, msg, tag, result } of vectors) {
      const digest = Buffer.alloc(bits / 16)
      new Mac(algorithm, createSecretKey(hex(key))).digestInto(digest, hex(msg))
      const same = digest.subarray(0, tag.length / 2).equals(hex(tag))
      assert.equal(same, result === 'valid', `vector ${tcId}`)
    }
  })
}

test('a MAC used many times agrees with one update over the joined parts, whatever their lengths', () => {
  const secret = createSecretKey(Buffer.alloc(32, 7))
  const mac = new Mac('sha512', secret)
  const part = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 3000, size: 'max' }))
  fc.assert(
    fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
      const digest = Buffer.alloc(64)
      mac.digestInto(digest, ...parts)
      assert.deepEqual(digest, createHmac('sha512', secret).update(Buffer.concat(parts)).digest())
    }),
  )
})

test('a key never lies in the memory that Node shares out, whatever the length of the message', () => {
  const key = randomBytes(32)
  // Buffer.from would put it there.
  const padded = Buffer.alloc(32)
  for (const [index, byte] of key.entries()) padded[index] = byte ^ 0x36
  const pool = () => Buffer.from(Buffer.allocUnsafe(1).buffer)
  const mac = new Mac('sha256', createSecretKey(key))
  const pools = [pool()]
  for (const length of [600, 900, 5000]) {
    mac.digestInto(Buffer.alloc(32), Buffer.alloc(length))
    pools.push(pool())
  }
  for (const one of pools) {
    assert.ok(one.length >= Buffer.poolSize)
    assert.ok(!one.includes(padded))
  }
})

test('a key longer than a block of the hash is refused, not cut', () => {
  for (const [algorithm, block] of [
    ['sha256', 64],
    ['sha512', 128],
  ] as const) {
    new Mac(algorithm, createSecretKey(Buffer.alloc(block, 1)))
    assert.throws(() => new Mac(algorithm, createSecretKey(Buffer.alloc(block + 1, 1))), RangeError)
  }
})

test('a tag shorter than 16 bytes is refused, not compared in part', () => {
  const key = createSecretKey(Buffer.alloc(32, 7))
  const nonce = Buffer.alloc(12)
  const { ciphertext, tag } = encrypt(key, nonce, Buffer.alloc(0), Buffer.from('value'))
  assert.throws(() => decrypt(key, nonce, Buffer.alloc(0), ciphertext, tag.subarray(0, 4)), {
    code: 'ERR_CRYPTO_INVALID_AUTH_TAG',
  })
})
