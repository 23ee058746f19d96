/**
 * Makes certificates, revocation lists and certificate requests: P-256 keys, ECDSA with SHA-256. Serial numbers are
 * random; times are whole seconds.
 *
 * It keeps nothing: keys lie in memory and wherever the caller writes them, and nothing records what was issued. What
 * does is ./ca/, on top of it; development mode and tests use it as it is. It takes names as they come: who calls it
 * has checked them.
 */
import 'reflect-metadata'

import { createPublicKey, type KeyObject, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequestGenerator,
  type PublicKeyType,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509'

const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const
/** id-ce-cRLNumber: RFC 5280, section 5.2.3. */
const CRL_NUMBER = '2.5.29.20'
const DAY_MS = 86_400_000
/** How long before its making a certificate is already valid, so that a clock a little behind accepts it. */
const BACKDATE_MS = 60_000

export interface IssuingAuthority {
  /** PEM. */
  readonly certificate: string
  /** Its common name, by which its certificates name their issuer. */
  readonly name: string
  readonly keys: webcrypto.CryptoKeyPair
}

export interface Issued {
  /** PEM. */
  readonly certificate: string
  /** PKCS #8, PEM. */
  readonly key: string
  /** Serial number, hex, as {@link makeRevocationList} takes it. */
  readonly serial: string
}

export interface Validity {
  /** A minute ago unless given. */
  readonly notBefore?: Date
  readonly notAfter: Date
}

/** A serial number as {@link Issued} has it, alone or with the moment from which it does not count any more. */
export type Revoked = string | { readonly serial: string; readonly at: Date }

export interface Names {
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
}

export interface CertificateOrder extends Validity, Names {
  readonly authority: IssuingAuthority
  /** Common name, for people; it identifies nobody. */
  readonly name: string
  readonly usages: readonly ('client' | 'server')[]
}

/** So many days from now. */
export function inDays(days: number): Date {
  return new Date(Date.now() + days * DAY_MS)
}

/** From a minute ago until so many days from now, by one look at the clock: of equal days each lasts equally long. */
export function lasting(days: number): Required<Validity> {
  const now = Date.now()
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + days * DAY_MS) }
}

/** A new authority: its own root, or below `issuer`. `pathLength` 0: it signs no further authorities. */
export async function makeAuthority(
  name: string,
  { issuer, pathLength, ...validity }: Validity & { readonly issuer?: IssuingAuthority; readonly pathLength?: number },
): Promise<IssuingAuthority> {
  const keys = await newKeys()
  const certificate = await sign(name, issuer ?? { name, keys }, keys.publicKey, validity, [
    new BasicConstraintsExtension(true, pathLength, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ])
  return { certificate: certificate.pem, name, keys }
}

/** An authority from its certificate (PEM, with a common name alone) and its P-256 key. */
export function authorityOf(certificate: string, key: KeyObject): IssuingAuthority {
  const { subject } = new X509Certificate(certificate)
  const importable = { name: KEY.name, namedCurve: KEY.namedCurve }
  return {
    certificate,
    name: subject.replace(/^CN=/, ''),
    keys: {
      privateKey: key.toCryptoKey(importable, true, ['sign']),
      publicKey: createPublicKey(key).toCryptoKey(importable, true, ['verify']),
    },
  }
}

/** A key and a certificate for a server, a client or both. */
export async function issue(order: CertificateOrder): Promise<Issued> {
  const keys = await newKeys()
  return { ...(await certify(order, keys.publicKey)), key: await pkcs8(keys) }
}

/** A certificate for a key that somebody else holds. */
export async function certify(order: CertificateOrder, publicKey: PublicKeyType): Promise<Omit<Issued, 'key'>> {
  const names = generalNames(order)
  const usages = order.usages.map((usage) => ExtendedKeyUsage[`${usage}Auth`])
  const { pem, serial } = await sign(order.name, order.authority, publicKey, order, [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    ...(usages.length > 0 ? [new ExtendedKeyUsageExtension(usages)] : []),
    ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
  ])
  return { certificate: pem, serial }
}

/** A key, and a request (PKCS #10, PEM) for a certificate with these names. */
export async function makeRequest(names: Names): Promise<{ request: string; key: string }> {
  const keys = await newKeys()
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: SIGNING,
    extensions: [new SubjectAlternativeNameExtension(generalNames(names))],
  })
  return { request: request.toString('pem'), key: await pkcs8(keys) }
}

/** A revocation list, PEM. `notAfter` is its next update. Its number is the time in ms, so later ones are higher. */
export async function makeRevocationList(
  authority: IssuingAuthority,
  revoked: readonly Revoked[],
  { notBefore = new Date(Date.now() - BACKDATE_MS), notAfter }: Validity,
): Promise<string> {
  const list = await X509CrlGenerator.create({
    issuer: `CN=${authority.name}`,
    thisUpdate: notBefore,
    nextUpdate: notAfter,
    entries: revoked.map((one) => {
      const { serial, at } = typeof one === 'string' ? { serial: one, at: notBefore } : one
      return { serialNumber: serial, revocationDate: at }
    }),
    extensions: [
      await AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
      new Extension(CRL_NUMBER, false, derTime(Date.now())),
    ],
    signingAlgorithm: SIGNING,
    signingKey: authority.keys.privateKey,
  })
  return PemConverter.encode(list.rawData, 'X509 CRL')
}

function generalNames({ uris = [], dns = [], ips = [] }: Names): JsonGeneralNames {
  return [
    ...uris.map((value) => ({ type: 'url' as const, value })),
    ...dns.map((value) => ({ type: 'dns' as const, value })),
    ...ips.map((value) => ({ type: 'ip' as const, value })),
  ]
}

/** The private key, PEM, not wrapped. */
export async function pkcs8({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY')
}

/** DER of a moment in ms: an integer of six bytes, as it has for any time of these centuries (2^40 to 2^47 ms). */
function derTime(ms: number): Uint8Array {
  const bytes = Buffer.from([2, 6, 0, 0, 0, 0, 0, 0])
  bytes.writeUIntBE(ms, 2, 6)
  return bytes
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
}

/** 16 bytes, positive and without zeros that would be left out: everybody writes it alike (RFC 5280, section 4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = 0x40 | (bytes[0]! & 0x3f)
  return bytes.toString('hex')
}

async function sign(
  name: string,
  issuer: Pick<IssuingAuthority, 'name' | 'keys'>,
  publicKey: PublicKeyType,
  { notBefore = new Date(Date.now() - BACKDATE_MS), notAfter }: Validity,
  extensions: Extension[],
): Promise<{ pem: string; serial: string }> {
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: `CN=${name}`,
    issuer: `CN=${issuer.name}`,
    notBefore,
    notAfter,
    publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: SIGNING,
    extensions: [
      ...extensions,
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
    ],
  })
  return { pem: certificate.toString('pem'), serial: certificate.serialNumber }
}
