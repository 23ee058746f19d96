/**
 * The authorities whose certificates identify callers, each with the names it may vouch for.
 *
 * The TLS library checks signatures, dates, purpose and revocation up to a configured root. That is not enough where
 * there are several authorities: it says that *some* root issued a certificate, so any of them could name any caller. Here
 * the certificate that issued the leaf must be in the file of an authority (intermediates are listed beside their root),
 * and every authority that has that issuer must vouch for the name. An authority that is taken over can forge its own
 * names and no others.
 *
 * Revocation lists: every authority has one or none has, since the library asks for all once it has one. A list that is
 * stale refuses everybody, at start-up and later: fetch it before its next update.
 */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { problemWithVouching, Vouching } from './names.ts'

/** An authority as the configuration names it; paths are absolute. */
export interface AuthorityFiles {
  readonly name: string
  /** PEM: the root, and each intermediate that issues client certificates. */
  readonly certificate: string
  /** PEM: a list for each of those certificates. */
  readonly crl?: string | undefined
  readonly vouchesFor: readonly string[]
}

export interface Authority {
  readonly name: string
  readonly certificates: readonly X509Certificate[]
  /** One PEM each; empty without revocation checks. */
  readonly lists: readonly string[]
  readonly vouching: Vouching
  /** The first moment at which one of its certificates or lists is too old. */
  readonly expires: Date
}

/** Common name of the authority that development mode makes; a production server refuses it. */
export const DEVELOPMENT_AUTHORITY = 'Holdfast development CA'

/** A certificate, key or list that cannot be used as it is. Start-up stops. */
export class TlsRefused extends Error {
  override readonly name = 'TlsRefused'
  /** What the operator can do about it. */
  readonly hint: string
  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** Reads and checks all authorities. Rejects with {@link TlsRefused}. */
export async function readAuthorities(
  all: readonly AuthorityFiles[],
  { development = false }: { readonly development?: boolean } = {},
): Promise<Authority[]> {
  const without = all.find(({ crl }) => crl === undefined)
  if (without !== undefined && all.some(({ crl }) => crl !== undefined)) {
    throw new TlsRefused(
      `authority ${without.name} has no revocation list, and another has`,
      'TLS checks revocation for all authorities or for none: give each a crl, or none',
    )
  }
  return Promise.all(all.map((files) => readAuthority(files, development)))
}

/** The certificates of a PEM file. Throws {@link TlsRefused}; `what` opens its message. */
export function readCertificates(what: string, path: string): X509Certificate[] {
  return pemBlocks(what, path, 'CERTIFICATE').map((block, index) => {
    try {
      return new X509Certificate(block)
    } catch {
      throw new TlsRefused(`${what}: certificate ${index + 1} of ${path} is damaged`, 'give the file anew, as PEM')
    }
  })
}

/** The text of a file. Throws {@link TlsRefused}. */
export function readText(what: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new TlsRefused(
      `${what}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`,
      'check that it is there and that this user may read it',
    )
  }
}

export function fromDevelopment(certificate: X509Certificate): boolean {
  const line = `CN=${DEVELOPMENT_AUTHORITY}`
  return [certificate.subject, certificate.issuer].some((name) => name?.split('\n').includes(line))
}

async function readAuthority(files: AuthorityFiles, development: boolean): Promise<Authority> {
  const what = `authority ${files.name}`
  for (const entry of files.vouchesFor) {
    const problem = problemWithVouching(entry)
    if (problem !== undefined) {
      throw new TlsRefused(
        `${what}: vouchesFor "${entry}": ${problem}`,
        'spiffe://domain, spiffe://domain/path, dns:host or dns:*.host',
      )
    }
  }
  const certificates = readCertificates(what, files.certificate)
  const lists = files.crl === undefined ? [] : pemBlocks(what, files.crl, 'X509 CRL')
  const ends = [
    ...certificates.map((certificate) => authorityEnd(what, certificate, development)),
    ...(files.crl === undefined ? [] : await listEnds(what, files.crl, lists, certificates)),
  ]
  if (!certificates.some((certificate) => certificate.checkIssued(certificate))) {
    throw new TlsRefused(
      `${what}: ${files.certificate} has no root, only intermediates`,
      'add the self-signed certificate at the top of the chain',
    )
  }
  const expires = new Date(Math.min(...ends))
  return { name: files.name, certificates, lists, vouching: new Vouching(files.vouchesFor), expires }
}

/** Checks one certificate of an authority; its end in Unix ms. */
function authorityEnd(what: string, certificate: X509Certificate, development: boolean): number {
  const subject = certificate.subject.replaceAll('\n', ', ')
  if (!certificate.ca) {
    throw new TlsRefused(`${what}: ${subject} is not the certificate of an authority`, 'list only those that may sign')
  }
  if (!development && fromDevelopment(certificate)) {
    throw new TlsRefused(`${what}: ${subject} was made for development`, 'use an authority of your own')
  }
  const end = certificate.validToDate.getTime()
  if (end <= Date.now()) {
    throw new TlsRefused(
      `${what}: ${subject} expired on ${certificate.validTo}`,
      'renew it, or take it out of the file',
    )
  }
  return end
}

/** Checks that each certificate has a list and that each list is of now; their next updates in Unix ms. */
async function listEnds(
  what: string,
  path: string,
  lists: readonly string[],
  certificates: readonly X509Certificate[],
): Promise<number[]> {
  // Node reads no revocation lists. Loaded where there are some, and only at start-up.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const facts = lists.map((list, index) => {
    try {
      const { issuer, thisUpdate, nextUpdate } = new x509.X509Crl(list)
      return { issuer, thisUpdate, nextUpdate }
    } catch {
      throw new TlsRefused(`${what}: revocation list ${index + 1} of ${path} is damaged`, 'give the file anew, as PEM')
    }
  })
  for (const certificate of certificates) {
    const { subject } = new x509.X509Certificate(certificate.raw)
    if (!facts.some(({ issuer }) => issuer === subject)) {
      throw new TlsRefused(
        `${what}: ${path} has no revocation list of ${certificate.subject.replaceAll('\n', ', ')}`,
        'add it: TLS asks for one for every certificate of a chain',
      )
    }
  }
  return facts.map(({ thisUpdate, nextUpdate }) => {
    if (thisUpdate.getTime() > Date.now()) {
      throw new TlsRefused(`${what}: ${path} begins on ${thisUpdate.toISOString()}`, 'check the clock of this machine')
    }
    if (nextUpdate !== undefined && nextUpdate.getTime() <= Date.now()) {
      throw new TlsRefused(
        `${what}: ${path} is stale since ${nextUpdate.toISOString()}, so every client would be refused`,
        'fetch the current list',
      )
    }
    return nextUpdate?.getTime() ?? Number.POSITIVE_INFINITY
  })
}

function pemBlocks(what: string, path: string, label: string): string[] {
  const text = readText(what, path)
  const blocks = text.match(new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`, 'g')) ?? []
  if (blocks.length === 0) throw new TlsRefused(`${what}: ${path} holds no ${label}`, 'give it as PEM')
  return blocks
}
