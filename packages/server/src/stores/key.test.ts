import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeKey } from './key.ts'

const escapeAll = (bytes: Uint8Array) => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

describe('keys', () => {
  it('decodes any bytes that were escaped, in either case of hexadecimal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        const lower = escapeAll(bytes)
        assert.deepEqual(decodeKey(lower, 200), Buffer.from(bytes))
        assert.deepEqual(decodeKey(lower.toUpperCase(), 200), Buffer.from(bytes))
      }),
    )
  })

  it('takes bytes that are not escaped as they are, also beside escapes', () => {
    assert.deepEqual(decodeKey('\xff.\x80', 9), Buffer.from([0xff, 0x2e, 0x80]))
    assert.deepEqual(decodeKey('\xff%2f..+', 9), Buffer.from([0xff, 0x2f, 0x2e, 0x2e, 0x2b]))
  })

  it('decodes once', () => {
    assert.deepEqual(decodeKey('a%253Ab', 9), Buffer.from('a%3Ab'))
  })

  it('agrees with decodeURIComponent where that succeeds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 50 }), (text) => {
        assert.deepEqual(decodeKey(encodeURIComponent(text), 1000), Buffer.from(text, 'utf8'))
      }),
    )
  })

  it('refuses an escape that is cut or not hexadecimal', () => {
    for (const raw of ['%', '%4', 'abc%', 'abc%4', '%zz', '%4g', '%g4', '%%41', '%\xff0', '% 41']) {
      assert.equal(decodeKey(raw, 100), 'malformed-key', JSON.stringify(raw))
    }
  })

  it('counts decoded bytes against the limit', () => {
    assert.equal((decodeKey('a'.repeat(4096), 4096) as Buffer).length, 4096)
    assert.equal(decodeKey('a'.repeat(4097), 4096), 'key-too-long')
    assert.equal((decodeKey('%61'.repeat(4096), 4096) as Buffer).length, 4096)
    assert.equal(decodeKey('%61'.repeat(4097), 4096), 'key-too-long')
  })
})
