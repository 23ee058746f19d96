/**
 * One TLS connection, from the first attempt to reach the server on.
 *
 * What changes something has the connection alone. Reads that were given to it in one turn of the event loop go out
 * together and are answered in their order, as HTTP/1.1 demands: one write and one read of the socket for all of them.
 * Each request has an id, which its answer repeats; an answer to another request, anything odd in one, and bytes that
 * nobody waits for end the connection before anybody gets what is not meant for him. A server that repeats no ids (an
 * older one) gets no reads together. The server's name and certificate are always verified.
 */
import type { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type Response, ResponseReader } from './response.ts'

/** How a request was lost. */
export class Lost extends Error {
  /** X-Request-ID that it had. Undefined: not a byte of it was handed to the connection. */
  readonly requestId: string | undefined
  /** False: the server may have closed an idle connection before it saw the request. */
  readonly answered: boolean

  constructor(message: string, requestId: string | undefined, answered: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.requestId = requestId
    this.answered = answered
  }
}

interface Waiting {
  readonly id: string
  readonly reader: ResponseReader
  readonly resolve: (response: Response) => void
  readonly reject: (error: Lost) => void
  /** It has a body, which may still be on its way when a refusal comes. */
  readonly hasBody: boolean
  answered: boolean
}

export class Connection {
  /** Resolves after the handshake; rejects with the reason. */
  readonly opened: Promise<void>
  /** Those it was given to, now; kept by the pool. */
  users = 0
  /** Answers on it say which request they belong to. */
  repeatsIds = false
  /** Requests that were answered on it. */
  served = 0
  /** No further request is put on it. */
  retired = false
  dead = false
  readonly #socket: TLSSocket
  readonly #gone: (connection: Connection) => void
  /** Until the handshake is over. */
  #failed: ((reason: unknown) => void) | undefined
  /** The oldest first: answers come in this order. */
  readonly #waiting: Waiting[] = []
  /** Heads that go out when this turn is over. */
  #gathered = ''

  /** `timeout` in ms, until the handshake is over. `gone` is called once, when it ends for whatever reason. */
  constructor(options: ConnectionOptions, timeout: number, gone: (connection: Connection) => void) {
    this.#gone = gone
    const socket = connect({ ...options, rejectUnauthorized: true, ALPNProtocols: ['http/1.1'] })
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.#end(this.#closed()))
    socket.on('error', (error: Error) => this.#end('the connection broke', error))
    socket.on('close', () => this.#end(this.#closed()))
    this.opened = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end(`no connection within ${timeout} ms`), timeout).unref()
      this.#failed = (reason) => {
        clearTimeout(timer)
        reject(reason)
      }
      socket.once('secureConnect', () => {
        clearTimeout(timer)
        this.#failed = undefined
        resolve()
      })
    })
  }

  get isOpen(): boolean {
    return this.#failed === undefined && !this.dead
  }

  /**
   * Sends one request and resolves with its answer; rejects with {@link Lost}. `head`: without its last, empty line.
   */
  request(head: string, body: Uint8Array | undefined, maxValue: number): Promise<Response> {
    return this.#wait(head, maxValue, body !== undefined, (whole) => {
      this.#socket.cork()
      this.#socket.write(whole, 'latin1')
      if (body !== undefined) this.#socket.write(body)
      this.#socket.uncork()
    })
  }

  /** As `request`, together with the other reads of this turn. */
  gather(head: string, maxValue: number): Promise<Response> {
    return this.#wait(head, maxValue, false, (whole) => {
      if (this.#gathered === '') setImmediate(() => this.#flush())
      this.#gathered += whole
    })
  }

  /** Keeps the process alive, or not. */
  hold(holds: boolean): void {
    if (holds) this.#socket.ref()
    else this.#socket.unref()
  }

  destroy(): void {
    this.#end('the connection was given up')
  }

  #wait(head: string, maxValue: number, hasBody: boolean, send: (whole: string) => void): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (this.dead) {
        reject(new Lost('the connection is closed', undefined, false))
        return
      }
      const id = randomUUID()
      this.#waiting.push({ id, reader: new ResponseReader(maxValue), resolve, reject, hasBody, answered: false })
      send(`${head}X-Request-ID: ${id}\r\n\r\n`)
    })
  }

  #flush(): void {
    if (!this.dead) this.#socket.write(this.#gathered, 'latin1')
    this.#gathered = ''
  }

  #take(chunk: Buffer): void {
    for (let bytes = chunk; bytes.length > 0 && !this.dead; ) {
      const waiting = this.#waiting[0]
      if (waiting === undefined) {
        this.#end('bytes that nobody asked for')
        return
      }
      waiting.answered = true
      let response: Response | undefined
      try {
        response = waiting.reader.take(bytes)
      } catch (error) {
        this.#end(`not an answer: ${(error as Error).message}`, error)
        return
      }
      if (response === undefined) return
      if (!this.#answers(response, waiting)) {
        this.#end('an answer to another request')
        return
      }
      bytes = waiting.reader.rest
      this.#waiting.shift()
      this.served++
      // A refusal that came before the request had gone out leaves the rest of its body behind. Of other answers nothing is
      // left, though the socket may tell only after them that all has gone out.
      const leftBehind = waiting.hasBody && response.status >= 400 && this.#socket.writableLength > 0
      if (!response.reusable || leftBehind) this.#end('the connection was closed after an answer')
      waiting.resolve(response)
    }
  }

  /**
   * Without an id are those of a server that repeats none, and its refusal of bytes that it did not take for a request: then
   * it closes.
   */
  #answers({ requestId, status, reusable }: Response, { id }: Waiting): boolean {
    if (requestId === undefined) return !this.repeatsIds || (this.#waiting.length === 1 && status >= 400 && !reusable)
    this.repeatsIds = requestId === id
    return this.repeatsIds
  }

  #closed(): string {
    if (this.served > 0 || this.#failed !== undefined) return 'the server closed the connection'
    return "the server closed the connection before its first answer; perhaps it refuses this client's certificate"
  }

  #end(why: string, cause?: unknown): void {
    if (this.dead) return
    this.dead = true
    this.#socket.destroy()
    this.#failed?.(cause ?? new Error(why))
    for (const { id, reject, answered } of this.#waiting.splice(0)) reject(new Lost(why, id, answered, cause))
    this.#gone(this)
  }
}

/** What OpenSSL says of these names its own source and no cause. */
const TLS_FAULTS: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'no TLS is spoken there; perhaps that is the port of the probes',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'no TLS is spoken there; perhaps that is the port of the probes',
}

/** Why a connection was not made. Of a host with several addresses each attempt has its own error. */
export function reasonOf(error: Error): string {
  const errors = error instanceof AggregateError ? error.errors : [error]
  return errors.map(({ code, message }) => TLS_FAULTS[code] ?? message).join(', ')
}
