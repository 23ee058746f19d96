/**
 * Sessions for Next's route handlers, server actions and server components, over `cookies()` of `next/headers`.
 *
 * ```ts
 * export const getSession = sessionsOf<{ user?: string }>({ client: () => createClient(options), cookies })
 *
 * const session = await getSession()
 * session.data.user = 'alice'
 * await session.renew()      // a new id at login
 * ```
 *
 * The cookie is HttpOnly, Secure and SameSite=Lax and holds a random id of 256 bits. Each call that writes rejects if the
 * write failed: await it before you answer. Components can only read: Next lets them set no cookie.
 */
import { randomBytes } from 'node:crypto'
import { type Client, LogoutPendingError } from '@holdfast/client'
import { type AdapterOptions, parsed, Texts } from './core.ts'

/** The part of Next's cookie jar that is used. */
export interface CookieJar {
  get(name: string): { readonly value: string } | undefined
  set(
    name: string,
    value: string,
    options: { httpOnly: true; secure: boolean; sameSite: 'lax'; path: string; maxAge: number },
  ): unknown
}

export interface NextOptions extends Omit<AdapterOptions, 'client'> {
  /** A client, or what makes it when it is first needed: `next build` loads modules, and has no certificate. */
  readonly client: Client | (() => Client)
  /** `cookies` of `next/headers`. */
  readonly cookies: () => Promise<CookieJar> | CookieJar
  /** Default `__Host-session`. */
  readonly name?: string
  /** Seconds that a session lives after it was last committed. Default 86400; at most the store's `maxTtl`. */
  readonly ttl?: number
  /** False only for development without TLS; then give a name without `__Host-`. Default true. */
  readonly secure?: boolean
}

export interface NextSession<T extends object> {
  readonly data: T
  /** Keeps the data, under the id there is or a first one. */
  commit(): Promise<void>
  /**
   * Keeps the data under a new id and ends the old: at login and whenever somebody may do more than before. The new id is what
   * protects, so an end of the old one that another datacenter has not confirmed yet is no error: until it has, the old id
   * names there what the session was before.
   */
  renew(): Promise<void>
  /** Ends the session and forgets its cookie. */
  destroy(): Promise<void>
}

export function sessionsOf<T extends object>(options: NextOptions): () => Promise<NextSession<T>> {
  const { client, cookies, name = '__Host-session', ttl = 86_400, secure = true, ...rest } = options
  let made: Texts | undefined
  return async () => {
    // First, so that a page which is being built is left here.
    const jar = await cookies()
    made ??= new Texts({ ...rest, client: typeof client === 'function' ? client() : client }, 'next')
    const texts = made
    // Deleted by setting: a browser takes nothing for a `__Host-` name that is not Secure, and Next's own delete is not.
    const tell = (value: string, maxAge: number) =>
      jar.set(name, value, { httpOnly: true, secure, sameSite: 'lax', path: '/', maxAge })
    let id = jar.get(name)?.value
    const text = id === undefined ? null : await texts.get(id)
    // An id that names nothing is not taken over: somebody may have planted it.
    if (text === null) id = undefined
    const data = (text === null ? {} : parsed(text)) as T
    const commit = async () => {
      id ??= randomBytes(32).toString('base64url')
      await texts.set(id, JSON.stringify(data), ttl)
      tell(id, ttl)
    }
    const end = async () => {
      if (id !== undefined) await texts.end(id)
    }
    const renew = async () => {
      await end().catch(unlessPending)
      id = undefined
      await commit()
    }
    const destroy = async () => {
      await end()
      id = undefined
      tell('', 0)
    }
    return { data, commit, renew, destroy }
  }
}

function unlessPending(error: unknown): void {
  if (!(error instanceof LogoutPendingError)) throw error
}
