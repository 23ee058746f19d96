import assert from 'node:assert/strict'
import { randomBytes, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { inDays, issue, makeAuthority, makeRevocationList } from '../cli/pki.ts'
import { readRevocationList, serialOf, subjectOf } from './revocation-list.ts'

const authority = await makeAuthority('root', { notAfter: inDays(3) })
const namesake = await makeAuthority('root', { notAfter: inDays(3) })
const { certificate, serial } = await issue({ authority, name: 'leaf', usages: ['client'], notAfter: inDays(1) })
const root = new X509Certificate(authority.certificate)

test('a list is its issuer, its dates, its serials and its signature', async () => {
  const [notBefore, notAfter] = [inDays(-1), inDays(1)]
  for (const date of [notBefore, notAfter]) date.setUTCMilliseconds(0)
  const list = readRevocationList(await makeRevocationList(authority, [serial, '00ff'], { notBefore, notAfter }))
  assert.deepEqual(list.issuer, subjectOf(root))
  assert.deepEqual([list.thisUpdate, list.nextUpdate], [notBefore, notAfter])
  assert.deepEqual([...list.serials], [serialOf(new X509Certificate(certificate)), 'ff'])
  assert.equal(list.signedBy(root), true)
  assert.equal(list.signedBy(new X509Certificate(namesake.certificate)), false)
  assert.deepEqual(subjectOf(new X509Certificate(namesake.certificate)), subjectOf(root))
})

test('an empty list, and dates beyond 2050', async () => {
  const notAfter = new Date('2077-01-02T03:04:05Z')
  const list = readRevocationList(await makeRevocationList(authority, [], { notAfter }))
  assert.deepEqual([list.serials.size, list.nextUpdate], [0, notAfter])
})

/** More than a parser that makes an object of everything takes; its entries have reasons, as those of public authorities. */
test('long lists are read', () => {
  const serials = Array.from({ length: 20_000 }, () => Buffer.concat([Buffer.from([0x41]), randomBytes(15)]))
  const time = wrap(0x17, Buffer.from('260101000000Z', 'latin1'))
  const entries = serials.map((serial) => wrap(0x30, wrap(0x02, serial), time, wrap(0x30)))
  const algorithm = wrap(0x30, wrap(0x06, Buffer.from('2a8648ce3d040302', 'hex')))
  const signed = wrap(0x30, algorithm, subjectOf(root), time, wrap(0x30, ...entries), wrap(0xa0))
  const list = readRevocationList(pem(wrap(0x30, signed, algorithm, wrap(0x03, Buffer.alloc(70)))))
  assert.equal(list.serials.size, serials.length)
  assert.ok(list.serials.has(serials[19_999]!.toString('hex')))
  assert.deepEqual([list.nextUpdate, list.signedBy(root)], [undefined, false])
})

test('what is cut off or changed is refused, or is not signed', async () => {
  const list = await makeRevocationList(authority, [serial], { notAfter: inDays(1) })
  const der = Buffer.from(list.replace(/-----[^-]+-----/g, ''), 'base64')
  const accepted = (bytes: Buffer) => {
    try {
      return readRevocationList(pem(bytes)).signedBy(root)
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error))
      return false
    }
  }
  assert.equal(accepted(der), true)
  // Behind what is signed come the algorithm once more and the signature: at least 80 bytes.
  const signedEnd = der.length - 90
  for (let length = 0; length < der.length; length++) assert.notEqual(accepted(der.subarray(0, length)), true)
  fc.assert(
    fc.property(fc.nat(signedEnd), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Buffer.from(der)
      bytes[at]! ^= flip
      assert.notEqual(accepted(bytes), true)
    }),
  )
})

function pem(bytes: Buffer): string {
  return `-----BEGIN X509 CRL-----\n${bytes.toString('base64')}\n-----END X509 CRL-----`
}

function wrap(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const head = Buffer.from([tag, 0x83, 0, 0, 0])
  head.writeUIntBE(content.length, 2, 3)
  return Buffer.concat([head, content])
}
