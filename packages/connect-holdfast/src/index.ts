/**
 * Holdfast as the session store of express-session, after the conventions of connect-redis: options, and methods that take
 * a callback or return a promise.
 *
 * ```ts
 * import { createClient } from '@holdfast/client'
 * import { HoldfastStore } from 'connect-holdfast'
 * import session from 'express-session'
 *
 * const client = createClient({ url, tls: { caFile, certFile, keyFile } })
 * app.use(session({ store: new HoldfastStore({ client }), secret, resave: false, saveUninitialized: false }))
 * ```
 *
 * There is no `all`, `ids`, `length` or `clear`: Holdfast lists nothing, to nobody.
 */
import { type SessionData, Store } from 'express-session'
import { SessionCells, type SessionOptions } from './session-cells.ts'
import { type Callback, settle } from './settle.ts'

export { destroySession, regenerateSession, requireSession, saveSession } from './helpers.ts'
export type { Serializer } from './session-cells.ts'

export type HoldfastStoreOptions = SessionOptions<SessionData>

/**
 * A store of express-session. It tells `disconnect` when Holdfast cannot be reached, and `connect` when it can again.
 * In between express-session calls the application without `req.session`; {@link requireSession} makes that an error.
 */
export class HoldfastStore extends Store {
  readonly #cells: SessionCells<SessionData>

  constructor(options: HoldfastStoreOptions) {
    super()
    this.#cells = new SessionCells(options)
    options.client.on('connect', () => this.emit('connect'))
    options.client.on('disconnect', () => this.emit('disconnect'))
  }

  override get(sid: string, callback?: Callback): Promise<SessionData | null> {
    return settle(this.#cells.get(sid), callback)
  }

  override set(sid: string, session: SessionData, callback?: Callback): Promise<void> {
    return settle(this.#cells.set(sid, session), callback)
  }

  override touch(sid: string, session: SessionData, callback?: Callback): Promise<void> {
    return settle(this.#cells.touch(sid, session), callback)
  }

  override destroy(sid: string, callback?: Callback): Promise<void> {
    return settle(this.#cells.destroy(sid), callback)
  }
}
