/**
 * Where express-session hides a failure, these show it. It answers the request even if the session could not be written or
 * ended, so a logout can look done that was not; and while its store is disconnected it calls the application without a
 * session. Await these in handlers, before answering.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { LogoutPendingError, UnavailableError } from '@holdfast/client'
import type { Session } from 'express-session'

/** A request behind `session()`. */
interface WithSession {
  readonly session: Pick<Session, 'save' | 'destroy' | 'regenerate'>
}
type Handler = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/**
 * Behind `session()`: while there are no sessions, nobody is taken for a stranger. The application's own error handler gets
 * an `UnavailableError`, for which Express by itself answers 503.
 */
export function requireSession(): Handler {
  return (req, _res, next) => {
    if ('session' in req && req.session !== undefined) next()
    else next(new UnavailableError('connection', 'no sessions: Holdfast is away, or session() does not come before'))
  }
}

/** Writes the session now; rejects if it could not be written. */
export function saveSession({ session }: WithSession): Promise<void> {
  return settled((done) => session.save(done))
}

/** Ends the session now; rejects if it is not ended everywhere (`logout-pending` among others). */
export function destroySession({ session }: WithSession): Promise<void> {
  return settled((done) => session.destroy(done))
}

/**
 * Ends the session and begins another, with a new id: at login, so that an id from before is worth nothing. The new id is what
 * protects (whoever planted or copied the old one does not know it), so it is no error if another datacenter could not confirm
 * the end of the old one yet: until it has, the old id names there what the session was before the login, and never after.
 */
export async function regenerateSession({ session }: WithSession): Promise<void> {
  try {
    await settled((done) => session.regenerate(done))
  } catch (error) {
    if (!(error instanceof LogoutPendingError)) throw error
  }
}

function settled(begin: (done: (error: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => begin((error) => (error ? reject(error) : resolve())))
}
