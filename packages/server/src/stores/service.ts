/**
 * One store: reads, writes, takes and ends of its keys, for a caller.
 *
 * Every method decides about the caller before anything else, so there is no way to a record without a grant. A fault is
 * never a miss: what the engine could not do comes back as `unavailable`, `unconfirmed` or `storage-full`, and a record
 * that does not open as `unreadable`, which is also audited. Whatever ended a key, or may have, is audited with its
 * outcome.
 *
 * Methods never reject for a fault of the storage or a record; they reject for mistakes in this program only.
 */
import { EngineStorageFull, EngineUnavailable, EngineUnconfirmed } from '@holdfast/engine'
import { type Operation, storeScope } from '../access/caller.ts'
import type { Audit } from '../audit/audit.ts'
import type { ProblemCode } from '../common/problems.ts'
import { type Opened, type SealedCells, Unreadable } from '../records/index.ts'
import type { Act } from './exchange.ts'
import type { Precondition } from './headers.ts'
import type { StoreRules } from './rules.ts'

/** How long the engine may take, in ms. */
export interface StoreTimeouts {
  readonly read: number
  readonly write: number
  readonly end: number
}

interface Written {
  readonly etag: string
  /** The value was there already and the engine's write was skipped. */
  readonly unchanged: boolean
}

export interface PutRequest {
  /** Seconds, 1 to the store's maximum. */
  readonly ttl: number
  readonly condition: Precondition | undefined
}

export class Store {
  readonly rules: StoreRules
  readonly #scope: string
  readonly #cells: SealedCells
  readonly #audit: Audit
  readonly #timeouts: StoreTimeouts

  constructor(rules: StoreRules, cells: SealedCells, audit: Audit, timeouts: StoreTimeouts) {
    this.rules = rules
    this.#scope = storeScope(rules.path)
    this.#cells = cells
    this.#audit = audit
    this.#timeouts = timeouts
  }

  /** Whether the caller may do this here; a refusal is audited. */
  allows(act: Act, operation: Operation): boolean {
    const decision = act.caller.decide(this.#scope, operation)
    if (decision === 'allowed') return true
    this.#audit.record({
      event: 'request-refused',
      caller: act.caller.id,
      store: this.rules.path,
      rule: decision,
      operation,
      requestId: act.requestId,
    })
    return false
  }

  async get(act: Act, key: Uint8Array): Promise<Opened | ProblemCode> {
    if (!this.allows(act, 'read')) return 'forbidden'
    try {
      const found = await this.#cells.get(key, act.startedAt + this.#timeouts.read)
      return typeof found === 'string' ? 'not_found' : found
    } catch (error) {
      return this.#fault(error, act)
    }
  }

  /** Durable when it resolves. A condition needs an atomic store and the right to read. */
  async put(act: Act, key: Uint8Array, value: Buffer, { ttl, condition }: PutRequest): Promise<Written | ProblemCode> {
    if (!this.allows(act, 'write')) return 'forbidden'
    if (condition !== undefined && !this.allows(act, 'read')) return 'forbidden'
    const deadline = performance.now() + this.#timeouts.write
    try {
      if (condition === undefined) return await this.#putPlain(act, key, value, ttl, deadline)
      if ('absent' in condition) {
        const written = await this.#cells.put(key, value, { ttl, condition: 'absent' }, deadline)
        return written === 'conflict' ? 'precondition-failed' : outcome(written)
      }
      return await this.#putMatching(key, value, ttl, condition.match, deadline)
    } catch (error) {
      return this.#fault(error, act)
    }
  }

  /** Gets and ends in one step: of any number of concurrent takes one gets the value. Needs an atomic store. */
  async take(act: Act, key: Uint8Array): Promise<Opened | ProblemCode> {
    if (!this.allows(act, 'end') || !this.allows(act, 'read')) return 'forbidden'
    try {
      const found = await this.#cells.take(key, performance.now() + this.#timeouts.end)
      if (typeof found === 'string') return 'not_found'
      this.#recordEnd(act, 'taken', 'done')
      return found
    } catch (error) {
      const code = this.#fault(error, act)
      this.#recordEnd(act, 'taken', code)
      return code
    }
  }

  /** Ends the key, whether or not it lives; `undefined` = done, wherever this store demands it. */
  async end(act: Act, key: Uint8Array): Promise<ProblemCode | undefined> {
    if (!this.allows(act, 'end')) return 'forbidden'
    let code: ProblemCode | undefined
    try {
      const everywhere = this.rules.logout === 'everywhere'
      const result = await this.#cells.end(key, { everywhere }, performance.now() + this.#timeouts.end)
      code = result === 'done' ? undefined : 'logout-pending'
    } catch (error) {
      code = this.#fault(error, act)
    }
    this.#recordEnd(act, 'ended', code === 'logout-pending' ? 'pending' : (code ?? 'done'))
    return code
  }

  /**
   * MediaWiki rewrites unchanged sessions often, and a read is far cheaper than a durable write. The value is compared
   * only for a caller that may read it, or the answer's timing would tell a writer what is stored.
   */
  async #putPlain(act: Act, key: Uint8Array, value: Buffer, ttl: number, deadline: number) {
    const { skipUnchanged } = this.rules
    if (skipUnchanged < 1 && act.caller.decide(this.#scope, 'read') === 'allowed') {
      const found = await this.#readable(act, key, deadline)
      if (found === 'ended') return 'ended'
      if (found?.current && found.expiresAt - Date.now() > skipUnchanged * ttl * 1000 && found.value.equals(value)) {
        return { etag: found.etag, unchanged: true }
      }
    }
    const written = await this.#cells.put(key, value, { ttl }, deadline)
    return outcome(written === 'conflict' ? 'precondition-failed' : written)
  }

  /** The record as it is, for a write that will replace it: one that does not open is audited and may be replaced. */
  async #readable(act: Act, key: Uint8Array, deadline: number): Promise<Opened | 'ended' | undefined> {
    try {
      const found = await this.#cells.get(key, deadline)
      return found === 'absent' ? undefined : found
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      this.#fault(error, act)
      return undefined
    }
  }

  /**
   * If-Match. A conflict means that somebody wrote between our read and our write. Then it is asked again, until the
   * deadline: `*` may still be true.
   */
  async #putMatching(key: Uint8Array, value: Buffer, ttl: number, match: '*' | readonly string[], deadline: number) {
    while (performance.now() < deadline) {
      const found = await this.#cells.get(key, deadline)
      if (found === 'ended') return 'ended'
      if (found === 'absent' || (match !== '*' && !match.includes(found.etag))) return 'precondition-failed'
      const written = await this.#cells.put(key, value, { ttl, condition: { version: found.version } }, deadline)
      if (written !== 'conflict') return outcome(written)
    }
    return 'unavailable'
  }

  #recordEnd(act: Act, event: 'ended' | 'taken', outcome: string): void {
    this.#audit.record({
      event,
      caller: act.caller.id,
      store: this.rules.path,
      cause: 'request',
      outcome,
      requestId: act.requestId,
    })
  }

  #fault(error: unknown, act: Act): ProblemCode {
    if (error instanceof EngineUnavailable) return 'unavailable'
    if (error instanceof EngineUnconfirmed) return 'unconfirmed'
    if (error instanceof EngineStorageFull) return 'storage-full'
    if (!(error instanceof Unreadable)) throw error
    this.#audit.record({
      event: 'unreadable',
      caller: act.caller.id,
      store: this.rules.path,
      cause: error.reason,
      requestId: act.requestId,
      ...(error.keyId === undefined ? {} : { keyId: error.keyId }),
    })
    return 'unreadable'
  }
}

function outcome(written: { etag: string } | ProblemCode): Written | ProblemCode {
  return typeof written === 'string' ? written : { etag: written.etag, unchanged: false }
}
