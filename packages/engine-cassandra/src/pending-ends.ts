/**
 * Ends that not every datacenter has confirmed, seen through by whichever instance comes to it first. They are rows in
 * Cassandra, durable at LOCAL_QUORUM before the end is answered, so they survive the instance that took them. Every instance
 * looks for them every few seconds, at random moments; what they say may be done twice, so nobody needs a lease.
 *
 * Rows lie by day and shard, so that no partition collects tombstones for longer than a day; `pending_days` tells which
 * days have any. A row that is never seen through goes when its marker does: by then nothing that was ended can live.
 */
import { MARKER_GRACE_SECONDS, type Pending } from '@holdfast/engine'
import type { End } from './ends.ts'
import { isUnavailable } from './faults.ts'
import { sweepAfter } from './frame.ts'
import { localQuorum, type Row, type Session } from './session.ts'

const DAY_MS = 86_400_000
const SHARDS = 4
/** Ms between two looks, on average; each waits between half of it and half again as much. */
const LOOK_MS = 3_000
/** Ms that a look's own statements may take. */
const PATIENCE_MS = 5_000
/** Of one shard, in one look. */
const MAX_ROWS = 1_000
const AT_ONCE = 16

export interface PendingOptions {
  readonly now: () => number
  /** Carries an end out in every datacenter. */
  readonly seeThrough: (end: End, deadline: number) => Promise<void>
  readonly failed: (error: unknown) => void
}

export class PendingEnds {
  readonly #session: Session
  readonly #keyspace: string
  readonly #options: PendingOptions
  #known: Pending = { count: 0, oldest: 0 }
  #seenThrough = 0
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #stopped = false

  constructor(session: Session, keyspace: string, options: PendingOptions) {
    this.#session = session
    this.#keyspace = keyspace
    this.#options = options
  }

  /** As of the last look, and what was added since. */
  get known(): Pending {
    return this.#known
  }

  /** Ends seen through by this instance. */
  get seenThrough(): number {
    return this.#seenThrough
  }

  /** Durable in this datacenter when it resolves. Rejects with the driver's errors. */
  async add({ space, address, ended, stamp }: End, deadline: number): Promise<void> {
    const day = dayOf(Number(stamp / 1000n))
    const life = ended === 0n ? MARKER_GRACE_SECONDS : Math.max(1, (Number(ended) - this.#options.now()) / 1000)
    const run = { level: localQuorum, deadline }
    await Promise.all([
      this.#session.run(`UPDATE ${this.#keyspace}.pending_days SET noted = true WHERE one = 1 AND day = ?`, [day], run),
      this.#session.run(
        `UPDATE ${this.#keyspace}.pending_ends USING TTL ? AND TIMESTAMP ? SET ended = ? WHERE day = ? AND shard = ? AND stamp = ? AND space = ? AND address = ?`,
        [sweepAfter(life), stamp, ended, day, address[0]! % SHARDS, stamp, space, address],
        run,
      ),
    ])
    const { count, oldest } = this.#known
    this.#known = { count: count + 1, oldest: oldest || Number(stamp / 1000n) }
  }

  start(): void {
    if (this.#stopped) return
    this.#timer = setTimeout(
      () => {
        this.#looking = this.look()
          .catch((error) => this.#options.failed(error))
          .finally(() => this.start())
      },
      LOOK_MS * (0.5 + Math.random()),
    ).unref()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#looking
  }

  /** One look at all there is. Rejects with the driver's errors. */
  async look(): Promise<void> {
    const days = await this.#read(`SELECT day FROM ${this.#keyspace}.pending_days WHERE one = 1`, [])
    let [count, oldest] = [0, 0]
    for (const { day } of days as unknown as readonly { day: number }[]) {
      let rows = 0
      for (let shard = 0; shard < SHARDS && !this.#stopped; shard++) {
        const left = await this.#seeShardThrough(day, shard)
        rows += left.rows
        count += left.pending.length
        const first = left.pending[0]
        if (first !== undefined && (oldest === 0 || Number(first.stamp / 1000n) < oldest))
          oldest = Number(first.stamp / 1000n)
      }
      if (rows === 0 && day < dayOf(Date.now()) - 1) {
        await this.#delete(`DELETE FROM ${this.#keyspace}.pending_days WHERE one = 1 AND day = ?`, [day])
      }
    }
    this.#known = { count, oldest }
  }

  async #seeShardThrough(day: number, shard: number): Promise<{ rows: number; pending: End[] }> {
    const rows = await this.#read(
      `SELECT stamp, space, address, ended FROM ${this.#keyspace}.pending_ends WHERE day = ? AND shard = ? LIMIT ${MAX_ROWS}`,
      [day, shard],
    )
    const ends = rows as unknown as End[]
    const pending: End[] = []
    let away = false
    const lane = async (queue: Iterator<End>) => {
      for (let next = queue.next(); !next.done; next = queue.next()) {
        const end = next.value
        if (
          away ||
          this.#stopped ||
          !(await this.#seeThrough(day, shard, end).catch((error) => {
            // A datacenter that is away for one is away for all.
            away = isUnavailable(error)
            return false
          }))
        )
          pending.push(end)
      }
    }
    const queue = ends.values()
    await Promise.all(Array.from({ length: AT_ONCE }, () => lane(queue)))
    return { rows: ends.length, pending: pending.sort((a, b) => (a.stamp < b.stamp ? -1 : 1)) }
  }

  async #seeThrough(day: number, shard: number, end: End): Promise<boolean> {
    const { space, address, ended, stamp } = end
    const isOver = ended !== 0n && Number(ended) <= this.#options.now()
    if (!isOver) await this.#options.seeThrough(end, performance.now() + PATIENCE_MS)
    await this.#delete(
      `DELETE FROM ${this.#keyspace}.pending_ends USING TIMESTAMP ? WHERE day = ? AND shard = ? AND stamp = ? AND space = ? AND address = ?`,
      [stamp + 1n, day, shard, stamp, space, address],
    )
    this.#seenThrough++
    return true
  }

  #read(statement: string, values: readonly number[]): Promise<readonly Row[]> {
    return this.#session.run(statement, values, {
      level: localQuorum,
      deadline: performance.now() + PATIENCE_MS,
      reads: true,
    })
  }

  async #delete(statement: string, values: readonly (number | bigint | string | Buffer)[]): Promise<void> {
    await this.#session.run(statement, values, { level: localQuorum, deadline: performance.now() + PATIENCE_MS })
  }
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS)
}
