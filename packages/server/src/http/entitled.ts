/**
 * The open connections of a listener, and who of them may stay. Whoever is on one was identified when it began; after a
 * reload everybody is identified anew, by the new rules: who is still somebody goes on with the new grants from the next
 * request, who is not any more is closed after the request in flight, and an idle connection at once. A request is in
 * flight once it is complete: a body that is still coming could come slowly. And a connection ends with the certificate
 * that opened it.
 *
 * Judging is done in slices, so that thousands of connections do not hold up those who are being served meanwhile.
 */
import { setImmediate } from 'node:timers/promises'
import { Caller } from '../access/caller.ts'
import type { Refusal } from '../access/refusals.ts'
import type { Audit } from '../audit/audit.ts'
import { networkOf } from '../audit/network.ts'
import type { Peer } from './peer.ts'

/** Connections that are judged before others get their turn: a signature each at worst, some ten ms in all. */
const SLICE = 128
/** How often certificates that ended are looked for, in ms. */
const SWEEP_MS = 500

export interface EntitledOptions {
  /** Name of the listener in the audit log. */
  readonly listener: 'public' | 'basic'
  /** Who is on a connection, by the rules of now. */
  readonly again: (peer: Peer) => Caller | Refusal
  readonly labelOf: (caller: Caller) => number
  readonly audit: Audit
}

export class Entitled {
  readonly peers = new Set<Peer>()
  readonly #options: EntitledOptions
  #timer: NodeJS.Timeout | undefined

  constructor(options: EntitledOptions) {
    this.#options = options
  }

  /** Begins to look for certificates that ended. */
  start(): void {
    this.#timer = setInterval(() => {
      const now = Date.now()
      for (const peer of this.peers) {
        if (peer.caller === undefined || peer.caller.until > now) continue
        const fingerprint = peer.socket.getPeerX509Certificate()?.fingerprint256
        this.#dismiss(peer, peer.caller, { refused: 'expired', ...(fingerprint && { fingerprint }) })
      }
    }, SWEEP_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Resolves when everybody who was here at the call has been judged. */
  async judge(): Promise<void> {
    let judged = 0
    for (const peer of [...this.peers]) {
      if (++judged % SLICE === 0) await setImmediate()
      // Gone; or nobody: who has not proven anything yet will, by the rules of then.
      if (!this.peers.has(peer) || peer.caller === undefined) continue
      const found = this.#options.again(peer)
      if (found instanceof Caller) {
        peer.renew(found)
        peer.label = this.#options.labelOf(found)
      } else this.#dismiss(peer, peer.caller, found)
    }
  }

  #dismiss(peer: Peer, caller: Caller, { refused: rule, fingerprint }: Refusal): void {
    const { listener, audit } = this.#options
    const network = networkOf(peer.socket.remoteAddress)
    audit.record({ event: 'connection-ended', listener, caller: caller.id, rule, fingerprint, network })
    peer.dismiss()
  }
}
