/**
 * What the server keeps of one connection: who is on it, their share of the limits, and which answers are still owed.
 *
 * Answers leave in the order of the requests, whatever order they are found in; node sees to that. What it does not see
 * to: after an answer that closes the connection, nothing that follows on it may be obeyed, because it could never be
 * answered, and because a request hidden behind the body of another must not become a request of its own.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Caller } from '../access/caller.ts'
import type { Share } from './limits.ts'

const PEER = Symbol('peer')

export class Peer {
  readonly socket: TLSSocket
  /** Known from the handshake, or from the request last seen on a connection of the basic listener. */
  caller: Caller | undefined
  /** The share of that caller; `undefined` with a caller = one connection too many. */
  share: Share | undefined
  /** The caller's place among the metrics' labels. */
  label = 0
  /** The Authorization header that proved the caller. */
  proof: string | undefined
  /** The answer to the newest request. */
  newest: ServerResponse | undefined
  /** Requests that are not answered. */
  owed = 0
  /** Close after the newest answer: it is one connection too many, its framing is broken, or the server stops. */
  retired = false
  /** An answer that closes was given, or the framing broke: nothing more is obeyed. */
  closed = false
  /** Ends the reading of a body that is not complete. */
  stopReading: ((why: 'bad_request' | 'request-timeout') => void) | undefined

  constructor(socket: TLSSocket) {
    this.socket = socket
    ;(socket as Attached)[PEER] = this
  }

  /** The peer of a request's or an error's socket. */
  static of(socket: IncomingMessage['socket']): Peer | undefined {
    return (socket as Attached)[PEER]
  }

  /** Closes the connection: at once if nothing is owed, else after the newest answer. */
  retire(): void {
    this.retired = true
    if (this.owed > 0 || this.closed) return
    this.closed = true
    this.socket.destroySoon()
  }
}

interface Attached {
  [PEER]?: Peer
}
