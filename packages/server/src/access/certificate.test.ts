import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { type CertificateOrder, type IssuingAuthority, inDays, issue, makeAuthority } from '../cli/pki.ts'
import type { Authority } from './authorities.ts'
import { nameOf } from './certificate.ts'
import { Vouching } from './names.ts'

const soon = { notAfter: inDays(1) }
const root = await makeAuthority('root', soon)
const impostor = await makeAuthority('root', soon)
const WIKI = 'spiffe://example.org/wiki'

async function leaf(change: Partial<CertificateOrder>): Promise<X509Certificate> {
  const order = { authority: root, name: 'wiki', uris: [WIKI], usages: ['client'] as const, ...soon, ...change }
  return new X509Certificate((await issue(order)).certificate)
}
const authority = (name: string, { certificate }: IssuingAuthority, vouchesFor: string[]): Authority => ({
  name,
  certificates: [new X509Certificate(certificate)],
  lists: [],
  revoked: new Map(),
  vouching: new Vouching(vouchesFor),
  expires: soon.notAfter,
})

test('an issuer is known by its signature, not by its name', async () => {
  const authorities = [authority('a', root, ['spiffe://example.org'])]
  assert.equal(nameOf(await leaf({}), authorities), WIKI)
  const forged = await leaf({ authority: impostor })
  assert.deepEqual(nameOf(forged, authorities), { refused: 'unlisted-issuer', fingerprint: forged.fingerprint256 })
})

test('an issuer that several authorities list vouches only for what all of them may', async () => {
  const wide = authority('wide', root, ['spiffe://example.org', 'spiffe://other.org'])
  const narrow = authority('narrow', root, ['spiffe://example.org'])
  assert.equal(nameOf(await leaf({}), [wide, narrow]), WIKI)
  const other = await leaf({ uris: ['spiffe://other.org/a'] })
  assert.equal(nameOf(other, [wide]), 'spiffe://other.org/a')
  assert.deepEqual(nameOf(other, [wide, narrow]), { refused: 'not-vouched', fingerprint: other.fingerprint256 })
})

test('beside a SPIFFE id, DNS names and the common name say nothing', async () => {
  const authorities = [authority('a', root, ['spiffe://example.org', 'dns:*.example.org'])]
  const names = { name: 'spiffe://example.org/admin', dns: ['a.example.org', 'b.example.org'] }
  assert.equal(nameOf(await leaf(names), authorities), WIKI)
})

test('no name can bring another one along', async () => {
  const authorities = [authority('a', root, ['spiffe://example.org', 'dns:*.example.org'])]
  const admin = 'spiffe://example.org/admin'
  const smuggled: Partial<CertificateOrder>[] = [
    { uris: [`${WIKI}, URI:${admin}`] },
    { uris: [`${WIKI}, DNS:admin.example.org`] },
    { uris: [`x, URI:${admin}`] },
    { uris: [`${WIKI}","URI:${admin}`] },
    { uris: [`${WIKI}\n, URI:${admin}`] },
    { uris: [`${WIKI}\u0000, URI:${admin}`] },
    { uris: [`${WIKI},URI:${admin}`] },
    { uris: [], dns: [`x, URI:${admin}`] },
    { uris: [], dns: ['a.example.org, DNS:admin.example.org'] },
    { uris: [], dns: ['a.example.org\\'] },
    { dns: [`x, URI:${admin}`] },
    { uris: [`${WIKI} URI:${admin}`] },
    { uris: [''] },
    { uris: [], dns: [''] },
  ]
  for (const names of smuggled) {
    const certificate = await leaf(names)
    const refusal = { refused: 'bad-name', fingerprint: certificate.fingerprint256 }
    assert.deepEqual(nameOf(certificate, authorities), refusal, JSON.stringify(names))
  }
})

test('names of other kinds say nothing', async () => {
  const authorities = [authority('a', root, ['spiffe://example.org'])]
  assert.equal(nameOf(await leaf({ ips: ['10.0.0.1', '::1'] }), authorities), WIKI)
  const numbered = await leaf({ uris: [], ips: ['10.0.0.1'] })
  assert.deepEqual(nameOf(numbered, authorities), { refused: 'no-name', fingerprint: numbered.fingerprint256 })
})
