/**
 * Writes in spaces that are not atomic: the last one wins. What is there is looked at first, at LOCAL_QUORUM: an ended
 * address is refused, and the write gets a timestamp later than what it replaces, so that of two writes one after the other
 * the later one stays, however the clocks of their instances differ. Of two at once either may stay. An end that comes
 * between the look and the write is not undone: it has a column of its own.
 *
 * In a reusable space an end that another instance, whose clock is ahead, makes between the look and the write may win over it.
 */
import { expiryOf } from '@holdfast/engine'
import { readFault, writeFault } from './faults.ts'
import { headOf, isMarked, sweepAfter } from './frame.ts'
import { localQuorum, type Session } from './session.ts'
import type { OpenSpace } from './space.ts'
import type { Stamps } from './stamps.ts'

export class FastCells {
  readonly #session: Session
  readonly #table: string
  readonly #stamps: Stamps
  readonly #now: () => number

  constructor(session: Session, keyspace: string, { stamps, now }: { stamps: Stamps; now: () => number }) {
    this.#session = session
    this.#table = `${keyspace}.cells`
    this.#stamps = stamps
    this.#now = now
  }

  async put(
    space: OpenSpace,
    address: Buffer,
    sealed: Uint8Array,
    ttl: number,
    deadline: number,
  ): Promise<'written' | 'ended'> {
    const there = await this.#look(space.id, address, deadline)
    const now = this.#now()
    if (isMarked(there.ended, now)) return 'ended'
    const value = Buffer.concat([headOf(expiryOf(ttl, now)), sealed])
    const statement = `UPDATE ${this.#table} USING TTL ? AND TIMESTAMP ? SET sealed = ? WHERE space = ? AND address = ?`
    const values = [sweepAfter(ttl), this.#stamps.after(there.stamp), value, space.id, address]
    try {
      await this.#session.run(statement, values, { level: localQuorum, deadline })
    } catch (error) {
      throw writeFault(error)
    }
    return 'written'
  }

  async #look(
    space: string,
    address: Buffer,
    deadline: number,
  ): Promise<{ ended: bigint | null; stamp: bigint | null }> {
    const statement = `SELECT ended, WRITETIME(sealed) AS stamp FROM ${this.#table} WHERE space = ? AND address = ?`
    try {
      const [row] = await this.#session.run(statement, [space, address], { level: localQuorum, deadline, reads: true })
      return (row as { ended: bigint | null; stamp: bigint | null } | undefined) ?? { ended: null, stamp: null }
    } catch (error) {
      // Nothing was written yet.
      throw readFault(error)
    }
  }
}
