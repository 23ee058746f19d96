/**
 * Who the client is and whom it trusts, from PEM texts or from files. Files are watched: when they change, new connections
 * use what they hold then. A new file that does not work (half written, or a key that belongs to another certificate)
 * changes nothing: the old ones stay in use and a warning is given, until the files change again.
 */
import { X509Certificate } from 'node:crypto'
import { readFileSync, type StatsListener, unwatchFile, watchFile } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import { RequestError } from './errors.ts'
import { refuseUnknown } from './options.ts'

/** Each as PEM, or as the path of a PEM file. `ca` absent: the authorities that Node trusts. */
export interface TlsOptions {
  readonly ca?: string | Buffer
  readonly caFile?: string
  readonly cert?: string | Buffer
  readonly certFile?: string
  readonly key?: string | Buffer
  readonly keyFile?: string
  /** Default TLSv1.3. TLSv1.2 only for a proxy before the server that cannot do better. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
}

/** A basic caller's name and secret, or the file that holds it. */
export interface BasicOptions {
  readonly name: string
  readonly secret?: string
  readonly secretFile?: string
}

interface Loaded {
  readonly context: SecureContext
  /** The Authorization header, if there is one. */
  readonly authorization: string | undefined
}

/** How often files are looked at, in ms. */
const WATCH_MS = 2000
const NAME = /^[\x21-\x39\x3b-\x7e]+$/

export class Credentials {
  readonly #tls: TlsOptions
  readonly #basic: BasicOptions | undefined
  readonly #files: readonly string[]
  readonly #listener: StatsListener
  #loaded: Loaded

  /** Throws {@link RequestError} if it cannot be read or does not belong together. */
  constructor(tls: TlsOptions, basic: BasicOptions | undefined, changed: (error: Error | undefined) => void) {
    this.#tls = tls
    this.#basic = basic
    this.#files = [tls.caFile, tls.certFile, tls.keyFile, basic?.secretFile].filter((file) => file !== undefined)
    this.#loaded = this.#load()
    this.#listener = () => {
      try {
        this.reload()
        changed(undefined)
      } catch (error) {
        changed(error as Error)
      }
    }
    for (const file of this.#files) watchFile(file, { interval: WATCH_MS, persistent: false }, this.#listener)
  }

  get context(): SecureContext {
    return this.#loaded.context
  }

  get authorization(): string | undefined {
    return this.#loaded.authorization
  }

  /** Reads the files anew. Throws, and keeps the old, if they do not work. */
  reload(): void {
    this.#loaded = this.#load()
  }

  close(): void {
    for (const file of this.#files) unwatchFile(file, this.#listener)
  }

  #load(): Loaded {
    const { ca, caFile, cert, certFile, key, keyFile, minVersion = 'TLSv1.3', ...rest } = this.#tls
    refuseUnknown(rest, 'tls.')
    if (minVersion !== 'TLSv1.2' && minVersion !== 'TLSv1.3') {
      throw new RequestError('options', 'tls.minVersion: TLSv1.3 or TLSv1.2')
    }
    const trusted = text('ca', ca, caFile)
    if (trusted !== undefined) checkAuthorities(trusted.toString())
    const certificate = text('cert', cert, certFile)
    const own = text('key', key, keyFile)
    if ((certificate === undefined) !== (own === undefined)) {
      throw new RequestError('options', 'tls: a certificate needs its key, and a key its certificate')
    }
    let context: SecureContext
    try {
      context = createSecureContext({
        minVersion,
        ...(trusted !== undefined && { ca: trusted }),
        ...(certificate !== undefined && { cert: certificate, key: own }),
      })
    } catch (error) {
      const { message } = error as Error
      throw new RequestError('options', `tls: certificate, key and ca do not work together: ${message}`)
    }
    return { context, authorization: this.#proof() }
  }

  #proof(): string | undefined {
    if (this.#basic === undefined) return undefined
    const { name, secret, secretFile, ...rest } = this.#basic
    refuseUnknown(rest, 'basic.')
    const proof = text('basic.secret', secret, secretFile)?.toString().trim()
    if (!NAME.test(name)) throw new RequestError('options', 'basic.name: visible ASCII without a colon')
    if (proof === undefined || proof === '') throw new RequestError('options', 'basic: secret or secretFile is needed')
    return `Basic ${Buffer.from(`${name}:${proof}`).toString('base64')}`
  }
}

/** Node takes whatever it is given, and trusts the usual authorities instead of an empty text. */
function checkAuthorities(pem: string): void {
  const blocks = pem.match(/-----BEGIN [\s\S]*?-----END [^-]*-----/g) ?? []
  if (blocks.length === 0) throw new RequestError('options', 'tls.ca: no certificate in it, as PEM')
  for (const [n, block] of blocks.entries()) {
    try {
      new X509Certificate(block)
    } catch {
      throw new RequestError('options', `tls.ca: block ${n + 1} of ${blocks.length} is not a certificate`)
    }
  }
}

function text(what: string, given: string | Buffer | undefined, file: string | undefined): string | Buffer | undefined {
  if (given !== undefined && file !== undefined)
    throw new RequestError('options', `${what}: given twice, also as a file`)
  if (file === undefined) return given
  try {
    return readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new RequestError('options', `${what}: ${file} cannot be read (${code})`)
  }
}
