import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Envelope, sealedSize } from './envelope.ts'
import { Unreadable, type UnreadableReason } from './errors.ts'
import { Keyring } from './keyring.ts'
import { Keyset } from './keyset.ts'
import { CELLS, NOW, ROWS } from './test-support.ts'

const keyset = Keyset.generate('stores', NOW)
const ring = new Keyring(keyset)
const cells = new Envelope(CELLS, ring)
const rows = new Envelope(ROWS, ring)

const anyKey = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ minLength: 4, maxLength: 4 }))
const anyValue = fc.uint8Array({ maxLength: 200 })
// Often of the same length: a difference must not be noticed by its length alone.
const anyOrder = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.uint8Array({ minLength: 2, maxLength: 2 }))
const times = { writtenAt: NOW, expiresAt: NOW + 1000 }

function refuses(attempt: () => unknown, ...reasons: UnreadableReason[]): void {
  assert.throws(attempt, (error: unknown) => {
    assert.ok(error instanceof Unreadable, `threw ${error}`)
    assert.ok(reasons.includes(error.reason), `${error.reason} is not among ${reasons}`)
    return true
  })
}

/** A row and its place, sealed. */
const sealedRow = fc.record({ key: anyKey, order: anyOrder, value: anyValue }).map((row) => {
  const address = rows.address(row.key)
  return { ...row, address, sealed: rows.seal(address, row.key, { ...times, value: row.value }, row.order) }
})

/** Where a flipped bit is noticed, by the byte it is in. */
function reasonAt(at: number): UnreadableReason {
  if (at === 0) return 'malformed'
  if (at < 5) return 'unknown-key'
  return at < 69 ? 'commitment' : 'tag'
}

describe('envelope', () => {
  test('what was sealed opens: value, times, key', () => {
    fc.assert(
      fc.property(anyKey, anyValue, fc.maxSafeNat(), fc.maxSafeNat(), (key, value, writtenAt, expiresAt) => {
        const address = cells.address(key)
        const sealed = cells.seal(address, key, { value, writtenAt, expiresAt })
        assert.equal(sealed.length, sealedSize(value.length))
        const opened = cells.open(address, key, new Uint8Array(sealed))
        assert.deepEqual(opened, {
          value: Buffer.from(value),
          writtenAt,
          expiresAt,
          keyId: keyset.primary.id,
          current: true,
        })
      }),
    )
  })

  test('an address is the HMAC of label, space and key', () => {
    fc.assert(
      fc.property(fc.oneof(anyKey, fc.uint8Array({ minLength: 4090, maxLength: 4100, size: 'max' })), (key) => {
        const length = Buffer.alloc(4)
        length.writeUInt32BE(key.length)
        const hmac = createHmac('sha256', keyset.addressKey)
        hmac.update('holdfast/v1/address\0\0\0\0\x0estore:sessions').update(length).update(key)
        assert.deepEqual(cells.address(key), hmac.digest())
      }),
    )
  })

  test('any flipped bit is refused, with the reason of its place', () => {
    fc.assert(
      fc.property(sealedRow, fc.nat(), ({ key, order, address, sealed }, anyBit) => {
        const bit = anyBit % (sealed.length * 8)
        const edited = Buffer.from(sealed)
        edited[bit >> 3]! ^= 1 << (bit & 7)
        refuses(() => rows.open(address, key, edited, order), reasonAt(bit >> 3))
      }),
      { numRuns: 1000 },
    )
  })

  test('every bit of one record, flipped, is refused', () => {
    const key = Buffer.from('k')
    const address = cells.address(key)
    const sealed = cells.seal(address, key, { ...times, value: Buffer.from('value') })
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const edited = Buffer.from(sealed)
      edited[bit >> 3]! ^= 1 << (bit & 7)
      refuses(() => cells.open(address, key, edited), reasonAt(bit >> 3))
    }
  })

  test('any record that was cut or prolonged is refused', () => {
    fc.assert(
      fc.property(sealedRow, fc.nat(), fc.uint8Array({ minLength: 1 }), (row, anyLength, more) => {
        const { key, order, address, sealed } = row
        const cut = sealed.subarray(0, anyLength % sealed.length)
        refuses(() => rows.open(address, key, cut, order), cut.length < sealedSize(0) ? 'malformed' : 'tag')
        refuses(() => rows.open(address, key, Buffer.concat([sealed, more]), order), 'tag')
      }),
    )
  })

  test('any two rows, swapped in one or more of key, address and order, are refused', () => {
    fc.assert(
      fc.property(sealedRow, sealedRow, fc.integer({ min: 1, max: 7 }), (one, other, mask) => {
        const key = mask & 1 ? other.key : one.key
        const address = mask & 2 ? other.address : one.address
        const order = mask & 4 ? other.order : one.order
        const sameKey = Buffer.compare(one.key, key) === 0
        fc.pre(!(sameKey && one.address.equals(address) && Buffer.compare(one.order, order) === 0))
        refuses(() => rows.open(address, key, one.sealed, order), 'commitment', 'tag')
      }),
      { numRuns: 1000 },
    )
  })

  test('a record in another space or shape of the same room is refused', () => {
    fc.assert(
      fc.property(anyKey, anyValue, (key, value) => {
        const address = cells.address(key)
        const sealed = cells.seal(address, key, { ...times, value })
        const other = new Envelope({ ...CELLS, id: 'store:echoseen' }, ring)
        refuses(() => other.open(other.address(key), key, sealed), 'tag')
        refuses(() => other.open(address, key, sealed), 'tag')
        refuses(() => new Envelope({ ...CELLS, shape: 'rows' }, ring).open(address, key, sealed), 'tag')
      }),
    )
  })

  test('any bytes at all are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300, size: 'max' }), fc.boolean(), (junk, likely) => {
        if (likely && junk.length > 5) Buffer.from(junk.buffer).writeUInt32BE(keyset.primary.id, 1)
        if (likely) junk[0] = 1
        refuses(() => cells.open(cells.address(junk), junk, junk), 'malformed', 'unknown-key', 'commitment')
      }),
    )
  })

  test('a record of another keyset is refused, even under the same key id', () => {
    const { id, createdAt } = keyset.primary
    const foreign = Keyset.generate('stores', NOW)
    const { addressKey } = keyset
    const same = new Keyset('stores', addressKey, [{ id, state: 'primary', createdAt, secret: foreign.primary.secret }])
    const key = Buffer.from('k')
    const address = cells.address(key)
    const record = { ...times, value: Buffer.from('v') }
    const unknown = new Envelope(CELLS, new Keyring(foreign)).seal(address, key, record)
    refuses(() => cells.open(address, key, unknown), 'unknown-key')
    const posing = new Envelope(CELLS, new Keyring(same)).seal(address, key, record)
    refuses(() => cells.open(address, key, posing), 'commitment')
  })

  test('no two seals of the same record have a byte of salt, commitment or ciphertext to tell that they are', () => {
    const key = Buffer.from('k')
    const address = cells.address(key)
    const record = { ...times, value: Buffer.alloc(32) }
    const seals = Array.from({ length: 100 }, () => cells.seal(address, key, record))
    for (const [from, to] of [
      [5, 37],
      [37, 69],
      [69, 117],
    ]) {
      assert.equal(new Set(seals.map((sealed) => sealed.toString('hex', from, to))).size, 100)
    }
  })

  test('an opened value is not written to by later calls', () => {
    const [one, two] = [Buffer.from('one'), Buffer.from('two')]
    const address = cells.address(one)
    const sealed = cells.seal(address, one, { ...times, value: Buffer.from('first value') })
    const { value } = cells.open(address, one, sealed)
    const other = cells.address(two)
    cells.open(other, two, cells.seal(other, two, { ...times, value: Buffer.from('other value') }))
    assert.deepEqual(cells.address(one), address)
    assert.equal(value.toString(), 'first value')
  })

  test('the error tells the space, the reason and the claimed key, and nothing of key or value', () => {
    const error = new Unreadable('tag', CELLS.id, 7)
    assert.equal(error.message, 'a record in store sessions does not open: tag (key id 7)')
    assert.equal(new Unreadable('malformed', CELLS.id).keyId, undefined)
  })
})
