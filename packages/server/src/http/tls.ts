/**
 * The TLS settings of every listener, from files, checked before anything listens: a setting that cannot be honoured
 * stops start-up.
 *
 * TLS 1.3 unless 1.2 is asked for, and then only with forward secrecy and authenticated encryption. No session is ever
 * resumed and nothing is renegotiated, so names, dates and revocation are checked on every connection and hold for all of
 * it; a handshake is the price, and long keep-alive pays it. The client's certificate is asked for where there are
 * authorities, and judged in ./secure-server.ts: these options alone keep nobody out.
 */
import { constants, createPrivateKey, type X509Certificate } from 'node:crypto'
import { statSync } from 'node:fs'
import type { ServerOptions } from 'node:https'
import { createSecureContext } from 'node:tls'
import { type Authority, fromDevelopment, readCertificates, readText, TlsRefused } from '../access/authorities.ts'

/** A listener as the configuration names it; paths are absolute. */
interface ListenerFiles {
  /** PEM: the server's certificate first, then its chain. */
  readonly certificate: string
  /** PEM, not wrapped. */
  readonly key: string
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
}

export interface ListenerOptions {
  readonly files: ListenerFiles
  /** Who issues client certificates; absent: none is asked for. */
  readonly authorities?: readonly Authority[]
  /** For the whole handshake, in ms. */
  readonly handshakeTimeout: number
  /** Accept a certificate that was made for development. */
  readonly development?: boolean
}

export interface ListenerTls {
  readonly options: ServerOptions
  /** The first end in the server's chain of certificates, and when that certificate began. */
  readonly expires: Date
  readonly begins: Date
}

/** Suites of TLS 1.3, and of TLS 1.2 those with ephemeral keys and authenticated encryption (RFC 9325, section 4.2). */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/** id-kp-serverAuth: RFC 5280, section 4.2.1.12. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

/** Reads and checks the files of a listener; `what` (say `listen`) opens the messages. Throws {@link TlsRefused}. */
export function readListenerTls(what: string, listener: ListenerOptions): ListenerTls {
  const { files, authorities, handshakeTimeout, development = false } = listener
  const chain = readCertificates(what, files.certificate)
  const certificate = chain[0]!
  const key = readText(what, files.key)
  checkCertificate(what, files.certificate, certificate, development)
  checkKey(what, files, certificate, key)
  const options: ServerOptions = {
    cert: chain.map(String).join(''),
    key,
    minVersion: files.minVersion,
    ciphers: CIPHERS,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    handshakeTimeout,
  }
  if (authorities !== undefined) {
    options.ca = authorities.flatMap(({ certificates }) => certificates.map(String))
    const lists = authorities.flatMap((authority) => authority.lists)
    if (lists.length > 0) options.crl = lists
    options.requestCert = true
    // The handshake is finished so that the refusal can name the certificate; ./secure-server.ts then refuses it.
    options.rejectUnauthorized = false
  }
  checkContext(what, files, options)
  const first = chain.reduce((first, other) => (other.validToDate < first.validToDate ? other : first))
  return { options, expires: first.validToDate, begins: first.validFromDate }
}

/** What TLS itself has to say of it, before anything listens with it or goes over to it. */
function checkContext(what: string, { certificate, key }: ListenerFiles, options: ServerOptions): void {
  try {
    createSecureContext(options)
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    throw new TlsRefused(
      `${what}: TLS cannot use ${certificate} and ${key} (${code})`,
      'give a whole chain of certificates, with keys that are long enough',
    )
  }
}

function checkCertificate(what: string, path: string, certificate: X509Certificate, development: boolean): void {
  if (certificate.validToDate.getTime() <= Date.now()) {
    throw new TlsRefused(
      `${what}: ${path} expired on ${certificate.validTo}`,
      `renew it; one of your own authority: holdfast ca renew --ca FOLDER ${path}`,
    )
  }
  if (certificate.validFromDate.getTime() > Date.now()) {
    throw new TlsRefused(
      `${what}: ${path} is not valid before ${certificate.validFrom}`,
      'check the clock of this machine, or wait',
    )
  }
  if (!development && fromDevelopment(certificate)) {
    throw new TlsRefused(`${what}: ${path} was made for development`, 'use a certificate of an authority of your own')
  }
  const unfit = whyUnfit(certificate)
  if (unfit !== undefined) {
    const another = 'make one that is: holdfast ca issue --server dns:holdfast.example.org --out tls/server'
    throw new TlsRefused(`${what}: ${path} ${unfit}`, another)
  }
}

/** Why no client would take a certificate from a server, whatever it trusts. */
export function whyUnfit({ keyUsage, subjectAltName }: X509Certificate): string | undefined {
  if (keyUsage?.includes(SERVER_AUTH) === false) {
    return 'is not for servers (extended key usage serverAuth is missing)'
  }
  if (!/(^|, )(DNS|IP Address):/.test(subjectAltName ?? '')) {
    return 'is for no host (no DNS name or IP address in subjectAltName)'
  }
  return undefined
}

/** Refuses a key that is not the certificate's, or that everybody may use. */
export function checkKey(
  what: string,
  files: Pick<ListenerFiles, 'certificate' | 'key'>,
  certificate: X509Certificate,
  pem: string,
): void {
  if ((statSync(files.key).mode & 0o007) !== 0) {
    throw new TlsRefused(`${what}: everybody on this machine may use ${files.key}`, `run: chmod o-rwx ${files.key}`)
  }
  let matches: boolean
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(pem))
  } catch {
    throw new TlsRefused(
      `${what}: ${files.key} holds no private key, or one that is wrapped by a passphrase`,
      'give it as PEM, unwrapped, for its owner alone',
    )
  }
  if (!matches) {
    throw new TlsRefused(`${what}: ${files.key} is not the key of ${files.certificate}`, 'give both of one pair')
  }
}
