/**
 * How many records and markers each space holds, kept in the `spaces` table within the transaction that changes them:
 * counting rows instead would read the whole file. Changes are gathered and written once a transaction.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'

export class Tally {
  readonly #changes = new Map<number, { records: number; markers: number }>()
  readonly #update: StatementSync

  constructor(db: DatabaseSync) {
    this.#update = db.prepare('UPDATE spaces SET records = records + ?, markers = markers + ? WHERE number = ?')
  }

  count(space: number, what: 'records' | 'markers', change: 1 | -1): void {
    let changes = this.#changes.get(space)
    if (changes === undefined) {
      changes = { records: 0, markers: 0 }
      this.#changes.set(space, changes)
    }
    changes[what] += change
  }

  /** Writes the changes; to be called last in the transaction. */
  write(): void {
    for (const [space, { records, markers }] of this.#changes) {
      if (records !== 0 || markers !== 0) this.#update.run(records, markers, space)
    }
    this.#changes.clear()
  }

  /** Forgets the changes of a transaction that was rolled back. */
  forget(): void {
    this.#changes.clear()
  }
}
