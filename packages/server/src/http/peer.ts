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

/** A request whose body is not complete: always the newest of its connection. */
interface Incomplete {
  /** Gives up: the body will not come, or nobody may send it. */
  readonly stop: (why: 'bad_request' | 'request-timeout' | 'not_authorized') => void
  /** The caller that its grants are asked of, once it is complete. */
  readonly decideBy: (caller: Caller) => void
}

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
  /** Close after the newest answer: one connection too many, broken framing, nobody here any more, or the server stops. */
  retired = false
  /** An answer that closes was given, or the framing broke: nothing more is obeyed. */
  closed = false
  incomplete: Incomplete | undefined

  constructor(socket: TLSSocket) {
    this.socket = socket
    ;(socket as Attached)[PEER] = this
  }

  /** The peer of a request's or an error's socket. */
  static of(socket: IncomingMessage['socket']): Peer | undefined {
    return (socket as Attached)[PEER]
  }

  /** Closes the connection: at once if nothing is owed, else after the newest answer, once all of it is on its way. */
  retire(): void {
    this.retired = true
    if (this.owed > 0 || this.closed) return
    this.closed = true
    const close = () => this.socket.destroySoon()
    // Answers that wait for their client, behind one another, are not in the socket yet.
    if (this.newest === undefined || this.newest.writableFinished) close()
    else this.newest.once('finish', close)
  }

  /** It is the same caller, with other grants. What is complete has been decided. */
  renew(caller: Caller): void {
    this.caller = caller
    this.incomplete?.decideBy(caller)
  }

  /** As {@link retire}; and what comes before that, the rest of a body too, is from nobody. */
  dismiss(): void {
    this.caller = undefined
    this.proof = undefined
    this.retire()
    this.incomplete?.stop('not_authorized')
  }
}

interface Attached {
  [PEER]?: Peer
}
