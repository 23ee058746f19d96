/**
 * How much is let in at once: requests in flight and bytes of bodies, by caller and in all; what does not get in is told
 * so at once (503 `overloaded`), and never waits. One caller, by mistake or on purpose, cannot use up what all share.
 *
 * Bursts are welcome and standing queues are not. A pause of some ms lets hundreds of requests arrive together, and each
 * of them can still be served in time: so up to `requests` get in. But when more keeps coming than can be served, a queue
 * only adds its own length to every answer, and nobody is served sooner. So the process is watched in windows, and while
 * it is saturated only `requestsSaturated` are let in at once, shared equally among the callers that came in the window
 * before and one who may come now. That is a count and not a time, so it means the same on slow and fast machines.
 *
 * Saturated begins when the event loop did not rest during two windows, or when the queue never was shorter than
 * `requestsSaturated` during one; it ends after a window in which nobody had to be refused. Requests that wait for their
 * body cost nothing but memory and do not count, or slow senders could make everybody else be refused.
 *
 * A caller that closes its last connection with requests in flight begins with a new count; the limits in all still hold.
 */
import { performance } from 'node:perf_hooks'

export interface LimitFigures {
  /** Requests in flight, in all and of one caller. */
  readonly requests: number
  readonly requestsPerCaller: number
  /** Requests in flight, in all, while the process is saturated. */
  readonly requestsSaturated: number
  /** Connections, in all and of one caller. */
  readonly connections: number
  readonly connectionsPerCaller: number
  /** Bytes of bodies that are being read or written, in all and of one caller. */
  readonly bodyBytes: number
  readonly bodyBytesPerCaller: number
}

/** Length of a window, in ms. */
const WINDOW_MS = 100
/** A loop that was busy for more than this share of a window did not rest. */
const BUSY = 0.98

/** What one caller uses. */
export class Share {
  readonly caller: string
  requests = 0
  waiting = 0
  connections = 0
  bodyBytes = 0
  /** The last window in which it asked. */
  window = -1

  constructor(caller: string) {
    this.caller = caller
  }
}

export class Limits {
  readonly #figures: LimitFigures
  readonly #shares = new Map<string, Share>()
  readonly #all = new Share('')
  #window = 0
  #saturated = false
  #wasBusy = false
  /** Callers that asked in this window, and in the one before. */
  #asking = 0
  #asked = 1
  #refused = 0
  /** The fewest requests that were in flight in this window. */
  #fewest = 0
  #timer: NodeJS.Timeout | undefined

  constructor(figures: LimitFigures) {
    this.#figures = figures
  }

  get saturated(): boolean {
    return this.#saturated
  }

  get requests(): number {
    return this.#all.requests
  }

  get connections(): number {
    return this.#all.connections
  }

  get bodyBytes(): number {
    return this.#all.bodyBytes
  }

  /** Begins to watch the event loop. */
  start(): void {
    let before = performance.eventLoopUtilization()
    this.#timer = setInterval(() => {
      const now = performance.eventLoopUtilization()
      this.turn(performance.eventLoopUtilization(now, before).utilization > BUSY)
      before = now
    }, WINDOW_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Ends a window; `busy`: the event loop did not rest in it. */
  turn(busy: boolean): void {
    this.#saturated =
      (busy && this.#wasBusy) ||
      this.#fewest >= this.#figures.requestsSaturated ||
      (this.#saturated && this.#refused > 0)
    this.#wasBusy = busy
    this.#asked = Math.max(1, this.#asking)
    this.#asking = 0
    this.#refused = 0
    this.#fewest = this.#active
    this.#window++
  }

  /** A connection of the caller, for {@link disconnect}; `undefined` = one too many. */
  connect(caller: string): Share | undefined {
    const share = this.#shares.get(caller) ?? new Share(caller)
    const { connections, connectionsPerCaller } = this.#figures
    if (this.#all.connections >= connections || share.connections >= connectionsPerCaller) return undefined
    this.#shares.set(caller, share)
    share.connections++
    this.#all.connections++
    return share
  }

  disconnect(share: Share): void {
    this.#all.connections--
    if (--share.connections === 0 && this.#shares.get(share.caller) === share) this.#shares.delete(share.caller)
  }

  /** Lets a request in, until {@link leave}; false = refuse it. */
  enter(share: Share): boolean {
    if (share.window !== this.#window) {
      share.window = this.#window
      this.#asking++
    }
    const all = this.#all
    const { requests, requestsPerCaller, requestsSaturated } = this.#figures
    let fits = all.requests < requests && share.requests < requestsPerCaller
    if (fits && this.#saturated) {
      const fair = Math.max(1, Math.floor(requestsSaturated / (this.#asked + 1)))
      fits = this.#active < requestsSaturated && share.requests - share.waiting < fair
    }
    if (!fits) {
      this.#refused++
      return false
    }
    all.requests++
    share.requests++
    return true
  }

  leave(share: Share): void {
    this.#all.requests--
    share.requests--
    this.#settle()
  }

  /** The request of this share waits for its body, until {@link proceed}. */
  wait(share: Share): void {
    this.#all.waiting++
    share.waiting++
    this.#settle()
  }

  proceed(share: Share): void {
    this.#all.waiting--
    share.waiting--
  }

  /** Takes room for bytes of a body, until {@link release}; false = there is none. */
  reserve(share: Share, bytes: number): boolean {
    const { bodyBytes, bodyBytesPerCaller } = this.#figures
    if (this.#all.bodyBytes + bytes > bodyBytes || share.bodyBytes + bytes > bodyBytesPerCaller) return false
    this.#all.bodyBytes += bytes
    share.bodyBytes += bytes
    return true
  }

  release(share: Share, bytes: number): void {
    this.#all.bodyBytes -= bytes
    share.bodyBytes -= bytes
  }

  get #active(): number {
    return this.#all.requests - this.#all.waiting
  }

  #settle(): void {
    const active = this.#active
    if (active < this.#fewest) this.#fewest = active
  }
}
