/**
 * Ending an address, in every datacenter or in this one. In a final space the marker is a column of its own; in a fast
 * reusable one the record is written over by a blank. Both are plain writes with a timestamp of ours, so doing one again,
 * late, by whomever, changes nothing that was not ended then.
 *
 * `everywhere`: the same write goes out at LOCAL_QUORUM and at EACH_QUORUM at once. Each datacenter answered: done. Only
 * this one did: a pending row is made durable before the answer, and this datacenter never serves the record again. Nobody
 * did: it is not known what happened. Nothing is inferred from one call's refusal: before a dead node is noticed, a failed
 * EACH_QUORUM has written locally; after it, it has not.
 */
import { EngineUnconfirmed, MARKER_GRACE_SECONDS, markerExpiry } from '@holdfast/engine'
import { nothingRan, readFault, tell, writeFault } from './faults.ts'
import { BLANK, heldIn, type Row, sweepAfter } from './frame.ts'
import type { PendingEnds } from './pending-ends.ts'
import { eachQuorum, localQuorum, type Run, type Session } from './session.ts'
import type { OpenSpace } from './space.ts'
import type { Stamps } from './stamps.ts'

/** One end, as it can be carried out by any instance at any time. */
export interface End {
  readonly space: string
  readonly address: Buffer
  /** Unix ms until which the marker lives; 0n: a blank in a reusable space. */
  readonly ended: bigint
  /** Microseconds. */
  readonly stamp: bigint
}

/** Of the time that a caller gives, what the datacenters may have; the rest is for the pending row. */
const SHARE = 0.6

export class Ends {
  readonly #session: Session
  readonly #keyspace: string
  readonly #table: string
  readonly #stamps: Stamps
  readonly #now: () => number
  readonly #patience: number
  readonly #pending: PendingEnds

  constructor(
    session: Session,
    keyspace: string,
    { stamps, now, patience }: { stamps: Stamps; now: () => number; patience: number },
    pending: PendingEnds,
  ) {
    this.#session = session
    this.#keyspace = keyspace
    this.#table = `${keyspace}.cells`
    this.#stamps = stamps
    this.#now = now
    this.#patience = patience
    this.#pending = pending
  }

  async end(space: OpenSpace, address: Buffer, everywhere: boolean, deadline: number): Promise<'done' | 'pending'> {
    const there = await this.#look(space.id, address, deadline)
    const now = this.#now()
    return this.carryOut(
      {
        ...{ space: space.id, address, stamp: this.#stamps.after(latest(there?.stamp, there?.marked)) },
        ended: space.final ? BigInt(this.markerOf(space, now, there)) : 0n,
      },
      everywhere,
      deadline,
    )
  }

  /** Unix ms until which a marker that is set now lives. */
  markerOf(space: OpenSpace, now: number, there: Row | undefined): number {
    const alone = markerExpiry(space.highestTtl, now, undefined)
    return Math.max(alone, ...heldIn(there).map((held) => markerExpiry(space.highestTtl, now, held)))
  }

  async carryOut(end: End, everywhere: boolean, deadline: number): Promise<'done' | 'pending'> {
    if (!everywhere || this.#session.datacentersOf(this.#keyspace) === 1) {
      await this.#write(end, { level: localQuorum, deadline }).catch((error) => Promise.reject(writeFault(error)))
      return 'done'
    }
    const start = performance.now()
    const patience = start + Math.min(this.#patience, (deadline - start) * SHARE)
    const near = outcomeOf(this.#write(end, { level: localQuorum, deadline: patience }))
    const far = await outcomeOf(this.seeThrough(end, patience))
    if (far === undefined) return 'done'
    const fault = await near
    if (fault !== undefined) {
      if (nothingRan(far) && nothingRan(fault)) throw readFault(fault)
      throw new EngineUnconfirmed(`Cassandra: ${tell(fault)}`, { cause: fault })
    }
    try {
      await this.#pending.add(end, deadline)
    } catch (error) {
      throw new EngineUnconfirmed(`over in this datacenter; not yet recorded for the others: ${tell(error)}`, {
        cause: error,
      })
    }
    return 'pending'
  }

  /** A quorum of every datacenter holds it when this resolves. Rejects with the driver's errors. */
  async seeThrough(end: End, deadline: number): Promise<void> {
    await this.#write(end, { level: eachQuorum, deadline })
  }

  async #write({ space, address, ended, stamp }: End, run: Run): Promise<void> {
    const where = 'WHERE space = ? AND address = ?'
    if (ended === 0n) {
      const statement = `UPDATE ${this.#table} USING TTL ? AND TIMESTAMP ? SET sealed = ? ${where}`
      await this.#session.run(statement, [MARKER_GRACE_SECONDS, stamp, BLANK, space, address], run)
      return
    }
    const ttl = sweepAfter(Math.max(1, (Number(ended) - this.#now()) / 1000))
    const statement = `UPDATE ${this.#table} USING TTL ? AND TIMESTAMP ? SET ended = ?, sealed = null, version = null ${where}`
    await this.#session.run(statement, [ttl, stamp, ended, space, address], run)
  }

  async #look(space: string, address: Buffer, deadline: number): Promise<There | undefined> {
    const columns = 'sealed, ended, WRITETIME(sealed) AS stamp, WRITETIME(ended) AS marked'
    const statement = `SELECT ${columns} FROM ${this.#table} WHERE space = ? AND address = ?`
    try {
      const [row] = await this.#session.run(statement, [space, address], { level: localQuorum, deadline, reads: true })
      return row as unknown as There | undefined
    } catch (error) {
      throw readFault(error)
    }
  }
}

/** With the timestamps of its record and of its marker. */
interface There extends Row {
  readonly stamp: bigint | null
  readonly marked: bigint | null
}

function latest(a: bigint | null | undefined, b: bigint | null | undefined): bigint | null | undefined {
  return a && b ? (a > b ? a : b) : a || b
}

/** The error, if it failed. */
function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}
