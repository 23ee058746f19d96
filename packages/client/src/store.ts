/**
 * One store: what an application calls. Keys are any string or bytes, and go out percent-encoded whole. What is neither is
 * refused here, whatever the types say: it may come from a form, and must not become part of a request's head.
 */
import { isUint8Array } from 'node:util/types'
import { type CallLimits, type CallOptions, call } from './call.ts'
import { HoldfastError, RequestError, UnavailableError } from './errors.ts'
import type { Pool } from './pool.ts'
import type { Response } from './response.ts'
import type { Seal } from './seal.ts'

/** A value that is there. */
export interface Found {
  readonly value: Buffer
  /** For `ifMatch`; another one after every write. */
  readonly etag: string
  /** Seconds that remain. */
  readonly ttl: number
}

export interface PutOptions {
  /** Whole seconds; absent: the store's own. */
  readonly ttl?: number | undefined
  /** Only if nothing is there; else `ConditionError`. Needs an atomic store. */
  readonly ifAbsent?: boolean | undefined
  /** Only if the value is still the one with this tag (`*`: if there is any); else `ConditionError`. */
  readonly ifMatch?: string | undefined
}

export interface StoreContext {
  readonly pool: Pool
  readonly limits: CallLimits
  /** The path before every key, ending in a slash. */
  readonly path: string
  /** Head fields that every request has, each with its line end. */
  readonly fields: () => string
  /** Largest value that is taken, in bytes. */
  readonly maxValue: number
  readonly seal: Seal | undefined
  /** Around each call; false: the client is closed. */
  readonly begin: () => boolean
  readonly finish: () => void
}

const ETAG = /^(\*|"[\x21\x23-\x7e]*")$/
const UNRESERVED = /^[A-Za-z0-9_~-]+$/

/** Made by `client.store(path)`. Every method may reject with the errors of ./errors.ts. */
export class StoreClient {
  readonly #context: StoreContext

  /** @internal */
  constructor(context: StoreContext) {
    this.#context = context
  }

  /**
   * The value, or undefined if nothing is there (never was, expired, or ended).
   *
   * ```ts
   * const found = await sessions.get(id)
   * if (found === undefined) return login()
   * ```
   */
  async get(key: string | Uint8Array): Promise<Found | undefined> {
    const response = await this.#call('GET', key, '', undefined, { idempotent: true, changes: false })
    return response.status === 404 ? undefined : this.#found(key, response)
  }

  /** Durable when it resolves, with the new tag. Without a condition the last write wins, except over an end. */
  async put(
    key: string | Uint8Array,
    value: Uint8Array | string,
    { ttl, ifAbsent = false, ifMatch }: PutOptions = {},
  ): Promise<{ etag: string }> {
    if (ttl !== undefined && !(Number.isSafeInteger(ttl) && ttl > 0)) {
      throw new RequestError('bad-ttl', 'ttl: a whole number of seconds, at least 1')
    }
    if (ifMatch !== undefined && (ifAbsent || !ETAG.test(ifMatch))) {
      throw new RequestError('bad-condition', 'ifMatch: one entity tag as get or put gave it, and not with ifAbsent')
    }
    if (typeof value !== 'string' && !isUint8Array(value)) {
      throw new RequestError('bad-value', 'a value is a string or a Uint8Array')
    }
    const plain = typeof value === 'string' ? Buffer.from(value) : value
    const { seal } = this.#context
    const body = seal === undefined ? plain : seal.seal(bytesOf(key), plain)
    const fields =
      `Content-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n` +
      (ttl === undefined ? '' : `Holdfast-TTL: ${ttl}\r\n`) +
      (ifAbsent ? 'If-None-Match: *\r\n' : '') +
      (ifMatch === undefined ? '' : `If-Match: ${ifMatch}\r\n`)
    const idempotent = !ifAbsent && ifMatch === undefined
    const response = await this.#call('PUT', key, fields, body, { idempotent, changes: true })
    if (response.status === 201 && response.etag !== undefined) return { etag: response.etag }
    throw unexpected(response)
  }

  /** Ends the key, whether or not it is there. When it resolves, it is over in every datacenter. */
  async end(key: string | Uint8Array): Promise<void> {
    const response = await this.#call('DELETE', key, '', undefined, { idempotent: true, changes: true })
    if (response.status !== 204) throw unexpected(response)
  }

  /** Reads and ends in one step: of any number of takes at once, one gets the value. Needs an atomic store. */
  async take(key: string | Uint8Array): Promise<Found | undefined> {
    const fields = 'Prefer: return=representation\r\n'
    const response = await this.#call('DELETE', key, fields, undefined, { idempotent: false, changes: true })
    return response.status === 404 ? undefined : this.#found(key, response)
  }

  async #call(
    method: string,
    key: string | Uint8Array,
    fields: string,
    body: Uint8Array | undefined,
    nature: Pick<CallOptions, 'idempotent' | 'changes'>,
  ): Promise<Response> {
    const { pool, limits, path, maxValue, fields: common } = this.#context
    const head = `${method} ${path}${encodeKey(key)} HTTP/1.1\r\n${common()}${fields}`
    if (!this.#context.begin()) throw new UnavailableError('closed', 'the client is closed')
    try {
      return await call(pool, { head, body, maxValue, ...nature }, limits)
    } finally {
      this.#context.finish()
    }
  }

  #found(key: string | Uint8Array, response: Response): Found {
    const { status, etag, ttl, body } = response
    if (status !== 200 || etag === undefined || ttl === undefined || !/^\d{1,10}$/.test(ttl)) throw unexpected(response)
    const { seal } = this.#context
    return { value: seal === undefined ? body : seal.open(bytesOf(key), body), etag, ttl: Number(ttl) }
  }
}

function unexpected({ status }: Response): HoldfastError {
  return new HoldfastError('protocol', `an answer ${status} that this request cannot have`, { answered: status })
}

function bytesOf(key: string | Uint8Array): Uint8Array {
  return typeof key === 'string' ? Buffer.from(key) : key
}

/** All but letters, digits, `_`, `~` and `-` are escaped, so that no proxy finds anything in it to normalise. */
function encodeKey(key: string | Uint8Array): string {
  if (typeof key !== 'string' && !isUint8Array(key)) {
    throw new RequestError('bad-key', 'a key is a string or a Uint8Array')
  }
  if (key.length === 0) throw new RequestError('bad-key', 'a key has at least one byte')
  if (typeof key !== 'string') return Array.from(key, encodeByte).join('')
  if (UNRESERVED.test(key)) return key
  if (!key.isWellFormed()) throw new RequestError('bad-key', 'a key that is a string must be well-formed Unicode')
  return encodeURIComponent(key).replace(/[.!*'()]/g, (character) => encodeByte(character.charCodeAt(0)))
}

function encodeByte(byte: number): string {
  const character = String.fromCharCode(byte)
  return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}
