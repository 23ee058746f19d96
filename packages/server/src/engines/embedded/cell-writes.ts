/**
 * Writes to cells, each within a transaction that somebody else begins and commits. Because that transaction holds the
 * file's one write lock, what is read here is still so when it is written: conditions and takes are exact among all
 * processes that share the file.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { expiryOf, isExpired, markerExpiry } from '@holdfast/engine'
import { type Held, judgePut, stateOf } from '../cell.ts'
import type { EndWrite, Outcome, PutWrite } from './protocol.ts'
import {
  type CellRecord,
  firstExpiry,
  HEADER_BYTES,
  isMarker,
  makeRow,
  parseRow,
  RecordReader,
  slotAt,
} from './record.ts'
import type { Tally } from './tally.ts'

/** Of most rows the header is enough, and a record may have megabytes. */
const HEAD = `substr(record, 1, ${HEADER_BYTES}) AS head, length(record) AS size`
const NOTHING = new Uint8Array(0)

/** What lies in the row of an address. */
interface Found {
  readonly slot: number
  /** Undefined: nothing lies there for this address, not even something expired. */
  readonly held: Held | undefined
  /** The record of `held`, unless only its header was read. */
  readonly record: CellRecord | undefined
  /** Records of other addresses in the same row. */
  readonly others: readonly CellRecord[]
}

export class CellWrites {
  readonly #head: StatementSync
  readonly #row: StatementSync
  readonly #write: StatementSync
  readonly #delete: StatementSync
  readonly #highestTtl: StatementSync
  readonly #due: StatementSync
  readonly #tally: Tally
  readonly #nextVersion: () => number

  /** `nextVersion` gives a number that no process ever gave before for this file. */
  constructor(db: DatabaseSync, tally: Tally, nextVersion: () => number) {
    this.#head = db.prepare(`SELECT ${HEAD} FROM cells WHERE slot = ?`)
    this.#row = db.prepare('SELECT record FROM cells WHERE slot = ?')
    this.#write = db.prepare(
      `INSERT INTO cells (slot, expires, record) VALUES (?, ?, ?)
       ON CONFLICT (slot) DO UPDATE SET expires = excluded.expires, record = excluded.record`,
    )
    this.#delete = db.prepare('DELETE FROM cells WHERE slot = ?')
    this.#highestTtl = db.prepare('SELECT highest_ttl FROM spaces WHERE number = ?')
    this.#due = db.prepare(`SELECT slot, ${HEAD} FROM cells WHERE expires > 0 AND expires <= ? LIMIT ?`)
    this.#tally = tally
    this.#nextVersion = nextVersion
  }

  put({ space, address, sealed, ttl, condition, now }: PutWrite): Outcome {
    const found = this.#find(space, address, false)
    const asked = typeof condition === 'number' ? { version: condition } : condition
    const outcome = judgePut(found.held, asked, now)
    if (outcome === 'written') {
      this.#replace(found, space, { address, sealed, expiresAt: expiryOf(ttl, now) })
    }
    return outcome
  }

  /** `noMarkers`: refuse with `full` what would add a marker, though not what puts one in a record's place. */
  end({ kind, space, address, final, now }: EndWrite, noMarkers: boolean): Outcome {
    const found = this.#find(space, address, kind === 'take')
    const { held, record } = found
    if (final) {
      if (noMarkers && held === undefined) return 'full'
      const expiresAt = markerExpiry(Number(this.#highestTtl.get(space)?.highest_ttl), now, held)
      this.#replace(found, space, { address, sealed: NOTHING, expiresAt })
    } else if (held !== undefined) {
      this.#replace(found, space, undefined)
    }
    if (kind === 'end') return 'done'
    const state = stateOf(held, now)
    if (state !== 'lives' || record === undefined) return state === 'ended' ? 'ended' : 'absent'
    return { sealed: record.sealed, version: record.version, expiresAt: record.expiresAt }
  }

  /** Removes what has expired by `now` from at most `limit` rows, and returns how many rows that were. */
  sweep(now: number, limit: number): number {
    const due = this.#due.all(now, limit)
    for (const { slot, head, size } of due) {
      try {
        this.#sweepRow(Number(slot), new RecordReader(head as Uint8Array), Number(size), now)
      } catch (error) {
        // Damaged, and over: nobody could read it, and it must not keep all the others from being swept.
        if (!(error instanceof RangeError)) throw error
        this.#delete.run(Number(slot))
      }
    }
    return due.length
  }

  #sweepRow(slot: number, head: RecordReader, size: number, now: number): void {
    if (head.following(0) === 0) {
      this.#tally.count(head.space(0), size === HEADER_BYTES ? 'markers' : 'records', -1)
      this.#delete.run(slot)
      return
    }
    const alive: CellRecord[] = []
    for (const record of parseRow(this.#row.get(slot)?.record as Uint8Array)) {
      if (isExpired(record.expiresAt, now))
        this.#tally.count(record.space, isMarker(record) ? 'markers' : 'records', -1)
      else alive.push(record)
    }
    this.#store(slot, alive)
  }

  #find(space: number, address: Uint8Array, whole: boolean): Found {
    const slot = slotAt(address, 0)
    const row = this.#head.get(slot)
    if (row === undefined) return { slot, held: undefined, record: undefined, others: [] }
    const head = new RecordReader(row.head as Uint8Array)
    if (!whole && head.following(0) === 0 && head.isAt(0, space, address)) {
      const held = { ended: row.size === HEADER_BYTES, version: head.version(0), expiresAt: head.expiresAt(0) }
      return { slot, held, record: undefined, others: [] }
    }
    const records = parseRow(this.#row.get(slot)?.record as Uint8Array)
    const record = records.find((one) => one.space === space && Buffer.compare(one.address, address) === 0)
    const others = records.filter((one) => one !== record)
    const held = record && { ended: isMarker(record), version: record.version, expiresAt: record.expiresAt }
    return { slot, held, record, others }
  }

  /** Puts a record in the place of what was found, or removes it. */
  #replace(found: Found, space: number, next: Omit<CellRecord, 'space' | 'version'> | undefined): void {
    if (found.held !== undefined) this.#tally.count(space, found.held.ended ? 'markers' : 'records', -1)
    if (next === undefined) {
      this.#store(found.slot, found.others)
      return
    }
    const record = { ...next, space, version: this.#nextVersion() }
    this.#tally.count(space, isMarker(record) ? 'markers' : 'records', 1)
    this.#store(found.slot, [record, ...found.others])
  }

  #store(slot: number, records: readonly CellRecord[]): void {
    if (records.length === 0) this.#delete.run(slot)
    else this.#write.run(slot, firstExpiry(records), makeRow(records))
  }
}
