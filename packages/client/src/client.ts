/**
 * The client of a Holdfast server: who it is, its connections, its stores. Everything that waits has a limit, and every
 * option is checked when the client is made. What is secret is in no property, so that it is not printed with it.
 */
import { EventEmitter } from 'node:events'
import type { CallLimits } from './call.ts'
import { type BasicOptions, Credentials, type TlsOptions } from './credentials.ts'
import { RequestError } from './errors.ts'
import { refuseUnknown, wholeNumber } from './options.ts'
import { Pool } from './pool.ts'
import { Seal, type SealKeys } from './seal.ts'
import { StoreClient } from './store.ts'

export interface ClientOptions {
  /** `https://host:port/`, and the server's `base` if it has one. */
  readonly url: string
  /** Certificate, key and trusted authorities, as PEM or as files, which are watched. */
  readonly tls?: TlsOptions
  /** Instead of a certificate: a secret, for the server's basic listener. */
  readonly basic?: BasicOptions
  /** Connections at most, 1 to 1024. Default 16. */
  readonly connections?: number
  /** Ms for a whole call with its retries, 1 to 600,000. Default 2000. */
  readonly timeout?: number
  /** Further attempts of one call, 0 to 10. Default 2. */
  readonly retries?: number
  /** An idle connection is closed after so many ms. Default 60,000; below the server's `timeouts.keepAlive`. */
  readonly idleTimeout?: number
  /** Largest value taken from the server, in bytes. Default 64 MiB. */
  readonly maxValue?: number
}

export interface StoreOptions {
  /** Seal values here, with keys that the server never sees. */
  readonly seal?: SealKeys
}

interface Events {
  /** The server can be reached (again). */
  connect: []
  /** It cannot; the reason. Attempts go on by themselves. */
  disconnect: [error: Error | undefined]
  /** New certificate files do not work; the old ones stay in use. If nobody listens, the process warns. */
  warning: [error: Error]
}

const STORE = /^[a-z0-9][a-z0-9_-]{0,63}$/

/**
 * A client; it connects when it is first asked. Throws `RequestError` for options that are wrong.
 *
 * ```ts
 * const holdfast = createClient({
 *   url: 'https://holdfast.example.org:8443/',
 *   tls: { caFile: 'ca.pem', certFile: 'client.pem', keyFile: 'client-key.pem' },
 * })
 * const sessions = holdfast.store('sessions')
 * ```
 */
export function createClient(options: ClientOptions): Client {
  return new Client(options)
}

export class Client extends EventEmitter<Events> {
  readonly #url: URL
  readonly #pool: Pool
  readonly #credentials: Credentials
  readonly #limits: CallLimits
  readonly #maxValue: number
  #inFlight = 0
  #closing: Promise<void> | undefined
  #idle: (() => void) | undefined

  constructor({ url, tls = {}, basic, connections = 16, timeout = 2000, ...others }: ClientOptions) {
    super()
    // Each store of a framework listens to it, and there may be many.
    this.setMaxListeners(0)
    const { retries = 2, idleTimeout = 60_000, maxValue = 64 * 1024 * 1024, ...rest } = others
    refuseUnknown(rest)
    this.#url = urlOf(url)
    this.#limits = {
      timeout: wholeNumber('timeout', timeout, 1, 600_000),
      retries: wholeNumber('retries', retries, 0, 10),
    }
    this.#maxValue = wholeNumber('maxValue', maxValue, 1, 2 ** 30)
    wholeNumber('connections', connections, 1, 1024)
    wholeNumber('idleTimeout', idleTimeout, 1, 86_400_000)
    this.#credentials = new Credentials(tls, basic, (error) => {
      if (error === undefined) this.#pool.retire()
      else if (!this.emit('warning', error)) process.emitWarning(error)
    })
    const { hostname, port } = this.#url
    const host = hostname.replace(/^\[|\]$/g, '')
    this.#pool = new Pool({
      ...{ connections, idleTimeout, connectTimeout: timeout },
      connecting: () => ({
        ...{ host, port: Number(port || 443), secureContext: this.#credentials.context },
        ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
      }),
      onReachable: (reachable, error) => (reachable ? this.emit('connect') : this.emit('disconnect', error)),
    })
  }

  /** A store by its path. */
  store(path: string, { seal, ...rest }: StoreOptions = {}): StoreClient {
    refuseUnknown(rest)
    if (!STORE.test(path)) throw new RequestError('options', 'store: 1-64 characters of a-z, 0-9, _ and -')
    const host = `Host: ${this.#url.host}\r\n`
    return new StoreClient({
      pool: this.#pool,
      limits: this.#limits,
      path: `${this.#url.pathname}${path}/v1/`,
      fields: () => {
        const { authorization } = this.#credentials
        return authorization === undefined ? host : `${host}Authorization: ${authorization}\r\n`
      },
      maxValue: this.#maxValue,
      seal: seal === undefined ? undefined : new Seal(path, seal),
      begin: () => this.#begin(),
      finish: () => this.#finish(),
    })
  }

  /** Reads the files anew now; connections follow. Throws, and keeps the old, if they do not work. */
  reload(): void {
    this.#credentials.reload()
    this.#pool.retire()
  }

  /** Takes no new calls, lets those in flight end (each has its deadline), and closes every connection. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
    this.#credentials.close()
    this.#pool.close()
  }

  #begin(): boolean {
    if (this.#closing !== undefined) return false
    this.#inFlight++
    return true
  }

  #finish(): void {
    if (--this.#inFlight === 0) this.#idle?.()
  }
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const odd =
    url === undefined || url.protocol !== 'https:' || url.search !== '' || url.hash !== '' || url.username !== ''
  if (odd || url.password !== '') {
    throw new RequestError('options', 'url: https://host:port/, without a query, and without a name or secret in it')
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}
