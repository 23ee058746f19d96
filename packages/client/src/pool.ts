/**
 * Connections kept open, and the calls that wait for one. The one used last is used next, so those not needed grow idle
 * and are closed well before the server would (its `timeouts.keepAlive`, 5 minutes by default). Reads of one turn of the
 * event loop share a connection. All is bounded: connections, reads on one of them, and calls that wait.
 *
 * Whether the server can be reached is known from the last attempt and told as it changes. While it cannot, the pool tries
 * by itself, about once a second, so that those who wait for `connect` before they ask again are not waiting for ever.
 */
import type { ConnectionOptions } from 'node:tls'
import { Connection, reasonOf } from './connection.ts'
import { UnavailableError } from './errors.ts'

export interface PoolOptions {
  /** Connections at most. */
  readonly connections: number
  /** For connecting and the handshake, in ms. */
  readonly connectTimeout: number
  /** An idle connection is closed after so many ms. */
  readonly idleTimeout: number
  /** What tls.connect needs; asked for each connection, so that new certificates are used. */
  readonly connecting: () => ConnectionOptions
  readonly onReachable: (reachable: boolean, error?: Error) => void
}

/** Calls that may wait for a connection. */
const MAX_WAITING = 10_000
/** Reads that share a connection. */
const MAX_SHARING = 16
const PROBE_MS = 1000

interface Waiting {
  readonly shares: boolean
  readonly resolve: (connection: Connection) => void
  readonly reject: (error: Error) => void
}

export class Pool {
  readonly #options: PoolOptions
  /** All there are, those that are still connecting included. */
  readonly #connections = new Set<Connection>()
  /** The one used last is at the end. */
  readonly #idle: { connection: Connection; since: number }[] = []
  readonly #waiting = new Set<Waiting>()
  /** Of those. */
  #waitingToShare = 0
  /** Takes more reads in this turn. */
  #shared: Connection | undefined
  /** The server lets reads share a connection, as far as is known. */
  #sharing = false
  #opening = 0
  #reachable: boolean | undefined
  #probe: NodeJS.Timeout | undefined
  #probing: Connection | undefined
  #sweep: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** A connection for one request, given back by {@link release}. `shares`: with other requests of this turn. */
  acquire(deadline: number, shares: boolean): Connection | Promise<Connection> {
    if (this.#closed) throw new UnavailableError('closed', 'the client is closed')
    const connection = (shares ? this.#joinable() : undefined) ?? this.#takeIdle()
    if (connection === undefined) return this.#wait(deadline, shares)
    this.#give(connection, shares)
    return connection
  }

  release(connection: Connection): void {
    connection.users--
    if (connection.served > 0) this.#sharing = connection.repeatsIds
    if (connection.users === 0) this.#offer(connection)
  }

  /** New connections only from here on: what is idle is closed, what is busy after its requests. */
  retire(): void {
    for (const connection of this.#connections) connection.retired = true
    this.dropIdle()
  }

  /** Closes what is idle: one of them was found closed by the server, and the others are of its age. */
  dropIdle(): void {
    for (const { connection } of this.#idle.splice(0)) connection.destroy()
  }

  /** Ends all. Whoever still waits is told. */
  close(): void {
    this.#closed = true
    clearInterval(this.#sweep)
    clearTimeout(this.#probe)
    for (const waiting of this.#waiting) {
      this.#leave(waiting)
      waiting.reject(new UnavailableError('closed', 'the client is closed'))
    }
    for (const connection of this.#connections) connection.destroy()
  }

  #joinable(): Connection | undefined {
    const connection = this.#shared
    const takes = connection !== undefined && !connection.dead && !connection.retired
    return takes && connection.users < MAX_SHARING ? connection : undefined
  }

  #takeIdle(): Connection | undefined {
    const connection = this.#idle.pop()?.connection
    connection?.hold(true)
    return connection
  }

  #give(connection: Connection, shares: boolean): void {
    connection.users++
    if (!shares || !connection.repeatsIds || this.#shared === connection) return
    if (this.#shared === undefined) {
      setImmediate(() => {
        this.#shared = undefined
      })
    }
    this.#shared = connection
  }

  #wait(deadline: number, shares: boolean): Promise<Connection> {
    if (this.#waiting.size >= MAX_WAITING) throw new UnavailableError('overloaded', 'too many calls wait already')
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        shares,
        resolve: (connection) => {
          clearTimeout(timer)
          resolve(connection)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      }
      const timer = setTimeout(
        () => {
          this.#leave(waiting)
          reject(new UnavailableError('timeout', 'no connection became free in time'))
        },
        Math.max(1, deadline - performance.now()),
      )
      this.#waiting.add(waiting)
      if (shares) this.#waitingToShare++
      this.#grow()
    })
  }

  #leave(waiting: Waiting): void {
    this.#waiting.delete(waiting)
    if (waiting.shares) this.#waitingToShare--
  }

  /** One that nobody uses: to those who wait, or to the idle. */
  #offer(connection: Connection): void {
    if (connection.dead) return
    if (connection.retired || this.#closed) {
      connection.destroy()
      return
    }
    for (const waiting of this.#waiting) {
      const joins = waiting.shares && connection.repeatsIds && connection.users < MAX_SHARING
      const fits = connection.users === 0 || joins
      if (!fits) break
      this.#leave(waiting)
      this.#give(connection, waiting.shares)
      waiting.resolve(connection)
      if (!waiting.shares) break
    }
    connection.hold(connection.users > 0)
    if (connection.users > 0) return
    this.#idle.push({ connection, since: performance.now() })
    this.#sweep ??= setInterval(this.#closeIdle, this.#options.idleTimeout / 4).unref()
  }

  #grow(): void {
    const together = this.#sharing ? this.#waitingToShare : 0
    if (this.#opening >= this.#waiting.size - together + Math.ceil(together / MAX_SHARING)) return
    // A call's own attempt takes the place of a probe, which may hang.
    this.#probing?.destroy()
    if (this.#connections.size >= this.#options.connections) return
    const connection = this.#connect()
    this.#opening++
    const opened = connection.opened.finally(() => this.#opening--)
    opened.then(
      () => this.#offer(connection),
      (error) => this.#failed(error),
    )
  }

  #connect(): Connection {
    const { connecting, connectTimeout } = this.#options
    const connection = new Connection(connecting(), connectTimeout, (gone) => this.#gone(gone))
    this.#connections.add(connection)
    connection.opened.then(
      () => this.#tell(true),
      () => {},
    )
    return connection
  }

  /** One attempt failed: one call is told, and may try again. Listeners are told last, since they may throw. */
  #failed(error: Error): void {
    const [waiting] = this.#waiting
    if (waiting !== undefined) {
      this.#leave(waiting)
      waiting.reject(new UnavailableError('connection', `cannot connect: ${reasonOf(error)}`, { cause: error }))
      this.#grow()
    }
    if (![...this.#connections].some(({ isOpen }) => isOpen)) this.#tell(false, error)
  }

  #gone(connection: Connection): void {
    this.#connections.delete(connection)
    const place = this.#idle.findIndex((each) => each.connection === connection)
    if (place >= 0) this.#idle.splice(place, 1)
    if (!this.#closed) this.#grow()
  }

  readonly #closeIdle = (): void => {
    const before = performance.now() - this.#options.idleTimeout
    while (this.#idle[0] !== undefined && this.#idle[0].since < before) this.#idle[0].connection.destroy()
  }

  #tell(reachable: boolean, error?: Error): void {
    if (this.#closed || this.#reachable === reachable) return
    this.#reachable = reachable
    if (!reachable) this.#probeSoon()
    this.#options.onReachable(reachable, error)
  }

  #probeSoon(): void {
    const probe = () => {
      const connection = this.#connect()
      connection.hold(false)
      this.#probing = connection
      const opened = connection.opened.finally(() => {
        this.#probing = undefined
      })
      opened.then(
        () => this.#offer(connection),
        () => this.#probeSoon(),
      )
    }
    clearTimeout(this.#probe)
    if (this.#closed || this.#reachable === true) return
    this.#probe = setTimeout(probe, PROBE_MS * (0.5 + Math.random())).unref()
  }
}
