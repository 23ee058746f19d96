/**
 * One request of a store and its answer, over node's objects. It is made once for each request, does nothing before it is
 * asked to (the request id, the body), and gives back whatever it took of the limits when it ends.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller } from '../access/caller.ts'
import type { ProblemCode } from '../common/problems.ts'
import type { StoreRequest } from '../stores/exchange.ts'
import { hasBody, readBody, refuseDeclared } from './body.ts'
import type { Limits, Share } from './limits.ts'
import type { Peer } from './peer.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

const REQUEST_ID = Symbol('request id')

const NOTHING = Buffer.alloc(0)

/** The client's request id, if it gave one that is a UUID. Its answer repeats it, so that a client can tell whose it is. */
export function givenIdOf(req: IncomingMessage): string | undefined {
  const given = req.headers['x-request-id']
  return typeof given === 'string' && UUID.test(given) ? given : undefined
}

/** That, or a fresh one: the same for the answer, the log and the audit. */
export function requestIdOf(req: IncomingMessage & { [REQUEST_ID]?: string }): string {
  req[REQUEST_ID] ??= givenIdOf(req) ?? randomUUID()
  return req[REQUEST_ID]
}

export class Exchange implements StoreRequest {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly peer: Peer
  /** Who asks; while the body comes, a reload may give them other grants. */
  caller: Caller
  readonly share: Share
  readonly method: string
  readonly rawKey: string
  readonly startedAt: number
  /** When the request was complete, and the engine could be asked. */
  completeAt: number
  readonly #limits: Limits
  readonly #awaitsContinue: boolean
  #requestId: string | undefined
  #reserved = 0

  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    peer: Peer,
    caller: Caller,
    share: Share,
    rawKey: string,
    limits: Limits,
    awaitsContinue: boolean,
  ) {
    this.req = req
    this.res = res
    this.peer = peer
    this.caller = caller
    this.share = share
    this.method = req.method!
    this.rawKey = rawKey
    this.#limits = limits
    this.#awaitsContinue = awaitsContinue
    this.startedAt = performance.now()
    this.completeAt = this.startedAt
  }

  get requestId(): string {
    this.#requestId ??= requestIdOf(this.req)
    return this.#requestId
  }

  header(name: string): string | undefined {
    return this.req.headers[name] as string | undefined
  }

  async body(limit: number): Promise<Buffer | ProblemCode> {
    // node does not even emit 'end' for a request without a body.
    if (!hasBody(this.req)) return NOTHING
    const reserve = (bytes: number) => {
      const fits = this.#limits.reserve(this.share, bytes)
      if (fits) this.#reserved += bytes
      return fits
    }
    const refused = refuseDeclared(this.req, limit, reserve)
    if (refused !== undefined) return refused
    if (this.#awaitsContinue) this.res.writeContinue()
    const reading = readBody(this.req, limit, reserve)
    this.peer.incomplete = {
      stop: reading.stop,
      decideBy: (caller) => {
        this.caller = caller
      },
    }
    this.#limits.wait(this.share)
    const body = await reading.body
    this.#limits.proceed(this.share)
    this.peer.incomplete = undefined
    this.completeAt = performance.now()
    return body
  }

  /** Gives back what it took. */
  end(): void {
    if (this.#reserved > 0) this.#limits.release(this.share, this.#reserved)
    this.#limits.leave(this.share)
  }
}
