/**
 * Writes to row lists, each within a transaction that somebody else begins and commits: all rows of one call are written
 * or none.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { expiryOf } from '@holdfast/engine'
import type { AppendWrite, Outcome, RemoveWrite } from './protocol.ts'
import type { Tally } from './tally.ts'

export class RowWrites {
  readonly #insert: StatementSync
  readonly #delete: StatementSync
  readonly #due: StatementSync
  readonly #tally: Tally

  constructor(db: DatabaseSync, tally: Tally) {
    this.#insert = db.prepare('INSERT INTO rows (address, space, ord, expires, sealed) VALUES (?, ?, ?, ?, ?)')
    this.#delete = db.prepare('DELETE FROM rows WHERE address = ? AND space = ? AND ord = ?')
    this.#due = db.prepare('SELECT address, space, ord FROM rows WHERE expires > 0 AND expires <= ? LIMIT ?')
    this.#tally = tally
  }

  append({ space, rows, now }: AppendWrite): Outcome {
    for (const { address, order, sealed, ttl } of rows) {
      this.#remove(address, space, order)
      this.#insert.run(address, space, order, expiryOf(ttl, now), sealed)
      this.#tally.count(space, 'records', 1)
    }
    return 'done'
  }

  remove({ space, address, order }: RemoveWrite): Outcome {
    this.#remove(address, space, order)
    return 'done'
  }

  /** Removes at most `limit` rows that have expired by `now`, and returns how many. */
  sweep(now: number, limit: number): number {
    const due = this.#due.all(now, limit)
    for (const { address, space, ord } of due) this.#remove(address as Uint8Array, Number(space), ord as Uint8Array)
    return due.length
  }

  #remove(address: Uint8Array, space: number, order: Uint8Array): void {
    if (this.#delete.run(address, space, order).changes === 1) this.#tally.count(space, 'records', -1)
  }
}
