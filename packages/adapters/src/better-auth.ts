/**
 * Secondary storage of better-auth: its sessions, verification values and rate limits in Holdfast.
 *
 * ```ts
 * import { betterAuth } from 'better-auth'
 * import { holdfastStorage } from '@holdfast/adapters/better-auth'
 * export const auth = betterAuth({ secondaryStorage: holdfastStorage({ client, store: 'auth' }) })
 * ```
 *
 * It writes deleted keys again (the list of a user's sessions, for one), and it needs exact takes and counters: give it a
 * store with `final: false` and `atomic: datacenter`, whose `maxTtl` is at least its longest `expiresIn` (7 days).
 */
import { UnavailableError } from '@holdfast/client'
import { type AdapterOptions, parsed, Texts } from './core.ts'

/** How often a counter is tried while others count too. */
const ATTEMPTS = 50

/** As better-auth 1.7 asks for it; `ttl` in seconds. */
export interface SecondaryStorage {
  get(key: string): Promise<string | null>
  set(key: string, value: string, ttl?: number): Promise<void>
  delete(key: string): Promise<void>
  /** Exactly one of several gets it. */
  getAndDelete(key: string): Promise<string | null>
  /** Exact, however many count at once; the life of a counter begins with its first count and is not prolonged. */
  increment(key: string, ttl: number): Promise<number>
}

export function holdfastStorage(options: AdapterOptions): SecondaryStorage {
  const texts = new Texts({ store: 'auth', ...options }, 'better-auth')
  return {
    get: (key) => texts.get(key),
    set: (key, value, ttl) => texts.set(key, value, ttl === undefined || ttl <= 0 ? undefined : ttl),
    delete: (key) => texts.end(key),
    getAndDelete: (key) => texts.take(key),
    async increment(key, ttl) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const found = await texts.find(key)
        const now = Date.now()
        // The end is in the value: a life that is given anew in whole seconds would grow with every count.
        const [count, until] = found === undefined ? [0, now + ttl * 1000] : parsed(found.value.toString())
        const next = until > now ? [count + 1, until] : [1, now + ttl * 1000]
        if (await texts.replace(key, JSON.stringify(next), (next[1] - now) / 1000, found?.etag)) return next[0]
      }
      throw new UnavailableError('overloaded', 'too many count at this key at once')
    },
  }
}
