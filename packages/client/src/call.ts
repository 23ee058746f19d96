/**
 * One call: as many attempts as are safe within its deadline.
 *
 * What the server refused before it did anything (503 `unavailable` and `overloaded`), and what never left this machine,
 * may be asked again whatever it is. What was lost on its way may have been done: it is asked again only where doing it
 * twice is doing it once (GET, and PUT and DELETE without a condition); a conditional write or a take ends as
 * `UnconfirmedError`, and so does whatever was refused after an attempt that was lost. Waits grow, are random (so that many
 * clients do not come back together), and are never shorter than the server asked for.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, Lost } from './connection.ts'
import {
  EndedError,
  errorOf,
  HoldfastError,
  isMiss,
  LogoutPendingError,
  UnavailableError,
  UnconfirmedError,
} from './errors.ts'
import type { Pool } from './pool.ts'
import { type Response, TooLarge } from './response.ts'

export interface CallOptions {
  /** The head of the request, without its id and the last, empty line. */
  readonly head: string
  readonly body: Uint8Array | undefined
  /** Doing it twice is doing it once. */
  readonly idempotent: boolean
  /** It changes something, so that its loss leaves a doubt. */
  readonly changes: boolean
  /** Largest value that is taken, in bytes. */
  readonly maxValue: number
}

export interface CallLimits {
  /** For the whole call, in ms. */
  readonly timeout: number
  /** Further attempts, at most. */
  readonly retries: number
}

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 1000

/** The answer if it is a success or says that nothing is there; else an error. */
export async function call(pool: Pool, options: CallOptions, limits: CallLimits): Promise<Response> {
  const deadline = performance.now() + limits.timeout
  /** An earlier attempt may have been done. */
  let doubt = false
  for (let attempt = 0; ; attempt++) {
    let failure: HoldfastError
    try {
      const response = await once(pool, options, deadline)
      if (response.status < 300 || isMiss(response)) return response
      failure = errorOf(response.status, response.retryAfter, response.body, options.changes)
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      failure = error
    }
    doubt ||= failure instanceof UnconfirmedError
    const wait = waitBefore(failure, attempt)
    const again = attempt < limits.retries && isWorthAnother(failure, options) && performance.now() + wait < deadline
    if (!again) throw doubt && !saysEnough(failure) ? unconfirmed(failure) : failure
    await sleep(wait)
  }
}

/** One attempt, on one connection. */
async function once(pool: Pool, options: CallOptions, deadline: number): Promise<Response> {
  const { head, body, changes, maxValue } = options
  const connection = await pool.acquire(deadline, !changes)
  let late = false
  const expire = () => {
    late = true
    connection.destroy()
  }
  const timer = setTimeout(expire, Math.max(1, deadline - performance.now()))
  try {
    return await (changes ? connection.request(head, body, maxValue) : connection.gather(head, maxValue))
  } catch (error) {
    if (error instanceof Lost) throw lossOf(error, connection, pool, changes, late)
    // Whatever it was, what went out of the request is unknown.
    connection.destroy()
    throw error
  } finally {
    clearTimeout(timer)
    pool.release(connection)
  }
}

function lossOf(lost: Lost, connection: Connection, pool: Pool, changes: boolean, late: boolean): HoldfastError {
  const { requestId } = lost
  // On a connection that served before, the server probably closed it while it was idle, and the others with it.
  if (connection.served > 0 && !lost.answered && !late) pool.dropIdle()
  if (lost.cause instanceof TooLarge) {
    const Class = changes ? UnconfirmedError : HoldfastError
    return new Class('too-large', lost.message, { requestId })
  }
  const code = late ? 'timeout' : 'connection'
  const message = late ? 'no answer in time' : lost.message
  const Class = changes && requestId !== undefined ? UnconfirmedError : UnavailableError
  return new Class(code, message, { requestId, cause: lost.cause })
}

function isWorthAnother(failure: HoldfastError, { idempotent }: CallOptions): boolean {
  if (failure.code === 'closed' || failure.code === 'timeout') return false
  if (failure instanceof UnconfirmedError) return idempotent
  return failure instanceof UnavailableError && failure.code !== 'storage-full' && failure.answered !== 408
}

/** Ms; "full jitter": anything up to a bound that doubles. The first loss of a connection is asked again at once. */
function waitBefore({ code, retryAfter }: HoldfastError, attempt: number): number {
  if (code === 'connection' && attempt === 0) return 0
  const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt)
  return (retryAfter ?? 0) * 1000 + Math.random() * most
}

/** Whatever became of an earlier attempt. */
function saysEnough(failure: HoldfastError): boolean {
  return [UnconfirmedError, EndedError, LogoutPendingError].some((Class) => failure instanceof Class)
}

function unconfirmed(failure: HoldfastError): UnconfirmedError {
  const { code, message, answered, retryAfter, requestId } = failure
  return new UnconfirmedError(code, `${message}; an earlier attempt may have been done`, {
    ...{ answered, retryAfter, requestId, cause: failure },
  })
}
