/**
 * Who is on a connection, and what they may do.
 *
 * A caller's decisions are taken once, when the connection is identified, from the grants of this instance and the
 * peer's address; asking is then one lookup. Deny by default: whatever no grant names is `no-grant`. There is no
 * authorization server to ask, to wait for or to lose.
 *
 * A `Caller` is only made by `Access`, and every method that reaches data takes one. It says nothing about keys: a caller
 * that may read a store may read whatever it can name there. A decision does not follow a change of the grants: whoever
 * loads new ones identifies the open connections anew.
 */

/** What can be done to a record. A take needs `read` and `end`; a conditional write needs `read` and `write`. */
export const OPERATIONS = ['read', 'write', 'end'] as const
export type Operation = (typeof OPERATIONS)[number]

/** `wrong-network`: a grant allows it, but from none of the networks that hold this peer's address. */
export type Decision = 'allowed' | 'no-grant' | 'wrong-network'

/** The decisions of one caller on one scope. */
export type Decisions = Readonly<Record<Operation, Decision>>

/** The scope of a store's grants; other rooms will have scopes of their own. */
export function storeScope(store: string): string {
  return `store:${store}`
}

export class Caller {
  /** The typed name: `spiffe://…`, `dns:…` or `basic:…`. */
  readonly id: string
  /** Named by some grant. Names that are not stay out of metric labels, so that a CA cannot make labels up. */
  readonly known: boolean
  /** Unix ms at which its certificate ends, and with it the connection. */
  readonly until: number
  readonly #decisions: ReadonlyMap<string, Decisions>

  /** For `Access` and for tests. Scopes that are not in the map are denied. */
  constructor(id: string, decisions: ReadonlyMap<string, Decisions>, until = Number.POSITIVE_INFINITY) {
    this.id = id
    this.until = until
    this.known = decisions.size > 0
    this.#decisions = decisions
  }

  /** One lookup, no allocation. `scope` as {@link storeScope} makes it. */
  decide(scope: string, operation: Operation): Decision {
    return this.#decisions.get(scope)?.[operation] ?? 'no-grant'
  }
}
