/**
 * How an instance proves itself to Cassandra and whom it takes for a node, from the files that `engine.cassandra` names:
 * read and checked like the listeners' own, at a start and at every reload. A certificate that would be refused, a password
 * that others may read, stop a start and change nothing at a reload.
 *
 * A node is known by its certificate: one of `names`, or its IP address where there are none, since that is where the
 * driver connects to, whatever the contact points are called.
 */
import { X509Certificate } from 'node:crypto'
import type { ConnectionOptions } from 'node:tls'
import type { CassandraConnection } from '@holdfast/engine-cassandra'
import { readCertificates, readText, TlsRefused } from '../access/authorities.ts'
import { StartRefused } from '../config/problems.ts'
import type { Config } from '../config/schema.ts'
import { checkKey } from '../http/tls.ts'
import { readPrivateFile } from '../records/index.ts'

type Cassandra = NonNullable<Config['engine']['cassandra']>

export interface CassandraFiles extends CassandraConnection {
  /** When the certificate that it shows begins and ends. */
  readonly shown?: { readonly begins: Date; readonly expires: Date }
}

const WHAT = 'engine.cassandra.tls'
/** id-kp-clientAuth: RFC 5280, section 4.2.1.12. */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** Rejects with errors made to be read. */
export async function readCassandraFiles({ username, passwordFile, tls }: Cassandra): Promise<CassandraFiles> {
  return {
    ...(username !== undefined &&
      passwordFile !== undefined && {
        credentials: { username, password: await readPassword('engine.cassandra.passwordFile', passwordFile) },
      }),
    ...(tls && readTls(tls)),
  }
}

/** One line, for its owner alone. */
export async function readPassword(what: string, file: string): Promise<string> {
  const password = (await readPrivateFile(file)).toString().replace(/\r?\n$/, '')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (password !== '' && !/[\x00-\x1f\x7f\ufffd]/.test(password)) return password
  throw new StartRefused(
    `${what}: ${file} does not hold one line of text`,
    'Write the password into it, and nothing else.',
  )
}

function readTls({ ca, certificate, key, names }: NonNullable<Cassandra['tls']>): Omit<CassandraFiles, 'credentials'> {
  const authorities = readCertificates(`${WHAT}.ca`, ca)
  for (const authority of authorities) {
    const subject = authority.subject.replaceAll('\n', ', ')
    if (!authority.ca) {
      throw new TlsRefused(`${WHAT}.ca: ${subject} is not an authority's certificate`, 'list only those that may sign')
    }
    demandOfNow(`${WHAT}.ca`, subject, authority)
  }
  const tls = {
    ca: authorities.map(String).join(''),
    ...(names && { checkServerIdentity: identityAmong(names) }),
  }
  if (certificate === undefined || key === undefined) return { tls }
  const chain = readCertificates(`${WHAT}.certificate`, certificate)
  const leaf = chain[0]!
  demandOfNow(`${WHAT}.certificate`, certificate, leaf)
  if (leaf.keyUsage?.includes(CLIENT_AUTH) === false) {
    throw new TlsRefused(
      `${WHAT}.certificate: ${certificate} is not for clients (extended key usage clientAuth is missing)`,
      'issue one that is',
    )
  }
  const pem = readText(`${WHAT}.key`, key)
  checkKey(WHAT, { certificate, key }, leaf, pem)
  return {
    tls: { ...tls, cert: chain.map(String).join(''), key: pem },
    shown: { begins: leaf.validFromDate, expires: leaf.validToDate },
  }
}

function demandOfNow(what: string, subject: string, { validFromDate, validToDate }: X509Certificate): void {
  if (validToDate.getTime() <= Date.now()) {
    throw new TlsRefused(`${what}: ${subject} expired on ${validToDate.toISOString()}`, 'bring the next one')
  }
  if (validFromDate.getTime() > Date.now()) {
    const begin = validFromDate.toISOString()
    throw new TlsRefused(`${what}: ${subject} is not valid before ${begin}`, 'check the clock of this machine, or wait')
  }
}

/** Takes a node for one of Cassandra's if its certificate has one of the names. */
export function identityAmong(names: readonly string[]): NonNullable<ConnectionOptions['checkServerIdentity']> {
  return (_host, { raw }) => {
    const certificate = new X509Certificate(raw)
    if (names.some((name) => isFor(certificate, name))) return undefined
    return Object.assign(new Error('its certificate has none of the names that were expected'), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
  }
}

function isFor(certificate: X509Certificate, name: string): boolean {
  if (name.startsWith('dns:')) return certificate.checkHost(name.slice(4), { subject: 'never' }) !== undefined
  // Node quotes each name that holds a comma or a quote; a text without quotes splits safely.
  const text = certificate.subjectAltName ?? ''
  const uris = text.includes('"') ? [] : text.split(', ').filter((entry) => entry.startsWith('URI:'))
  return uris.length === 1 && uris[0] === `URI:${name}`
}
