/**
 * Who is calling, and may they. Deny by default: a connection without exactly one proven name is nobody, and a name
 * without a grant may do nothing. Everything is decided here, from this instance's own configuration.
 *
 * It is the only maker of callers. It reads nothing that the peer can write except its certificate or its secret: not the
 * common name, not forwarded headers, not the server name that was asked for.
 */
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Authority } from './authorities.ts'
import { type BasicSecret, BasicSecrets } from './basic.ts'
import { Caller, type Decisions, type Operation, storeScope } from './caller.ts'
import { nameOf } from './certificate.ts'
import { Chains } from './chain.ts'
import { problemWithName } from './names.ts'
import { Networks, problemWithNetwork } from './networks.ts'
import { chainRefusal, type Refusal } from './refusals.ts'

/** `callers` may do `operations` in `stores`, from `networks` (absent: from anywhere). Names are exact. */
export interface GrantRule {
  readonly callers: readonly string[]
  readonly stores: readonly string[]
  readonly operations: readonly Operation[]
  readonly networks?: readonly string[] | undefined
}

export interface AccessRules {
  readonly grants: readonly GrantRule[]
  readonly authorities: readonly Authority[]
  readonly basic: readonly BasicSecret[]
}

/** Basic callers that are remembered by name and address, and certificates; past them all are forgotten and made again. */
const REMEMBERED = 1024

/** What a certificate proves, and how long. */
interface Proof {
  readonly name: string
  /** Unix ms. */
  readonly until: number
}

interface Grant {
  readonly scope: string
  readonly operations: readonly Operation[]
  readonly networks: Networks | undefined
}

export class Access {
  readonly #grants = new Map<string, Grant[]>()
  readonly #authorities: readonly Authority[]
  readonly #basic: BasicSecrets
  readonly #chains: Chains
  readonly #remembered = new Map<string, Caller>()
  /** By fingerprint: a connection is judged again after each reload, and signatures do not change. */
  readonly #proofs = new Map<string, Proof>()

  /** Throws RangeError for a name or a network that is none; a configuration that was checked has none of these. */
  constructor({ grants, authorities, basic }: AccessRules) {
    this.#authorities = authorities
    this.#chains = new Chains(authorities)
    this.#basic = new BasicSecrets(basic)
    for (const [index, rule] of grants.entries()) {
      for (const network of rule.networks ?? []) demand(network, problemWithNetwork(network), index)
      const networks = rule.networks === undefined ? undefined : new Networks(rule.networks)
      for (const caller of rule.callers) {
        demand(caller, problemWithName(caller), index)
        const known = this.#grants.get(caller) ?? []
        this.#grants.set(caller, known)
        for (const store of rule.stores) {
          known.push({ scope: storeScope(store), operations: rule.operations, networks })
        }
      }
    }
  }

  /**
   * Who is on a connection to the certificate listener, or why nobody is. It may be asked again, also by other rules than
   * those of its handshake: then dates, lists and authorities are judged as they are now.
   */
  identify(socket: TLSSocket): Caller | Refusal {
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return { refused: 'no-certificate' }
    const fingerprint = certificate.fingerprint256
    if (!socket.authorized) return chainRefusal(String(socket.authorizationError), fingerprint)
    if (socket.isSessionReused()) return { refused: 'resumed', fingerprint }
    const proof = this.#proofOf(certificate)
    return 'name' in proof ? this.#callerOf(proof.name, socket.remoteAddress, proof.until) : proof
  }

  /** Who sent a request to the basic listener, or why nobody did. `peer` is the socket's remote address. */
  identifyBasic(header: string | undefined, peer: string | undefined): Caller | Refusal {
    const proven = this.#basic.check(header)
    if (typeof proven === 'string') return { refused: proven }
    const key = `${proven.name} ${peer}`
    const known = this.#remembered.get(key)
    if (known !== undefined) return known
    const caller = this.#callerOf(proven.name, peer)
    if (this.#remembered.size >= REMEMBERED) this.#remembered.clear()
    this.#remembered.set(key, caller)
    return caller
  }

  #proofOf(certificate: X509Certificate): Proof | Refusal {
    const { fingerprint256: fingerprint } = certificate
    const known = this.#proofs.get(fingerprint)
    if (known !== undefined) return known.until > Date.now() ? known : { refused: 'expired', fingerprint }
    const name = nameOf(certificate, this.#authorities)
    if (typeof name !== 'string') return name
    const until = this.#chains.until(certificate)
    if (typeof until === 'string') return { refused: until, fingerprint }
    const proof = { name, until }
    if (this.#proofs.size >= REMEMBERED) this.#proofs.clear()
    this.#proofs.set(fingerprint, proof)
    return proof
  }

  #callerOf(name: string, peer: string | undefined, until?: number): Caller {
    const decisions = new Map<string, Decisions>()
    for (const { scope, operations, networks } of this.#grants.get(name) ?? []) {
      const here = networks === undefined || networks.hold(peer)
      const known: Decisions = decisions.get(scope) ?? { read: 'no-grant', write: 'no-grant', end: 'no-grant' }
      const next = { ...known }
      for (const operation of operations) {
        if (here) next[operation] = 'allowed'
        else if (next[operation] === 'no-grant') next[operation] = 'wrong-network'
      }
      decisions.set(scope, next)
    }
    return new Caller(name, decisions, until)
  }
}

function demand(text: string, problem: string | undefined, index: number): void {
  if (problem !== undefined) throw new RangeError(`grants[${index}]: "${text}": ${problem}`)
}
