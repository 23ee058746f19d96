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
import { readableAuthorityKey } from './authority-key.ts'
import { problemWithVouching, Vouching } from './names.ts'
import { type RevocationList, readRevocationList, subjectOf } from './revocation-list.ts'

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
  /** Serial numbers that each of the certificates took back. */
  readonly revoked: ReadonlyMap<X509Certificate, ReadonlySet<string>>
  readonly vouching: Vouching
  /** The first moment at which one of its certificates is too old. */
  readonly expires: Date
  /** The same of its lists; absent: there are none, or they never are. */
  readonly listsExpire?: Date
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
  return all.map((files) => readAuthority(files, development))
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

function readAuthority(files: AuthorityFiles, development: boolean): Authority {
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
  const key = readableAuthorityKey(files.certificate)
  if (key !== undefined) {
    throw new TlsRefused(
      `${what}: its key is beside its certificate, and this process may read it: ${key}`,
      'whoever takes this server could make any caller: keep the authority elsewhere, and bring ca.pem and ca.crl alone',
    )
  }
  const ends = certificates.map((certificate) => authorityEnd(what, certificate, development))
  if (!certificates.some((certificate) => certificate.checkIssued(certificate))) {
    throw new TlsRefused(
      `${what}: ${files.certificate} has no root, only intermediates`,
      'add the self-signed certificate at the top of the chain',
    )
  }
  return {
    name: files.name,
    certificates,
    ...readLists(what, files.crl, certificates),
    vouching: new Vouching(files.vouchesFor),
    expires: new Date(Math.min(...ends)),
  }
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
      'take it out of the file; the next one of your own: holdfast ca init NEW-FOLDER',
    )
  }
  return end
}

/** Checks that each certificate has a list and that each list is of now. */
function readLists(
  what: string,
  path: string | undefined,
  certificates: readonly X509Certificate[],
): Pick<Authority, 'lists' | 'revoked' | 'listsExpire'> {
  if (path === undefined) return { lists: [], revoked: new Map() }
  const lists = pemBlocks(what, path, 'X509 CRL')
  const read = lists.map((list, index) => {
    try {
      return readRevocationList(list)
    } catch {
      throw new TlsRefused(`${what}: revocation list ${index + 1} of ${path} is damaged`, 'give the file anew, as PEM')
    }
  })
  const revoked = new Map(certificates.map((issuer) => [issuer, serialsOf(what, path, issuer, read)]))
  const ends = read.flatMap((list) => listEnd(what, path, list) ?? [])
  return { lists, revoked, ...(ends.length > 0 && { listsExpire: new Date(Math.min(...ends)) }) }
}

function serialsOf(what: string, path: string, issuer: X509Certificate, lists: readonly RevocationList[]) {
  const subject = subjectOf(issuer)
  const name = issuer.subject.replaceAll('\n', ', ')
  const named = lists.filter((list) => list.issuer.equals(subject))
  if (named.length === 0) {
    throw new TlsRefused(
      `${what}: ${path} has no revocation list of ${name}`,
      'add it: TLS asks for one for every certificate of a chain',
    )
  }
  const own = named.filter((list) => list.signedBy(issuer) !== false)
  if (own.length === 0) {
    throw new TlsRefused(
      `${what}: ${path} has no revocation list that the key of ${name} signed`,
      'fetch the list anew: it is of another authority of this name, or it was changed',
    )
  }
  return new Set(own.flatMap(({ serials }) => [...serials]))
}

/** Its next update in Unix ms, if it names one. */
function listEnd(what: string, path: string, { thisUpdate, nextUpdate }: RevocationList): number | undefined {
  if (thisUpdate.getTime() > Date.now()) {
    throw new TlsRefused(`${what}: ${path} begins on ${thisUpdate.toISOString()}`, 'check the clock of this machine')
  }
  if (nextUpdate !== undefined && nextUpdate.getTime() <= Date.now()) {
    throw new TlsRefused(
      `${what}: ${path} is stale since ${nextUpdate.toISOString()}, so every client would be refused`,
      'fetch the current list',
    )
  }
  return nextUpdate?.getTime()
}

function pemBlocks(what: string, path: string, label: string): string[] {
  const text = readText(what, path)
  const blocks = text.match(new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`, 'g')) ?? []
  if (blocks.length === 0) throw new TlsRefused(`${what}: ${path} holds no ${label}`, 'give it as PEM')
  return blocks
}
