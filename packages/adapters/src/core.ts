/**
 * What all adapters share: texts under names, in one store. Names are hashed before they are sent, since for some frameworks
 * they contain a token; the server then knows keyed hashes of hashes. Faults pass through as the client's errors: a fault is
 * never a miss. Nothing can be listed, and what a framework asks for by listing is a `NotListable`.
 */
import { createHash } from 'node:crypto'
import { type Client, ConditionError, EndedError, type Found, type SealKeys, UnconfirmedError } from '@holdfast/client'

export interface AdapterOptions {
  readonly client: Client
  /** Path of the store. Default `sessions`. */
  readonly store?: string
  /** Comes before every name, so that several uses of one store stay apart. */
  readonly prefix?: string
  /** Seal values in this process, with keys that Holdfast never sees. */
  readonly seal?: SealKeys
}

/** Holdfast lists nothing, to nobody: whoever takes over an application gets what it could already name. */
export class NotListable extends Error {
  readonly code = 'not-listable'

  constructor(what: string) {
    super(`${what}: Holdfast does not list keys. Keep the names you need, or let values expire.`)
  }
}

export class Texts {
  readonly #cells: ReturnType<Client['store']>
  readonly #prefix: string

  /** Throws TypeError for options that are wrong. */
  constructor({ client, store = 'sessions', prefix = '', seal, ...rest }: AdapterOptions, kind: string) {
    if (typeof client?.store !== 'function') throw new TypeError('client: one of @holdfast/client is needed')
    const [unknown] = Object.keys(rest)
    if (unknown !== undefined) throw new TypeError(`${unknown}: there is no such option`)
    this.#cells = client.store(store, seal === undefined ? {} : { seal })
    // With the length before it, a prefix cannot trade bytes with the names.
    this.#prefix = `${kind}:${prefix.length}:${prefix}`
  }

  async get(name: string): Promise<string | null> {
    return textOf(await this.#cells.get(this.#keyOf(name)))
  }

  /** With its tag and its life, for a conditional write. */
  find(name: string): Promise<Found | undefined> {
    return this.#cells.get(this.#keyOf(name))
  }

  /** `ttl` in seconds; absent: the store's own. */
  async set(name: string, text: string | Uint8Array, ttl?: number): Promise<void> {
    await this.#cells.put(this.#keyOf(name), text, { ttl: whole(ttl) })
  }

  /** False if somebody else wrote in between; `ttl` as in `set`; `etag` absent: only if nothing is there. */
  async replace(
    name: string,
    text: string | Uint8Array,
    ttl: number | undefined,
    etag: string | undefined,
  ): Promise<boolean> {
    try {
      const condition = etag === undefined ? { ifAbsent: true } : { ifMatch: etag }
      await this.#cells.put(this.#keyOf(name), text, { ttl: whole(ttl), ...condition })
      return true
    } catch (error) {
      if (error instanceof ConditionError) return false
      throw error
    }
  }

  /**
   * Prolongs what was found, if a tenth of its life has passed (without `ttl` nobody knows: each time); undoes nobody's write
   * and nobody's end.
   */
  async prolong(name: string, { value, etag, ttl: left }: Found, ttl: number | undefined): Promise<void> {
    if (ttl !== undefined && left > 0.9 * ttl) return
    try {
      await this.replace(name, value, ttl, etag)
    } catch (error) {
      if (!(error instanceof EndedError || error instanceof UnconfirmedError)) throw error
    }
  }

  /** Reads and ends, exactly once. Needs an atomic store. */
  async take(name: string): Promise<string | null> {
    return textOf(await this.#cells.take(this.#keyOf(name)))
  }

  async end(name: string): Promise<void> {
    await this.#cells.end(this.#keyOf(name))
  }

  #keyOf(name: string): string {
    return createHash('sha256').update(this.#prefix).update(name).digest('base64url')
  }
}

/** Seconds until then, at least 1; undefined for no date. */
export function secondsUntil(date: Date | undefined): number | undefined {
  return date === undefined ? undefined : Math.max(1, Math.ceil((date.getTime() - Date.now()) / 1000))
}

/** JSON, whose own errors would quote what is stored. */
export function parsed(text: string) {
  try {
    return JSON.parse(text)
  } catch {
    throw new TypeError('what is stored under this name was not written by this adapter')
  }
}

function textOf(found: Found | undefined): string | null {
  return found === undefined ? null : found.value.toString('utf8')
}

function whole(ttl: number | undefined): number | undefined {
  return ttl === undefined ? undefined : Math.max(1, Math.ceil(ttl))
}
