/**
 * Sessions of a web framework in a Holdfast store: what is written, when a write can be saved, and how a session's life is
 * prolonged without undoing what another request wrote meanwhile.
 *
 * - The session id is not sent: the key is its SHA-256, so whoever sees requests or a server's memory has no cookie.
 * - The cookie's expiry is not part of the value where it follows from `maxAge`: it is the TTL's, so a session that was only
 *   used is unchanged. A fixed one is kept as it is: made from whole seconds again and again, it would never come.
 * - A session that is unchanged is not written while more than `touchAfter` of its life remains (it may therefore end up to
 *   a tenth of its life early). Later it is prolonged by a conditional write, which gives way to any other write. So is one of
 *   which only the cookie changed, and then only over what this very request read.
 * - A changed session is written without a condition, as these frameworks expect: of two requests the last one wins.
 *   Nothing brings a session back that was ended (in a final store).
 * - A store that is not atomic knows no conditional writes. There a touch looks right before it writes: what another request
 *   writes within those milliseconds it undoes, and where the store is not final, also a logout. Give sessions an atomic one.
 */
import { hash } from 'node:crypto'
import type { PutOptions, SealKeys, StoreClient } from '@holdfast/client'
import { type Client, ConditionError, EndedError, HoldfastError, UnconfirmedError } from '@holdfast/client'

/** What all frameworks have in common. */
export interface SessionLike {
  readonly cookie: {
    readonly expires?: Date | string | null | undefined
    readonly originalMaxAge?: number | null | undefined
  }
}

export interface Serializer {
  stringify(session: object): string
  /** May be asynchronous. */
  parse(text: string): unknown
}

export interface SessionOptions<S extends SessionLike> {
  readonly client: Client
  /** Path of the store. Default `sessions`. */
  readonly store?: string
  /** Seal sessions in this process, with keys that Holdfast never sees. */
  readonly seal?: SealKeys
  /** Comes before the session id, before both are hashed. Default `sess:`. */
  readonly prefix?: string
  /**
   * Seconds, for sessions whose cookie has no expiry of its own; a function is asked for every session, and 0 ends it.
   * Default 86400; at most the store's `maxTtl`.
   */
  readonly ttl?: number | ((session: S) => number)
  /** Using a session does not prolong it. */
  readonly disableTouch?: boolean
  /** 0 to 1: an unchanged session is prolonged once no more than this share of its life remains. 1: each time. Default 0.9. */
  readonly touchAfter?: number
  /** Default JSON. */
  readonly serializer?: Serializer
}

/** What is known of a session since it was last read or written here. */
interface Known {
  readonly digest: string
  readonly etag: string
  /** Unix ms. */
  readonly expiresAt: number
}

/**
 * Name of the etag that a request read, in the cookie that `get` gives: express-session hands it on to `touch`, and neither it
 * nor this writes it anywhere.
 */
const READ = 'holdfastRead'

/** Sessions that are remembered; past it the one longest unused is forgotten, which costs one read when it is touched. */
const REMEMBERED = 10_000

/** JSON, whose own errors would quote what is stored. */
const NOTATION: Serializer = {
  stringify: JSON.stringify,
  parse(text) {
    try {
      return JSON.parse(text)
    } catch {
      throw notOne()
    }
  },
}

function notOne(): TypeError {
  return new TypeError('what is stored under this key is not a session')
}

export class SessionCells<S extends SessionLike> {
  readonly #cells: StoreClient
  readonly #prefix: string
  readonly #ttl: number | ((session: S) => number)
  readonly #disableTouch: boolean
  readonly #touchAfter: number
  readonly #serializer: Serializer
  readonly #known = new Map<string, Known>()

  /** Throws TypeError for options that are wrong. */
  constructor({ client, store = 'sessions', seal, prefix = 'sess:', ttl = 86_400, ...others }: SessionOptions<S>) {
    const { disableTouch = false, touchAfter = 0.9, serializer = NOTATION, ...rest } = others
    if (typeof client?.store !== 'function') throw new TypeError('client: one of @holdfast/client is needed')
    if (typeof ttl === 'number' && !(ttl >= 1)) throw new TypeError('ttl: seconds, at least 1')
    if (!(touchAfter >= 0 && touchAfter <= 1)) throw new TypeError('touchAfter: a share, from 0 to 1')
    const [unknown] = Object.keys(rest)
    if (unknown !== undefined) throw new TypeError(`${unknown}: there is no such option`)
    this.#cells = client.store(store, seal === undefined ? {} : { seal })
    this.#prefix = prefix
    this.#ttl = ttl
    this.#disableTouch = disableTouch
    this.#touchAfter = touchAfter
    this.#serializer = serializer
  }

  async get(sid: string): Promise<S | null> {
    const found = await this.#read(this.#keyOf(sid))
    if (found === undefined) return null
    const session = (await this.#serializer.parse(found.text)) as S
    if (typeof session?.cookie !== 'object') throw notOne()
    const { cookie } = session
    const expires = isSliding(cookie) ? found.known.expiresAt : cookie.expires
    const read = { [READ]: found.known.etag }
    return { ...session, cookie: { ...cookie, ...(expires && { expires: new Date(expires) }), ...read } }
  }

  /** Writes a session; one that is unchanged is only prolonged, and one whose expiry has passed is ended. */
  async set(sid: string, session: S): Promise<void> {
    const ttl = this.#ttlOf(session)
    if (ttl <= 0) return this.destroy(sid)
    const key = this.#keyOf(sid)
    const text = this.#serialize(session)
    const known = this.#known.get(key)
    if (known?.digest === digestOf(text)) await this.#prolong(key, text, known, ttl)
    else await this.#put(key, text, { ttl })
  }

  /** Prolongs a session that was used and not changed, but for its cookie; one whose expiry has passed is ended. */
  async touch(sid: string, session: S): Promise<void> {
    if (this.#disableTouch) return
    const ttl = this.#ttlOf(session)
    if (ttl <= 0) return this.destroy(sid)
    const key = this.#keyOf(sid)
    let known = this.#known.get(key)
    // Whoever wrote it last, it lives long enough.
    if (known !== undefined && !this.#isDue(known, ttl)) return
    const text = this.#serialize(session)
    if (known?.digest !== digestOf(text)) {
      const { [READ]: etag } = session.cookie as { readonly [READ]?: string }
      // Only its cookie changed, or its serializer writes it differently each time.
      if (etag !== undefined) known = { ...nothing(), etag }
      else {
        const found = await this.#read(key)
        // Gone, or another request wrote it: nothing of this request's is to be kept.
        if (found?.text !== text) return
        known = found.known
      }
    }
    await this.#prolong(key, text, known, ttl)
  }

  /** Ends a session; nothing brings it back. */
  async destroy(sid: string): Promise<void> {
    const key = this.#keyOf(sid)
    try {
      await this.#cells.end(key)
    } finally {
      this.#remember(key, nothing())
    }
  }

  async #prolong(key: string, text: string, known: Known, ttl: number): Promise<void> {
    if (!this.#isDue(known, ttl)) return
    try {
      await this.#replace(key, text, known, ttl)
    } catch (error) {
      // Somebody else wrote it, and so prolonged it; or ended it, and nothing is left to prolong; or it may be prolonged
      // already, and if not, the next use does it.
      if (![ConditionError, EndedError, UnconfirmedError].some((harmless) => error instanceof harmless)) throw error
    }
  }

  /** Writes if what is known is still there. */
  async #replace(key: string, text: string, { etag }: Known, ttl: number): Promise<void> {
    try {
      await this.#put(key, text, { ttl, ifMatch: etag })
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'not-atomic') throw error
      const found = await this.#read(key)
      if (found?.known.etag === etag) await this.#put(key, text, { ttl })
    }
  }

  /** Remembers what it read, unless something was written or read meanwhile: it may be older. */
  async #read(key: string): Promise<{ text: string; known: Known } | undefined> {
    const before = this.#known.get(key)
    const found = await this.#cells.get(key)
    const isLate = this.#known.get(key) !== before
    if (found === undefined) {
      if (before !== undefined && !isLate) this.#remember(key, nothing())
      return undefined
    }
    const text = found.value.toString('utf8')
    const known = { digest: digestOf(text), etag: found.etag, expiresAt: Date.now() + found.ttl * 1000 }
    if (!isLate) this.#remember(key, known)
    return { text, known }
  }

  /** Remembers what it wrote, or nothing: if it failed it may be written nevertheless, and of two at once either may be last. */
  async #put(key: string, text: string, options: PutOptions & { readonly ttl: number }): Promise<void> {
    const before = this.#known.get(key)
    const expiresAt = Date.now() + options.ttl * 1000
    let known = nothing()
    try {
      const { etag } = await this.#cells.put(key, text, options)
      if (this.#known.get(key) === before) known = { digest: digestOf(text), etag, expiresAt }
    } finally {
      this.#remember(key, known)
    }
  }

  #isDue({ expiresAt }: Known, ttl: number): boolean {
    const left = (expiresAt - Date.now()) / 1000
    // More is left than is wanted where a function gives a session less than before.
    return this.#touchAfter === 1 || left <= this.#touchAfter * ttl || left > ttl + 1
  }

  /** Seconds; 0 or less: it is over. */
  #ttlOf(session: S): number {
    if (typeof this.#ttl === 'function') return Math.floor(this.#ttl(session))
    const { expires } = session.cookie
    if (expires) return Math.ceil((new Date(expires).getTime() - Date.now()) / 1000)
    return Math.floor(this.#ttl)
  }

  #serialize(session: S): string {
    const cookie = JSON.parse(JSON.stringify(session.cookie))
    for (const derived of ['originalExpires', READ]) delete cookie[derived]
    if (isSliding(cookie) || !cookie.expires) delete cookie.expires
    return this.#serializer.stringify({ ...session, cookie })
  }

  /** With the length before them, prefix and id cannot trade bytes. */
  #keyOf(sid: string): string {
    return digestOf(`${this.#prefix.length}:${this.#prefix}${sid}`)
  }

  #remember(key: string, known: Known): void {
    this.#known.delete(key)
    this.#known.set(key, known)
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value!)
  }
}

/** A new one each time, so that a read that began before sees that it is late. */
function nothing(): Known {
  return { digest: '', etag: '', expiresAt: 0 }
}

/** Its expiry moves with each use. */
function isSliding({ originalMaxAge }: SessionLike['cookie']): boolean {
  return typeof originalMaxAge === 'number'
}

function digestOf(text: string): string {
  return hash('sha256', text, 'base64url')
}
