/**
 * Row lists: one partition an address, sorted by order. Several rows go in logged batches, each of which is done whole,
 * sooner or later; an append of more than one batch is repeated by its caller when one of them fails, which is harmless,
 * since a row that is there already is replaced by itself.
 */
import {
  EngineUnavailable,
  EngineUnconfirmed,
  expiryOf,
  isExpired,
  type Row as ListRow,
  type RowRange,
  type StoredRow,
} from '@holdfast/engine'
import { readFault, stepsFault, writeFault } from './faults.ts'
import { expiryIn, HEAD_BYTES, headOf, sweepAfter } from './frame.ts'
import { localQuorum, type Session, type Value } from './session.ts'
import type { OpenSpace } from './space.ts'
import type { Stamps } from './stamps.ts'

/** Cassandra warns of batches above 5 KiB and refuses those above 50 KiB, unless it is set otherwise. */
const BATCH_BYTES = 4 * 1024
const BATCH_ROWS = 50
const ROW_BYTES = 100
const AT_ONCE = 8
/** Rows that are read at once. */
const PAGE = 1_000

export class RowLists {
  readonly #session: Session
  readonly #table: string
  readonly #stamps: Stamps
  readonly #now: () => number

  constructor(session: Session, keyspace: string, { stamps, now }: { stamps: Stamps; now: () => number }) {
    this.#session = session
    this.#table = `${keyspace}.rows`
    this.#stamps = stamps
    this.#now = now
  }

  async append({ id }: OpenSpace, rows: readonly ListRow[], deadline: number): Promise<void> {
    const batches = batchesOf(rows).values()
    let written = 0
    const lane = async () => {
      for (const batch of batches) {
        await this.#write(id, batch, deadline)
        written++
      }
    }
    const lanes = await Promise.allSettled(Array.from({ length: AT_ONCE }, lane))
    const faults = lanes.flatMap((lane) => (lane.status === 'rejected' ? [stepsFault(lane.reason)] : []))
    const [first] = faults
    if (first === undefined) return
    if (written === 0 && faults.every((fault) => fault instanceof EngineUnavailable)) throw first
    throw new EngineUnconfirmed('a part of the rows was not confirmed', { cause: first })
  }

  async read({ id }: OpenSpace, address: Buffer, range: RowRange, deadline: number): Promise<readonly StoredRow[]> {
    const found: StoredRow[] = []
    let { from, to } = range
    const now = this.#now()
    while (found.length < range.limit) {
      if (from !== undefined && to !== undefined && Buffer.compare(from, to) >= 0) break
      const size = Math.min(PAGE, range.limit - found.length + 10)
      const page = await this.#page(id, address, { ...range, ...(from && { from }), ...(to && { to }) }, size, deadline)
      for (const { place, sealed } of page) {
        const expiresAt = expiryIn(sealed)
        if (found.length < range.limit && !isExpired(expiresAt, now)) {
          found.push({ order: place, sealed: sealed.subarray(HEAD_BYTES), expiresAt })
        }
      }
      const last = page.at(-1)
      if (page.length < size || last === undefined) break
      if (range.newestFirst) to = last.place
      else from = Buffer.concat([last.place, Buffer.of(0)])
    }
    return found
  }

  async remove({ id }: OpenSpace, address: Buffer, order: Buffer, deadline: number): Promise<void> {
    const statement = `DELETE FROM ${this.#table} USING TIMESTAMP ? WHERE space = ? AND address = ? AND place = ?`
    try {
      await this.#session.run(statement, [this.#stamps.after(undefined), id, address, order], {
        level: localQuorum,
        deadline,
      })
    } catch (error) {
      throw writeFault(error)
    }
  }

  async #page(
    id: string,
    address: Buffer,
    { from, to, newestFirst = false }: RowRange,
    size: number,
    deadline: number,
  ): Promise<readonly { place: Buffer; sealed: Buffer }[]> {
    const values: Value[] = [id, address]
    let where = 'space = ? AND address = ?'
    for (const [bound, sign] of [
      [from, '>='],
      [to, '<'],
    ] as const) {
      if (bound === undefined) continue
      where += ` AND place ${sign} ?`
      values.push(Buffer.from(bound))
    }
    const order = newestFirst ? 'DESC' : 'ASC'
    const statement = `SELECT place, sealed FROM ${this.#table} WHERE ${where} ORDER BY place ${order} LIMIT ?`
    try {
      const rows = await this.#session.run(statement, [...values, size], { level: localQuorum, deadline, reads: true })
      return rows as unknown as readonly { place: Buffer; sealed: Buffer }[]
    } catch (error) {
      throw readFault(error)
    }
  }

  async #write(id: string, rows: readonly ListRow[], deadline: number): Promise<void> {
    const now = this.#now()
    const statement = `UPDATE ${this.#table} USING TTL ? AND TIMESTAMP ? SET sealed = ? WHERE space = ? AND address = ? AND place = ?`
    const queries = rows.map(({ address, order, sealed, ttl }) => ({
      query: statement,
      params: [
        sweepAfter(ttl),
        this.#stamps.after(undefined),
        Buffer.concat([headOf(expiryOf(ttl, now)), sealed]),
        id,
        Buffer.from(address),
        Buffer.from(order),
      ],
    }))
    await this.#session.batch(queries, { level: localQuorum, deadline })
  }
}

function batchesOf(rows: readonly ListRow[]): ListRow[][] {
  const batches: ListRow[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const row of rows) {
    const size = row.sealed.length + ROW_BYTES
    if (bytes + size > BATCH_BYTES || batches.at(-1)!.length >= BATCH_ROWS) {
      batches.push([])
      bytes = 0
    }
    batches.at(-1)!.push(row)
    bytes += size
  }
  return batches
}
