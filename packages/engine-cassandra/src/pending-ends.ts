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
import { isAway } from './faults.ts'
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
  /** Stamps of those added since the last look began: it may have come too early to meet them. */
  #added: bigint[] = []
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
    const day = dayOf(msOf(stamp))
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
    this.#added.push(stamp)
    const { count, oldest } = this.#known
    this.#known = { count: count + 1, oldest: oldest || msOf(stamp) }
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
    this.#added = []
    const days = await this.#read(`SELECT day FROM ${this.#keyspace}.pending_days WHERE one = 1`, [])
    const met = new Set<bigint>()
    const pending: bigint[] = []
    for (const { day } of days as unknown as readonly { day: number }[]) {
      let rows = 0
      for (let shard = 0; shard < SHARDS && !this.#stopped; shard++) {
        const shardEnds = await this.#seeShardThrough(day, shard)
        rows += shardEnds.met.length
        for (const { stamp } of shardEnds.met) met.add(stamp)
        for (const { stamp } of shardEnds.pending) pending.push(stamp)
      }
      if (rows === 0 && day < dayOf(Date.now()) - 1) {
        await this.#delete(`DELETE FROM ${this.#keyspace}.pending_days WHERE one = 1 AND day = ?`, [day])
      }
    }
    pending.push(...this.#added.filter((stamp) => !met.has(stamp)))
    this.#known = { count: pending.length, oldest: pending.length === 0 ? 0 : Math.min(...pending.map(msOf)) }
  }

  async #seeShardThrough(day: number, shard: number): Promise<{ met: readonly End[]; pending: readonly End[] }> {
    const rows = await this.#read(
      `SELECT stamp, space, address, ended FROM ${this.#keyspace}.pending_ends WHERE day = ? AND shard = ? LIMIT ${MAX_ROWS}`,
      [day, shard],
    )
    const met = rows as unknown as readonly End[]
    const pending: End[] = []
    let away = false
    const queue = met.values()
    const lane = async () => {
      for (const end of queue) if (away || this.#stopped || !(await isDone(end))) pending.push(end)
    }
    const isDone = (end: End) =>
      this.#seeThrough(day, shard, end).then(
        () => true,
        (error) => {
          // A datacenter that is away for one is away for all.
          away ||= isAway(error)
          return false
        },
      )
    await Promise.all(Array.from({ length: AT_ONCE }, lane))
    return { met, pending }
  }

  async #seeThrough(day: number, shard: number, end: End): Promise<void> {
    const { space, address, ended, stamp } = end
    const isOver = ended !== 0n && Number(ended) <= this.#options.now()
    if (!isOver) await this.#options.seeThrough(end, performance.now() + PATIENCE_MS)
    await this.#delete(
      `DELETE FROM ${this.#keyspace}.pending_ends USING TIMESTAMP ? WHERE day = ? AND shard = ? AND stamp = ? AND space = ? AND address = ?`,
      [stamp + 1n, day, shard, stamp, space, address],
    )
    this.#seenThrough++
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

function msOf(stamp: bigint): number {
  return Number(stamp / 1000n)
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS)
}
