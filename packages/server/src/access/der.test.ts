import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { inDays, issue, makeAuthority, makeRevocationList } from '../cli/pki.ts'
import { certificateFacts, listFacts, subjectOf } from './der.ts'

const notAfter = inDays(1)
const authority = await makeAuthority('authority', { notAfter })
const root = new X509Certificate(authority.certificate)
const { certificate } = await issue({
  authority,
  name: 'leaf',
  uris: ['spiffe://example.org/a', 'https://example.org/?b,c'],
  dns: ['a.example.org'],
  ips: ['10.0.0.1'],
  usages: ['client', 'server'],
  notAfter,
})
const leaf = new X509Certificate(certificate)
const bytesOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')

test('facts of certificates', async () => {
  assert.deepEqual(certificateFacts(leaf.raw), {
    uris: ['spiffe://example.org/a', 'https://example.org/?b,c'],
    dns: ['a.example.org'],
    clientAuth: true,
    signs: false,
  })
  assert.deepEqual(certificateFacts(root.raw), { uris: [], dns: [], clientAuth: false, signs: true })
  const plain = await issue({ authority, name: 'plain', usages: ['server'], notAfter })
  assert.equal(certificateFacts(new X509Certificate(plain.certificate).raw).clientAuth, false)
  assert.ok(subjectOf(root.raw).includes('authority'))
  assert.ok(!subjectOf(leaf.raw).includes('authority'), 'the subject, not the issuer')
})

test('facts of revocation lists', async () => {
  const at = (text: string) => new Date(text)
  const near = await makeRevocationList(authority, ['01'], {
    notBefore: at('2026-01-02T03:04:05Z'),
    notAfter: at('2049-12-31T23:59:59Z'),
  })
  const { issuer, thisUpdate, nextUpdate } = listFacts(bytesOf(near))
  assert.ok(issuer.equals(subjectOf(root.raw)))
  assert.deepEqual([thisUpdate, nextUpdate], [at('2026-01-02T03:04:05Z'), at('2049-12-31T23:59:59Z')])
  const far = await makeRevocationList(authority, [], { notAfter: at('2050-01-01T00:00:00Z') })
  assert.deepEqual(listFacts(bytesOf(far)).nextUpdate, at('2050-01-01T00:00:00Z'), 'GeneralizedTime')
})

test('damaged bytes are read or refused, and never run away', () => {
  const good = certificateFacts(leaf.raw)
  for (let at = 0; at < leaf.raw.length; at++) {
    for (const value of [0x00, 0x01, 0x7f, 0x80, 0x84, 0xff, leaf.raw[at]! ^ 1, leaf.raw[at]! ^ 0x20]) {
      const bytes = Buffer.from(leaf.raw)
      bytes[at] = value
      try {
        assert.deepEqual(Object.keys(certificateFacts(bytes)), Object.keys(good))
      } catch (error) {
        assert.ok(error instanceof RangeError, `${at} = ${value}: ${error}`)
      }
    }
  }
  for (let length = 0; length < leaf.raw.length; length++) {
    assert.throws(() => certificateFacts(leaf.raw.subarray(0, length)), RangeError)
  }
})
