/**
 * An HTTPS server on which nobody is served before access knows who it is.
 *
 * On the certificate listener a connection reaches HTTP only after its handshake ended, its certificate verified, and
 * its one name was found; else it is closed and audited. What a handshake was refused for is told to the audit log,
 * never to the peer. `callerOf(socket)` is the caller of a connection; a socket without one belongs to nobody, and
 * whoever serves requests must refuse it (on the basic listener that is every socket: each request proves itself).
 *
 * Connections of which nobody knows whose they are, are bounded, and one address can hold at most half of them, so that
 * silent connections of one peer do not keep the others out: handshakes in progress, and where requests prove who is
 * there, those on which none has. A connection past the bound is closed before any work is done on it. How long it may
 * last, the time limits of handshakes and heads say, and that whoever refuses a request without proof closes.
 *
 * Not kept out: peers that complete handshakes again and again. That costs them as much as us; the limits of
 * connections by caller, and the operator's firewall, are for those.
 */
import type { RequestListener } from 'node:http'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Caller } from '../access/caller.ts'
import { handshakeRefusal, type Refusal, type Rule } from '../access/refusals.ts'
import type { Audit } from '../audit/audit.ts'
import { networkOf } from '../audit/network.ts'

export interface Guard {
  /** Name of the listener in the audit log. */
  readonly listener: 'public' | 'basic' | 'admin'
  /** Who is on a connection; absent: connections have no caller, and requests prove themselves. */
  readonly identify?: (socket: TLSSocket) => Caller | Refusal
  /** Requests prove who is there: a connection counts as a handshake until {@link proven}. */
  readonly byRequest?: boolean
  readonly audit: Audit
  /** Handshakes in progress, at most. */
  readonly handshakes: number
  /** Called for each refused handshake, for a counter. */
  readonly onRefused?: (rule: Rule) => void
}

const callers = new WeakMap<object, Caller>()
/** What gives back the place that a connection without proof has among the handshakes. */
const places = new WeakMap<object, () => void>()

/** The caller of a connection, if it proved one by certificate. */
export function callerOf(socket: object): Caller | undefined {
  return callers.get(socket)
}

/** A request has proven who is on this connection. */
export function proven(socket: object): void {
  places.get(socket)?.()
}

/**
 * A server that listens to nothing yet. `options` are those of ./tls.ts and whatever node:http takes. Its `close` cuts
 * handshakes off.
 */
export function createSecureServer(options: ServerOptions, guard: Guard, serve?: RequestListener): Server {
  const server = createServer(options, serve)
  const handshakes = new Handshakes(guard.handshakes)

  const refuse = (refusal: Refusal, peer: string | undefined): void => {
    const { refused: rule, fingerprint, detail } = refusal
    guard.onRefused?.(rule)
    guard.audit.record({
      event: 'handshake-refused',
      listener: guard.listener,
      rule,
      fingerprint,
      detail,
      network: networkOf(peer),
    })
  }

  // Events are taken from the listeners of node:https, so that what is refused never reaches HTTP.
  intercept(server, 'connection', (socket: Socket) => {
    if (isGone(socket)) return false
    if (handshakes.begin(socket)) return true
    refuse({ refused: 'too-many-handshakes' }, socket.remoteAddress)
    socket.destroy()
    return false
  })
  intercept(server, 'secureConnection', (socket: TLSSocket) => {
    if (isGone(socket)) return false
    if (guard.byRequest) places.set(socket, () => handshakes.end(socket))
    else handshakes.end(socket)
    if (guard.identify === undefined) return true
    const caller = guard.identify(socket)
    if (!(caller instanceof Caller)) {
      refuse(caller, socket.remoteAddress)
      socket.destroy()
      return false
    }
    callers.set(socket, caller)
    return true
  })
  server.removeAllListeners('tlsClientError')
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    // A peer that goes away in between (a port check, say) was not refused.
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') {
      refuse(handshakeRefusal(error.code ?? 'unknown'), socket.remoteAddress)
    }
    socket.destroy()
  })

  // A peer that never says anything would hold the end of the server until its handshake times out.
  const close = server.close.bind(server)
  server.close = (done) => {
    handshakes.cut()
    return close(done)
  }
  return server
}

/**
 * Closes a socket whose peer has reset it already. It has no address any more, so its handshake could not be found again
 * by it; and what is written to it now may never be reported as failed, so that it would stay open for ever.
 */
function isGone(socket: Socket): boolean {
  if (socket.remoteAddress !== undefined) return false
  socket.destroy()
  return true
}

/** Handshakes in progress, in all and by address. Counts come back when a handshake ends and when its socket closes. */
class Handshakes {
  readonly #most: number
  /** By address and port of the peer. */
  readonly #open = new Map<string, Socket>()
  readonly #byAddress = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  begin(socket: Socket): boolean {
    const { remoteAddress: address = '', remotePort: port } = socket
    const held = this.#byAddress.get(address) ?? 0
    if (this.#open.size >= this.#most || held >= Math.ceil(this.#most / 2)) return false
    const peer = `${address} ${port}`
    this.#open.set(peer, socket)
    this.#byAddress.set(address, held + 1)
    socket.once('close', () => {
      if (this.#open.get(peer) === socket) this.#done(peer, address)
    })
    return true
  }

  end({ remoteAddress: address = '', remotePort: port }: Socket): void {
    this.#done(`${address} ${port}`, address)
  }

  cut(): void {
    for (const socket of this.#open.values()) socket.destroy()
  }

  #done(peer: string, address: string): void {
    if (!this.#open.delete(peer)) return
    const held = this.#byAddress.get(address)! - 1
    if (held > 0) this.#byAddress.set(address, held)
    else this.#byAddress.delete(address)
  }
}

/** Lets the listeners that an event already has see only what `passes`. */
function intercept<S>(server: Server, event: string, passes: (socket: S) => boolean): void {
  const listeners = server.listeners(event)
  server.removeAllListeners(event)
  server.on(event, (socket: S) => {
    if (passes(socket)) for (const listener of listeners) listener.call(server, socket)
  })
}
