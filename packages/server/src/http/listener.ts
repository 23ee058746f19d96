/**
 * A public listener: TLS by ./secure-server.ts, requests by the front, broken framing from the error table, and an end in
 * good order. Timeouts are the server's: slow heads and slow bodies end in 408, idle connections are closed.
 */
import type { ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Caller } from '../access/caller.ts'
import { Entitled, type EntitledOptions } from './entitled.ts'
import { answerBrokenFraming } from './framing.ts'
import type { Limits } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { Peer } from './peer.ts'
import { callerOf, createSecureServer, type Guard } from './secure-server.ts'
import { Front, type FrontOptions } from './store-handler.ts'

interface ListenerTimeouts {
  /** For a whole head, for a whole request, and for a connection without one, in ms. */
  readonly head: number
  readonly request: number
  readonly keepAlive: number
}

export interface PublicListenerOptions {
  /** As ./tls.ts gives them. */
  readonly tls: ServerOptions
  readonly guard: Guard & { readonly listener: EntitledOptions['listener'] }
  readonly front: FrontOptions
  /** Who is on a connection now, after a reload. */
  readonly again: EntitledOptions['again']
  readonly limits: Limits
  readonly metrics: Metrics
  readonly timeouts: ListenerTimeouts
  /** Largest head of a request, in bytes. */
  readonly headBytes: number
  /** Connections with a caller, at most; those beyond are told so, a few at a time. */
  readonly connections: number
}

export interface PublicListener {
  /** Resolves with the port. */
  listen(port: number, host: string): Promise<number>
  /**
   * New connections get these settings, the next request on any finds these stores, and who is on an open connection is
   * asked anew (./entitled.ts). Resolves when all are judged.
   */
  reload(tls: ServerOptions, stores: FrontOptions['stores']): Promise<void>
  /** Accepts nothing new, finishes what is in flight, and after `ms` closes what is left. */
  drain(ms: number): Promise<void>
}

/** How often slow requests are looked for, in ms. */
const CHECK_MS = 500

export function createPublicListener(options: PublicListenerOptions): PublicListener {
  const { tls, guard, limits, metrics, timeouts } = options
  const front = new Front(options.front)
  const labelOf = (caller: Caller) => metrics.labelOf(caller)
  const { listener, audit } = guard
  const entitled = new Entitled({ listener, audit, again: options.again, labelOf })
  const { peers } = entitled
  let stopping = false
  const server = createSecureServer(
    {
      ...tls,
      optimizeEmptyRequests: true,
      requireHostHeader: false,
      joinDuplicateHeaders: true,
      maxHeaderSize: options.headBytes,
      headersTimeout: Math.min(timeouts.head, timeouts.request),
      requestTimeout: timeouts.request,
      keepAliveTimeout: timeouts.keepAlive,
      connectionsCheckingInterval: CHECK_MS,
    },
    { ...guard, byRequest: options.front.identify !== undefined },
  )
  // Beyond some number node would drop headers silently, conditions among them; the size of the head bounds them.
  server.maxHeadersCount = 0
  // Node calls idle whoever has been answered, also while the answer waits in the process; drain() closes those that are.
  server.closeIdleConnections = () => {}
  // A peer that reads nothing, or is gone without a word, keeps neither its connection nor the answers waiting for it.
  // Whoever is only slow to send has had its 408 by then.
  server.timeout = timeouts.request + 2 * CHECK_MS
  server.maxConnections = options.connections + guard.handshakes
  server.on('request', (req, res) => front.handle(req, res, 'nothing'))
  server.on('checkContinue', (req, res) => front.handle(req, res, 'continue'))
  server.on('checkExpectation', (req, res) => front.handle(req, res, 'unknown'))
  answerBrokenFraming(server, metrics)

  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.destroyed) return
    keepParsing(socket)
    const peer = new Peer(socket)
    peer.retired = stopping
    peers.add(peer)
    const caller = callerOf(socket)
    if (caller !== undefined) {
      peer.caller = caller
      peer.share = limits.connect(caller.id)
      peer.label = metrics.labelOf(caller)
    }
    socket.once('close', () => {
      peers.delete(peer)
      if (peer.share !== undefined) limits.disconnect(peer.share)
    })
  })

  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.removeListener('error', reject)
          entitled.start()
          resolve((server.address() as AddressInfo).port)
        })
      }),

    reload(tls, stores) {
      server.setSecureContext(tls)
      front.serve(stores)
      return entitled.judge()
    },

    drain: (ms) =>
      new Promise((resolve) => {
        entitled.stop()
        const timer = setTimeout(() => {
          for (const { socket } of peers) socket.destroy()
          server.closeAllConnections()
        }, ms)
        server.close(() => {
          clearTimeout(timer)
          resolve()
        })
        stopping = true
        for (const peer of peers) peer.retire()
      }),
  }
}

/**
 * While an answer waits for its client, node stops reading from the socket and pauses the parser of requests. TLS may
 * have decrypted more by then; it comes all the same, and to a paused parser it is an error: a sound request would be
 * answered 400. So the parser takes what comes, which is bounded: the socket is still stopped.
 */
function keepParsing(socket: TLSSocket): void {
  const { parser } = socket as TLSSocket & { parser?: { pause: () => void } }
  if (parser !== undefined) parser.pause = () => {}
}
