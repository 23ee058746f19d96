/**
 * The row lists of one space, sealed: ordered records under one key. Each row is bound to its key and its order, so rows
 * cannot be edited, moved or swapped, within a list or between lists; and what the engine returns must lie in the range
 * that was asked for, in order and once. Not detected: rows taken away, at any place of the list.
 */
import type { Deadline, Engine, RowRange, Space, StoredRow } from '@holdfast/engine'
import { MAX_ORDER_BYTES } from '@holdfast/engine'
import type { Envelope } from './envelope.ts'
import { Unreadable } from './errors.ts'
import { judgeTimes, type Times } from './times.ts'

export interface NewRow {
  /** 1-64 bytes: coarse time and random bits. The engine sees it; what must stay hidden belongs into the value. */
  readonly order: Uint8Array
  readonly value: Uint8Array
  /** Seconds, 1 to the space's `longestTtl`; 0 = for ever, where the space allows it. */
  readonly ttl: number
}

export interface OpenedRow extends Times {
  readonly order: Uint8Array
  /** A buffer that nothing else writes to. */
  readonly value: Buffer
}

export class SealedRows {
  readonly space: Space
  readonly #engine: Engine
  readonly #envelope: Envelope
  readonly #now: () => number

  constructor(engine: Engine, envelope: Envelope, now: () => number) {
    this.space = envelope.space
    this.#engine = engine
    this.#envelope = envelope
    this.#now = now
  }

  /** Writes all rows, or eventually all; a row of the same order is replaced. */
  async append(key: Uint8Array, rows: readonly NewRow[], deadline: Deadline): Promise<void> {
    const address = this.#envelope.address(key)
    const writtenAt = this.#now()
    const sealed = rows.map(({ order, value, ttl }) => {
      const { length } = order
      if (length < 1 || length > MAX_ORDER_BYTES) throw new RangeError(`an order has 1-${MAX_ORDER_BYTES} bytes`)
      const record = { value, writtenAt, expiresAt: ttl === 0 ? 0 : writtenAt + ttl * 1000 }
      return { address, order, sealed: this.#envelope.seal(address, key, record, order), ttl }
    })
    await this.#engine.append(this.space.id, sealed, deadline)
  }

  /** The living rows of the range, in order. One that does not open fails the whole read. */
  async read(key: Uint8Array, range: RowRange, deadline: Deadline): Promise<OpenedRow[]> {
    return readRows(this.#engine, this.#envelope, this.#now, key, range, deadline)
  }

  /** Removes one row; resolves whether or not it was there. */
  async remove(key: Uint8Array, order: Uint8Array, deadline: Deadline): Promise<void> {
    await this.#engine.remove(this.space.id, this.#envelope.address(key), order, deadline)
  }
}

/** {@link SealedRows.read}, also for those who may only read. `clock` tells the time that a row of this age is judged by. */
export async function readRows(
  from: Pick<Engine, 'read'>,
  envelope: Envelope,
  clock: (writtenAt: number) => number,
  key: Uint8Array,
  range: RowRange,
  deadline: Deadline,
): Promise<OpenedRow[]> {
  const address = envelope.address(key)
  const found = await from.read(envelope.space.id, address, range, deadline)
  if (!isWithin(found, range)) throw new Unreadable('malformed', envelope.space.id)
  const opened: OpenedRow[] = []
  for (const row of found) {
    const { value, writtenAt, expiresAt, keyId } = envelope.open(address, key, row.sealed, row.order)
    const verdict = judgeTimes(writtenAt, expiresAt, row.expiresAt, clock(writtenAt))
    if (verdict === 'alive') opened.push({ order: row.order, value, writtenAt, expiresAt })
    else if (verdict !== 'expired') throw new Unreadable(verdict, envelope.space.id, keyId)
  }
  return opened
}

/** Whether an engine's answer is a list that the range allows: not longer, inside, strictly in order. */
function isWithin(rows: readonly StoredRow[], { from, to, limit, newestFirst = false }: RowRange): boolean {
  if (rows.length > limit) return false
  let before: Uint8Array | undefined
  for (const { order } of rows) {
    if (order.length < 1 || order.length > MAX_ORDER_BYTES) return false
    if (from !== undefined && Buffer.compare(order, from) < 0) return false
    if (to !== undefined && Buffer.compare(order, to) >= 0) return false
    if (before !== undefined && Buffer.compare(before, order) !== (newestFirst ? 1 : -1)) return false
    before = order
  }
  return true
}
