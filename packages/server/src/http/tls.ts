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
  /** The end of the server's certificate. */
  readonly expires: Date
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

/** Reads and checks the files of a listener; `what` (say `listen`) opens the messages. Throws {@link TlsRefused}. */
export function readListenerTls(what: string, listener: ListenerOptions): ListenerTls {
  const { files, authorities, handshakeTimeout, development = false } = listener
  const [certificate] = readCertificates(what, files.certificate)
  const key = readText(what, files.key)
  checkCertificate(what, files.certificate, certificate!, development)
  checkKey(what, files, certificate!, key)
  const options: ServerOptions = {
    cert: readText(what, files.certificate),
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
  return { options, expires: certificate!.validToDate }
}

function checkCertificate(what: string, path: string, certificate: X509Certificate, development: boolean): void {
  if (certificate.validToDate.getTime() <= Date.now()) {
    throw new TlsRefused(`${what}: ${path} expired on ${certificate.validTo}`, 'renew the certificate')
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
}

function checkKey(what: string, files: ListenerFiles, certificate: X509Certificate, pem: string): void {
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
