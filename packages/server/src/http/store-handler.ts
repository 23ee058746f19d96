/**
 * The front of the public listeners: finds out who asks, lets the request in or not, and hands it to its store, or to the
 * rest of the service (`fallback`) if its path is not a store's. Store paths are cut from the raw target, byte by byte,
 * and never normalised, because every byte belongs to the key.
 *
 * This is the hot path. A read costs one exchange object, one look at the clock at its start and one at its end, and one
 * write; what a refusal needs is made when there is one.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller } from '../access/caller.ts'
import { PROBLEMS, type ProblemCode } from '../common/problems.ts'
import type { StoreAnswer } from '../stores/exchange.ts'
import { answer, STORE_METHODS } from '../stores/routes.ts'
import type { Store } from '../stores/service.ts'
import { hasBody } from './body.ts'
import { Exchange, givenIdOf, requestIdOf } from './exchange.ts'
import type { Limits, Share } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { Peer } from './peer.ts'
import { problemBody, problemHeaders } from './problems.ts'
import { proven } from './secure-server.ts'

/**
 * Ms that a refusal waits while the process is saturated. Refusing costs more than half of what serving does, and a client
 * that is refused at once may ask again at once: then nothing but refusals would leave. So much each connection is slowed.
 */
const PACE_MS = 40
/** Ms for which the rest of a body that was refused is still read, so that the answer is not lost with it. */
const LINGER_MS = 2_000

/** Values up to this many bytes go out as one string with their head: one write, which is cheaper than a vector of two. */
const SMALL = 16_384

/** Who sent a request on a connection whose handshake named nobody; `undefined` = nobody here, and it is audited. */
type Identify = (req: IncomingMessage, peer: Peer) => Caller | undefined

export interface FrontOptions {
  /** Path before every store; begins and ends with a slash. */
  readonly base: string
  readonly stores: readonly Store[]
  /** Longest key, in bytes. */
  readonly keyLimit: number
  readonly limits: Limits
  readonly metrics: Metrics
  /** For a listener whose callers prove themselves with each request. */
  readonly identify?: Identify
  /** Answers whatever is not a store's. */
  readonly fallback: (req: IncomingMessage, res: ServerResponse) => void
  /** Told of faults in this program; an error of it holds no request. */
  readonly fault: (error: unknown, requestId: string) => void
}

interface Place {
  readonly store: Store
  /** Its place among the metrics' labels. */
  readonly index: number
}

/** What the request's Expect header asks for: nothing, `100 Continue`, or something that nobody knows. */
type Expectation = 'nothing' | 'continue' | 'unknown'

export class Front {
  readonly #options: FrontOptions
  #places: ReadonlyMap<string, Place> = new Map()

  constructor(options: FrontOptions) {
    this.#options = options
    this.serve(options.stores)
  }

  /** These stores from the next request on, and no other. Their metrics know them. */
  serve(stores: readonly Store[]): void {
    const { metrics } = this.#options
    this.#places = new Map(
      stores.map((store) => [store.rules.path, { store, index: metrics.storeLabelOf(store.rules.path) }]),
    )
  }

  handle(req: IncomingMessage, res: ServerResponse, expects: Expectation): void {
    const peer = Peer.of(req.socket)
    if (peer === undefined) {
      req.socket.destroy()
      return
    }
    if (peer.closed) return
    peer.newest = res
    peer.owed++
    const refused = this.#begin(req, res, peer, expects)
    if (refused === undefined) return
    if (refused === 'overloaded' && this.#options.limits.saturated) setTimeout(this.#refuse, PACE_MS, req, res, refused)
    else this.#refuse(req, res, refused)
  }

  readonly #refuse = (req: IncomingMessage, res: ServerResponse, code: ProblemCode): void => {
    this.#problem(req, res, Peer.of(req.socket)!, code, requestIdOf(req))
    this.#options.metrics.request(req.method!, PROBLEMS[code].status, 0)
  }

  /** Hands the request over, or says why it is refused without looking any further. */
  #begin(req: IncomingMessage, res: ServerResponse, peer: Peer, expects: Expectation): ProblemCode | undefined {
    const { base, limits, metrics } = this.#options
    const caller = this.#identify(req, peer)
    if (caller === undefined) {
      peer.retired = true
      return 'not_authorized'
    }
    const { share } = peer
    if (share === undefined) {
      peer.retired = true
      return 'overloaded'
    }
    if (expects === 'unknown') return 'bad-expectation'
    if (!isWellFramed(req)) {
      peer.retired = true
      return 'bad_request'
    }
    const url = originForm(req)
    const end = url.startsWith(base) ? url.indexOf('/', base.length) : -1
    const place = end < 0 ? undefined : this.#places.get(url.slice(base.length, end))
    if (place === undefined || !url.startsWith('v1/', end + 1)) {
      if (!limits.enter(share)) return 'overloaded'
      this.#other(req, res, peer, share)
      return undefined
    }
    const rawKey = url.slice(end + '/v1/'.length)
    if (!isOneSegment(rawKey)) return 'not_found'
    if (!limits.enter(share)) {
      metrics.storeRequest(place.index, peer.label, req.method!, 'overloaded')
      return 'overloaded'
    }
    void this.#serve(new Exchange(req, res, peer, caller, share, rawKey, limits, expects === 'continue'), place)
    return undefined
  }

  #identify(req: IncomingMessage, peer: Peer): Caller | undefined {
    const { identify, limits, metrics } = this.#options
    if (identify === undefined) return peer.caller
    const proof = req.headers.authorization
    if (peer.caller !== undefined && peer.proof === proof) return peer.caller
    const caller = identify(req, peer)
    if (caller !== undefined) proven(req.socket)
    if (caller?.id !== peer.caller?.id) {
      if (peer.share !== undefined) limits.disconnect(peer.share)
      peer.share = caller === undefined ? undefined : limits.connect(caller.id)
    }
    peer.caller = caller
    peer.proof = proof
    peer.label = caller === undefined ? 0 : metrics.labelOf(caller)
    return caller
  }

  async #serve(exchange: Exchange, place: Place): Promise<void> {
    let result: StoreAnswer
    try {
      result = await answer(place.store, exchange, this.#options.keyLimit)
    } catch (error) {
      this.#options.fault(error, exchange.requestId)
      result = 'server_error'
    }
    exchange.end()
    const { metrics } = this.#options
    const { req, res, peer, method } = exchange
    const now = performance.now()
    if (typeof result === 'string') {
      this.#problem(req, res, peer, result, exchange.requestId)
      metrics.request(method, PROBLEMS[result].status, now - exchange.startedAt)
      metrics.storeRequest(place.index, peer.label, method, result)
      return
    }
    const { status, headers, body, outcome } = result
    repeatId(req, headers)
    if (this.#closes(req, res, peer)) headers.push('Connection', 'close')
    res.writeHead(status, headers)
    if (body === undefined) res.end()
    else if (body.length > SMALL) res.end(body)
    else res.end(body.toString('latin1'), 'latin1')
    metrics.request(method, status, now - exchange.startedAt)
    metrics.engine(method, now - exchange.completeAt)
    metrics.storeRequest(place.index, peer.label, method, outcome)
  }

  #problem(req: IncomingMessage, res: ServerResponse, peer: Peer, code: ProblemCode, requestId: string): void {
    const headers = problemHeaders(code)
    repeatId(req, headers)
    if (code === 'method-not-allowed') headers.push('Allow', STORE_METHODS)
    if (code === 'not_authorized') headers.push('WWW-Authenticate', 'Basic realm="holdfast", charset="UTF-8"')
    if (this.#closes(req, res, peer)) headers.push('Connection', 'close')
    else if (hasBody(req) && !req.complete) linger(req)
    res.writeHead(PROBLEMS[code].status, headers)
    res.end(problemBody(code, requestId), 'latin1')
  }

  /** Takes note of an answer, and says whether it closes its connection. */
  #closes(req: IncomingMessage, res: ServerResponse, peer: Peer): boolean {
    peer.owed--
    const { method } = req
    const unwanted = method !== 'PUT' && method !== 'POST' && hasBody(req)
    if (!unwanted && !peer.retired) return false
    if (!unwanted && peer.newest !== res) {
      // A newer request was answered before this one, and its answer waits behind it.
      if (peer.owed === 0) peer.newest!.once('finish', () => peer.retire())
      return false
    }
    peer.closed = true
    return true
  }

  /** A request that is not a store's counts and is limited like any other. No such request takes a body yet. */
  #other(req: IncomingMessage, res: ServerResponse, peer: Peer, share: Share): void {
    const { limits, metrics, fallback } = this.#options
    const startedAt = performance.now()
    res.once('close', () => {
      limits.leave(share)
      peer.owed--
      if (peer.retired) peer.retire()
      metrics.request(req.method!, res.statusCode, performance.now() - startedAt)
    })
    if (peer.retired || hasBody(req)) {
      peer.closed = true
      res.setHeader('Connection', 'close')
    }
    const id = givenIdOf(req)
    if (id !== undefined) res.setHeader('X-Request-ID', id)
    fallback(req, res)
  }
}

function repeatId(req: IncomingMessage, headers: string[]): void {
  const id = givenIdOf(req)
  if (id !== undefined) headers.push('X-Request-ID', id)
}

/** The target as a path. A client may send the absolute form (RFC 9112 section 3.2.2); its host is not looked at. */
function originForm(req: IncomingMessage): string {
  const url = req.url!
  if (url.startsWith('/')) return url
  req.url = url.replace(/^https?:\/\/[^/?]*/i, '')
  return req.url
}

/**
 * What node's parser lets through and RFC 9112 does not: HTTP/0.9, no Host or two (node is told to join them), and a body
 * whose end is not known, because its last coding is not `chunked`. Whoever stands between may read such a head otherwise.
 */
function isWellFramed({ headers, httpVersion }: IncomingMessage): boolean {
  const coding = headers['transfer-encoding']
  if (httpVersion !== '1.1') return httpVersion === '1.0' && coding === undefined
  const { host } = headers
  return host !== undefined && !host.includes(',') && (coding === undefined || coding.toLowerCase() === 'chunked')
}

/** Not empty, and without a slash before the query. */
function isOneSegment(rawKey: string): boolean {
  const slash = rawKey.indexOf('/')
  const query = rawKey.indexOf('?')
  return rawKey.length > 0 && query !== 0 && (slash < 0 || (query >= 0 && query < slash))
}

/** Reads on for a while, and then closes: closing at once would throw away an answer that the client has not read. */
function linger(req: IncomingMessage): void {
  const timer = setTimeout(() => {
    if (!req.complete) req.socket.destroy()
  }, LINGER_MS).unref()
  req.once('close', () => clearTimeout(timer))
}
