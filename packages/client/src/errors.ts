/**
 * What can go wrong, in classes that a caller can act on. The question that matters after a fault is whether the server
 * may have done what it was asked: `UnavailableError` says it did not, `UnconfirmedError` says it may have. A fault is
 * never a miss: `get` answers undefined only if the server said that nothing is there.
 *
 * No message holds a key, a value or a secret.
 */

interface ErrorDetails {
  /** Status of the server's answer, if there was one. */
  readonly answered?: number | undefined
  /** Seconds, if the server named them. */
  readonly retryAfter?: number | undefined
  /** The server's id of the request: the same in its log and audit. */
  readonly requestId?: string | undefined
  readonly cause?: unknown
}

/** Base of all; used itself for what the server failed at (500) and for answers that are not Holdfast's (`protocol`). */
export class HoldfastError extends Error {
  /**
   * The problem's code as docs/reference/errors.md lists them, or `timeout`, `connection`, `gateway`, `protocol`, `too-large`,
   * `closed`, `sealed`, `options`, `bad-key`, `bad-value`.
   */
  readonly code: string
  /**
   * What a web application may answer for it: 503 where later may be better, else 500. Express, Koa and Fastify read it from
   * here, so it is never what Holdfast answered to the application: that would tell a visitor "forbidden" or "conflict".
   */
  readonly status: 500 | 503 = 500
  /** What Holdfast answered, if it did. */
  readonly answered: number | undefined
  readonly retryAfter: number | undefined
  readonly requestId: string | undefined

  constructor(code: string, message: string, { answered, retryAfter, requestId, cause }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.code = code
    this.answered = answered
    this.retryAfter = retryAfter
    this.requestId = requestId
  }
}

/** Not done: no connection, no time, or the server refused before it did anything. Later it may work. */
export class UnavailableError extends HoldfastError {
  override readonly status = 503
}
/** It may have been done: the answer is lost, or the server does not know either. */
export class UnconfirmedError extends HoldfastError {
  override readonly status = 503
}
/** The key is over wherever that was possible, and not yet everywhere; the server sees it through (503 `logout-pending`). */
export class LogoutPendingError extends HoldfastError {
  override readonly status = 503
}
/** The key was ended and stays ended: this write came after a logout (409). */
export class EndedError extends HoldfastError {}
/** `ifAbsent` or `ifMatch` did not hold (412). */
export class ConditionError extends HoldfastError {}
/** Nobody, or not allowed to (401, 403). */
export class DeniedError extends HoldfastError {}
/** The call itself is wrong, here or by the server's rules (400, 404 for a store that does not exist, 405, 413, 431). */
export class RequestError extends HoldfastError {}

const BY_STATUS: Readonly<Record<number, typeof HoldfastError>> = {
  400: RequestError,
  401: DeniedError,
  403: DeniedError,
  404: RequestError,
  405: RequestError,
  408: UnavailableError,
  409: EndedError,
  412: ConditionError,
  413: RequestError,
  431: RequestError,
  503: UnavailableError,
}
const BY_CODE: Readonly<Record<string, typeof HoldfastError>> = {
  'logout-pending': LogoutPendingError,
  unconfirmed: UnconfirmedError,
}

const CODE = /^[a-z_-]{1,40}$/
const INSTANCE = /^urn:uuid:([0-9a-f-]{36})$/

/** Nothing is there, and Holdfast itself says so: a proxy's page or a misspelt store must not log anybody out. */
export function isMiss({ status, body }: { readonly status: number; readonly body: Buffer }): boolean {
  return status === 404 && problemIn(body)?.code === 'not_found'
}

/** What a proxy answers by itself when it does not reach the server or does not hear from it. */
const GATEWAY = [502, 503, 504]

/** The error of an answer that is no success. `body` is the problem (RFC 9457) if it is one of ours. */
export function errorOf(status: number, retryAfter: string | undefined, body: Buffer, changes: boolean): HoldfastError {
  const problem = problemIn(body)
  if (problem === undefined && GATEWAY.includes(status)) {
    const Class = changes ? UnconfirmedError : UnavailableError
    return new Class('gateway', `an answer ${status} of a proxy`, { answered: status })
  }
  if (problem === undefined) {
    return new HoldfastError('protocol', `an answer ${status} that is not of Holdfast`, { answered: status })
  }
  const { code, detail, requestId } = problem
  const Class = BY_CODE[code] ?? BY_STATUS[status] ?? HoldfastError
  const seconds = retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined
  return new Class(code, `${status} ${code}: ${detail}`, { answered: status, retryAfter: seconds, requestId })
}

function problemIn(body: Buffer): { code: string; detail: string; requestId: string | undefined } | undefined {
  try {
    const { code, detail, instance } = JSON.parse(body.toString('utf8'))
    if (typeof code !== 'string' || !CODE.test(code)) return undefined
    return { code, detail: String(detail).slice(0, 500), requestId: INSTANCE.exec(String(instance))?.[1] }
  } catch {
    return undefined
  }
}
