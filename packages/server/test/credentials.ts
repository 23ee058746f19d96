/**
 * Two authorities and every kind of client that must be refused, with real certificates. `internal` vouches for
 * spiffe://example.org and dns:*.example.org, `partner` for spiffe://partner.example; both have a revocation list.
 */
import 'reflect-metadata'

import { webcrypto } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Rule } from '../src/access/refusals.ts'
import {
  type CertificateOrder,
  type Issued,
  type IssuingAuthority,
  inDays,
  issue,
  makeAuthority,
  makeRevocationList,
} from '../src/cli/pki.ts'

/** The caller of `good`. */
export const WIKI = 'spiffe://example.org/wiki'

export interface RefusedClient {
  readonly title: string
  /** What the client shows. */
  readonly shows: ConnectionOptions
  readonly rule: Rule
}

export interface Credentials {
  /** What clients trust. */
  readonly ca: string
  readonly good: ConnectionOptions
  /** Proves dns:cache.example.org. */
  readonly goodDns: ConnectionOptions
  /** Proves spiffe://partner.example/wiki, issued by an intermediate that is listed. */
  readonly goodPartner: ConnectionOptions
  readonly refused: readonly RefusedClient[]
  /** As the configuration lists them. */
  readonly authorities: { name: string; certificate: string; crl: string; vouchesFor: string[] }[]
  readonly server: { readonly certificate: string; readonly key: string }
}

const shows = (...issued: (Issued | { certificate: string })[]): ConnectionOptions => ({
  cert: issued.map(({ certificate }) => `${certificate}\n`).join(''),
  key: (issued[0] as Issued).key,
})

/** Makes all of it; authorities and the server's pair are files in `folder`. */
export async function makeCredentials(folder: string): Promise<Credentials> {
  const soon = { notAfter: inDays(2) }
  const internal = await makeAuthority('internal root', soon)
  const impostor = await makeAuthority('internal root', soon)
  const partner = await makeAuthority('partner root', soon)
  const listed = await makeAuthority('partner issuing', { ...soon, issuer: partner })
  const unlisted = await makeAuthority('internal issuing', { ...soon, issuer: internal })
  const uncovered = await makeAuthority('internal other', { ...soon, issuer: internal })

  const order: CertificateOrder = { authority: internal, name: 'wiki', uris: [WIKI], usages: ['client'], ...soon }
  const client = (change: Partial<CertificateOrder>) => issue({ ...order, ...change })
  const good = await client({})
  const revoked = await client({})
  const signing = await clientWith(internal, [maySign])
  const day = 86_400_000
  const refused: RefusedClient[] = [
    { title: 'no certificate', shows: {}, rule: 'no-certificate' },
    {
      title: 'wrong authority, of the same name',
      shows: shows(await client({ authority: impostor })),
      rule: 'unknown-authority',
    },
    {
      title: 'right authority, but a name that it may not vouch for',
      shows: shows(await client({ authority: partner })),
      rule: 'not-vouched',
    },
    {
      title: 'right authority, but a DNS name that it may not vouch for',
      shows: shows(await client({ uris: [], dns: ['a.b.example.org'] })),
      rule: 'not-vouched',
    },
    {
      title: 'issued by an intermediate that the authority did not list',
      shows: shows(await client({ authority: unlisted }), unlisted),
      rule: 'unlisted-issuer',
    },
    {
      title: 'issued by an intermediate without a revocation list',
      shows: shows(await client({ authority: uncovered }), uncovered),
      rule: 'no-revocation-list',
    },
    {
      title: 'expired',
      shows: shows(await client({ notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - 2000) })),
      rule: 'expired',
    },
    { title: 'not yet valid', shows: shows(await client({ notBefore: inDays(1) })), rule: 'not-yet-valid' },
    { title: 'revoked', shows: shows(revoked), rule: 'revoked' },
    {
      title: 'two URI names',
      shows: shows(await client({ uris: [WIKI, 'spiffe://example.org/admin'] })),
      rule: 'several-names',
    },
    {
      // Node shows the first only, so it is the TLS library that must refuse them.
      title: 'two extensions of names',
      shows: shows(await clientWith(internal, [namesOf('spiffe://example.org/admin')])),
      rule: 'unknown-authority',
    },
    {
      title: 'two DNS names',
      shows: shows(await client({ uris: [], dns: ['cache.example.org', 'wiki.example.org'] })),
      rule: 'several-names',
    },
    { title: 'a common name only', shows: shows(await client({ name: WIKI, uris: [] })), rule: 'no-name' },
    { title: 'a server certificate', shows: shows(await client({ usages: ['server'] })), rule: 'no-client-auth' },
    { title: 'no extended key usage', shows: shows(await client({ usages: [] })), rule: 'no-client-auth' },
    {
      title: 'a URI that is no SPIFFE id',
      shows: shows(await client({ uris: ['https://example.org/wiki'], dns: ['cache.example.org'] })),
      rule: 'bad-name',
    },
    { title: 'a whole trust domain', shows: shows(await client({ uris: ['spiffe://example.org'] })), rule: 'bad-name' },
    { title: 'a DNS wildcard', shows: shows(await client({ uris: [], dns: ['*.example.org'] })), rule: 'bad-name' },
    {
      title: 'an authority',
      shows: shows(await clientWith(internal, [new BasicConstraintsExtension(true, undefined, true), maySign])),
      rule: 'authority-certificate',
    },
    {
      title: 'issued by a client whose key usage allows signing',
      shows: shows(await client({ authority: signing }), signing),
      rule: 'no-revocation-list',
    },
    { title: 'TLS 1.2', shows: { ...shows(good), maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' }, rule: 'old-protocol' },
  ]

  const put = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const nothing = [partner, listed, unlisted]
  const lists = await Promise.all(nothing.map((authority) => makeRevocationList(authority, [], soon)))
  const server = await issue({ ...order, uris: [], dns: ['localhost'], ips: ['127.0.0.1'], usages: ['server'] })
  const byDns = await client({ uris: [], dns: ['Cache.example.org'] })
  const byPartner = await client({ authority: listed, uris: ['spiffe://partner.example/wiki'] })
  return {
    ca: internal.certificate,
    good: shows(good),
    goodDns: shows(byDns),
    goodPartner: shows(byPartner),
    refused,
    authorities: [
      {
        name: 'internal',
        certificate: put('internal.pem', internal.certificate),
        crl: put('internal.crl', `${await makeRevocationList(internal, [revoked.serial], soon)}\n${lists[2]}`),
        vouchesFor: ['spiffe://example.org', 'dns:*.example.org'],
      },
      {
        name: 'partner',
        certificate: put('partner.pem', `${partner.certificate}\n${listed.certificate}`),
        crl: put('partner.crl', `${lists[0]}\n${lists[1]}`),
        vouchesFor: ['spiffe://partner.example'],
      },
    ],
    server: { certificate: put('server.pem', server.certificate), key: put('server-key.pem', server.key) },
  }
}

const namesOf = (value: string) => new SubjectAlternativeNameExtension([{ type: 'url', value }])
const maySign = new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign, true)

/** A client certificate with a fine name and whatever else; it can be made to issue others. */
async function clientWith(
  issuer: IssuingAuthority,
  extensions: readonly Extension[],
): Promise<IssuingAuthority & Issued> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const name = 'wiki'
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: `CN=${issuer.name}`,
    notAfter: inDays(1),
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]), namesOf(WIKI), ...extensions],
  })
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  return { certificate: certificate.toString('pem'), serial: certificate.serialNumber, name, keys, key }
}
