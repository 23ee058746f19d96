/**
 * One connection to the server, as an attacker holds it: the TCP socket below and, unless the attack is below HTTP, the
 * TLS socket above, with everything received and the wish to wait for answers or for the end.
 */
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { type SecureContext, connect as secure, type TLSSocket } from 'node:tls'
import { AnswerReader, Malformed } from './answers.ts'

/** Where to knock, and with which certificate. */
export interface Door {
  readonly host: string
  readonly port: number
  readonly context: SecureContext
}

/** How near to the wire the attacker gets: TLS and no more, TLS and the wire below it, or TCP alone. */
export type Reach = 'tls' | 'tls and tcp' | 'tcp'

export class Line {
  readonly tcp: Socket
  readonly tls: TLSSocket | undefined
  reader = new AnswerReader()
  malformed: string | undefined
  closed = false
  #received: Buffer[] = []
  #wake: () => void = () => {}

  private constructor(tcp: Socket, tls: TLSSocket | undefined) {
    this.tcp = tcp
    this.tls = tls
    const stream = tls ?? tcp
    stream.on('data', (chunk: Buffer) => this.#take(chunk))
    const close = () => {
      this.closed = true
      this.#wake()
    }
    // Half-open is allowed, so the end of the server's half does not close ours; there is nothing more to learn, though.
    stream.on('end', close)
    stream.on('close', close)
  }

  /** A connected line, with TLS up unless it is TCP alone. Fails if the server does not let us in. */
  static open(door: Door, reach: Reach): Promise<Line> {
    return new Promise((resolve, reject) => {
      const tcp = connect({ host: door.host, port: door.port, noDelay: true, allowHalfOpen: true })
      if (reach === 'tcp') {
        const line = new Line(tcp, undefined)
        tcp.once('connect', () => resolve(line))
        tcp.on('error', reject)
        return
      }
      const socket = reach === 'tls' ? tcp : passage(tcp)
      // An attacker does not care who answers, and saves the time to find out.
      const tls = secure({ socket, secureContext: door.context, rejectUnauthorized: false })
      const line = new Line(tcp, tls)
      tcp.on('error', reject)
      tls.on('error', reject)
      tls.once('close', () => reject(new Error('closed amid the handshake')))
      tls.once('secureConnect', () => resolve(line))
    })
  }

  /** Everything received since {@link begin}, one character a byte. */
  get received(): string {
    return Buffer.concat(this.#received).toString('latin1')
  }

  /** Starts afresh for the next attack on the same connection. What the last one left over stays unread, and shows. */
  begin(headOnlyFirst: boolean): void {
    const rest = Buffer.from(this.reader.rest, 'latin1')
    this.#received = []
    this.reader = new AnswerReader(headOnlyFirst)
    if (rest.length > 0) this.#take(rest)
  }

  send(bytes: Buffer): void {
    if (!this.closed) (this.tls ?? this.tcp).write(bytes, () => {})
  }

  /** Past TLS, straight onto the wire. The line must have been opened for it. */
  sendBelow(bytes: Buffer): void {
    if (!this.closed) this.tcp.write(bytes, () => {})
  }

  halfClose(): void {
    if (!this.closed) (this.tls ?? this.tcp).end()
  }

  /** A TCP reset. The line must have been opened for it. */
  reset(): void {
    if (this.closed) return
    this.tcp.resetAndDestroy()
    this.tls?.destroy()
  }

  /** Reads nothing, until called with false. */
  deaf(on: boolean): void {
    const stream = this.tls ?? this.tcp
    if (on) stream.pause()
    else stream.resume()
  }

  /** Waits until there are `answers` answers, the connection is closed, or `ms` have passed. True unless the time ran out. */
  async until(answers: number, ms: number): Promise<boolean> {
    const deadline = performance.now() + ms
    while (!this.closed && this.malformed === undefined && this.reader.answers.length < answers) {
      const left = deadline - performance.now()
      if (left <= 0) return false
      await new Promise<void>((done) => {
        const timer = setTimeout(done, left)
        this.#wake = () => {
          clearTimeout(timer)
          done()
        }
      })
    }
    return true
  }

  destroy(): void {
    this.tls?.destroy()
    this.tcp.destroy()
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk)
    try {
      if (this.tls !== undefined && this.malformed === undefined) this.reader.push(chunk)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.malformed = error.message
    }
    this.#wake()
  }
}

/**
 * Lets TLS run over a stream of JavaScript, so that the TCP socket stays ours. (Node's TLS takes over the handle of a
 * plain socket; touching that from outside crashes the process.)
 */
function passage(tcp: Socket): Duplex {
  const duplex = new Duplex({
    read: () => tcp.resume(),
    write: (chunk, _encoding, done) => void tcp.write(chunk, () => done()),
    final: (done) => void tcp.end(done),
    destroy: (error, done) => {
      tcp.destroy()
      done(error)
    },
  })
  tcp.on('data', (chunk) => {
    if (!duplex.push(chunk)) tcp.pause()
  })
  tcp.on('end', () => duplex.push(null))
  tcp.on('close', () => duplex.destroy())
  return duplex
}
