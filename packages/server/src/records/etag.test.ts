import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { etagOf } from './etag.ts'

test('an entity tag is the quoted base64url of the first 16 bytes of SHA-256("etag" and the commitment)', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 101, maxLength: 120 }), (sealed) => {
      const digest = createHash('sha256').update('etag').update(sealed.subarray(37, 69)).digest()
      assert.equal(etagOf(sealed), `"${digest.subarray(0, 16).toString('base64url')}"`)
    }),
    // All 64 characters that may stand where the tag is cut.
    { numRuns: 2000 },
  )
})
