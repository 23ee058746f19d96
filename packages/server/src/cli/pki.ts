/**
 * A small certificate authority, for development and for tests: P-256 keys, ECDSA with SHA-256.
 *
 * It is no place to run production from: keys lie in memory and wherever the caller writes them, and nothing records what
 * was issued. Serial numbers are random; times are whole seconds.
 */
import 'reflect-metadata'

import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509'

const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const
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

export interface CertificateOrder extends Validity {
  readonly authority: IssuingAuthority
  /** Common name, for people; it identifies nobody. */
  readonly name: string
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  readonly usages: readonly ('client' | 'server')[]
}

/** So many days from now. */
export function inDays(days: number): Date {
  return new Date(Date.now() + days * DAY_MS)
}

/** A new authority: its own root, or below `issuer`. */
export async function makeAuthority(
  name: string,
  { issuer, ...validity }: Validity & { readonly issuer?: IssuingAuthority },
): Promise<IssuingAuthority> {
  const keys = await newKeys()
  const certificate = await sign(name, issuer ?? { name, keys }, keys.publicKey, validity, [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
  ])
  return { certificate: certificate.pem, name, keys }
}

/** A key and a certificate for a server, a client or both. */
export async function issue(order: CertificateOrder): Promise<Issued> {
  const keys = await newKeys()
  const names: JsonGeneralNames = [
    ...(order.uris ?? []).map((value) => ({ type: 'url' as const, value })),
    ...(order.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(order.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ]
  const usages = order.usages.map((usage) => ExtendedKeyUsage[`${usage}Auth`])
  const certificate = await sign(order.name, order.authority, keys.publicKey, order, [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    ...(usages.length > 0 ? [new ExtendedKeyUsageExtension(usages)] : []),
    ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
  ])
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { certificate: certificate.pem, key: PemConverter.encode(key, 'PRIVATE KEY'), serial: certificate.serial }
}

/** A revocation list, PEM. `notAfter` is its next update. */
export async function makeRevocationList(
  authority: IssuingAuthority,
  serials: readonly string[],
  { notBefore = new Date(Date.now() - BACKDATE_MS), notAfter }: Validity,
): Promise<string> {
  const list = await X509CrlGenerator.create({
    issuer: `CN=${authority.name}`,
    thisUpdate: notBefore,
    nextUpdate: notAfter,
    entries: serials.map((serialNumber) => ({ serialNumber, revocationDate: notBefore })),
    signingAlgorithm: SIGNING,
    signingKey: authority.keys.privateKey,
  })
  return PemConverter.encode(list.rawData, 'X509 CRL')
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
}

async function sign(
  name: string,
  issuer: Pick<IssuingAuthority, 'name' | 'keys'>,
  publicKey: webcrypto.CryptoKey,
  { notBefore = new Date(Date.now() - BACKDATE_MS), notAfter }: Validity,
  extensions: Extension[],
): Promise<{ pem: string; serial: string }> {
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: `CN=${issuer.name}`,
    notBefore,
    notAfter,
    publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: SIGNING,
    extensions: [...extensions, await SubjectKeyIdentifierExtension.create(publicKey)],
  })
  return { pem: certificate.toString('pem'), serial: certificate.serialNumber }
}
