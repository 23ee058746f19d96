/**
 * External store of koa-session. Koa's cookie then holds a random id only.
 *
 * ```ts
 * import { koaStore } from '@holdfast/adapters/koa'
 * app.use(session({ store: koaStore({ client }), maxAge: 86_400_000 }, app))
 * ```
 *
 * What a request did not change it does not write: with `rolling` or `renew` it only prolongs the session, when that is due,
 * and gives way to whatever another request wrote.
 */
import { type Found, LogoutPendingError } from '@holdfast/client'
import { type AdapterOptions, parsed, Texts } from './core.ts'

/** koa-session lets a record live so many ms longer than its cookie; here both end together. */
const MARGIN_MS = 10_000

interface CallOptions {
  /** Koa's context: one for each request. */
  readonly ctx?: { readonly session?: unknown }
}

/** As koa-session 7 asks for it; `maxAge` in ms, or `session` for a cookie without an end. */
export interface KoaStore {
  get(key: string, maxAge?: number | string, options?: CallOptions): Promise<object | undefined>
  set(key: string, session: object, maxAge: number | string | undefined, options?: CallOptions): Promise<void>
  destroy(key: string, options?: CallOptions): Promise<void>
}

export function koaStore(options: AdapterOptions): KoaStore {
  const texts = new Texts(options, 'koa')
  /** What each request read. koa-session's own `changed` is false also for a session that is saved by hand. */
  const read = new WeakMap<object, { readonly key: string; readonly found: Found }>()
  return {
    async get(key, _maxAge, { ctx } = {}) {
      const found = await texts.find(key)
      if (found === undefined) return undefined
      if (ctx !== undefined) read.set(ctx, { key, found })
      const session = parsed(found.value.toString())
      // By it koa-session sees when to renew.
      return typeof session._maxAge === 'number' ? { ...session, _expire: Date.now() + found.ttl * 1000 } : session
    },
    async set(key, session, maxAge, { ctx } = {}) {
      const ttl = typeof maxAge === 'number' ? (maxAge - MARGIN_MS) / 1000 : undefined
      // The expiry follows from the life of the record, so a session that was only used is unchanged.
      const text = JSON.stringify({ ...session, _expire: undefined })
      const before = ctx === undefined ? undefined : read.get(ctx)
      const unchanged = before?.key === key && before.found.value.toString() === text
      await (unchanged ? texts.prolong(key, before.found, ttl) : texts.set(key, text, ttl))
    },
    async destroy(key, { ctx } = {}) {
      try {
        await texts.end(key)
      } catch (error) {
        // There is a session yet, so it is `regenerate`, and the new id is what protects. At a logout there is none.
        if (!(error instanceof LogoutPendingError && ctx?.session)) throw error
      }
    },
  }
}
