/**
 * The same store for @fastify/session, without express-session.
 *
 * ```ts
 * import { FastifyHoldfastStore } from 'connect-holdfast/fastify'
 * app.register(session, { store: new FastifyHoldfastStore({ client }), secret, rolling: false })
 * ```
 *
 * @fastify/session never touches a session and, with `rolling` (its default), writes it in every request: an unchanged one
 * is then only prolonged here, and only when it is due.
 */
import { SessionCells, type SessionLike, type SessionOptions } from './session-cells.ts'
import { type Callback, settle } from './settle.ts'

export type FastifyHoldfastStoreOptions = SessionOptions<SessionLike>

export class FastifyHoldfastStore {
  readonly #cells: SessionCells<SessionLike>

  constructor(options: FastifyHoldfastStoreOptions) {
    this.#cells = new SessionCells(options)
  }

  get(sid: string, callback?: Callback): Promise<SessionLike | null> {
    return settle(this.#cells.get(sid), callback)
  }

  set(sid: string, session: SessionLike, callback?: Callback): Promise<void> {
    return settle(this.#cells.set(sid, session), callback)
  }

  destroy(sid: string, callback?: Callback): Promise<void> {
    return settle(this.#cells.destroy(sid), callback)
  }
}
