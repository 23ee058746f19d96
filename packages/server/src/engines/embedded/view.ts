/**
 * A look into a file that servers may be using at this moment, for commands that ask and change nothing, neither the file
 * nor what lies beside it: one connection, read-only, without a writer. A file that is foreign, damaged or newer is refused
 * as the engine refuses it, and so is a folder that is not there. A file that is not there, in a folder that is, is new
 * storage, as it would be for the engine.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Cell, Deadline, RowRange, StoredRow } from '@holdfast/engine'
import { openToRead } from './file.ts'
import { Reader } from './reader.ts'

export class EmbeddedView {
  /** Those that somebody has set up. */
  readonly spaces: ReadonlySet<string>
  /** The longest TTL that any space ever had, in seconds. */
  readonly longestTtl: number
  readonly #numbers: ReadonlyMap<string, number>
  readonly #opened: { readonly db: DatabaseSync; readonly reader: Reader } | undefined

  /** Throws `EngineRefused`. */
  constructor(file: string) {
    const db = openToRead(file)
    this.#opened = db && { db, reader: new Reader(db, Date.now) }
    const rows = db?.prepare('SELECT id, number, highest_ttl FROM spaces WHERE confirmed = 1').all() ?? []
    this.#numbers = new Map(rows.map(({ id, number }) => [String(id), Number(number)]))
    this.spaces = new Set(this.#numbers.keys())
    this.longestTtl = Math.max(0, ...rows.map(({ highest_ttl }) => Number(highest_ttl)))
  }

  async get(space: string, address: Uint8Array, deadline: Deadline): Promise<Cell | 'ended' | 'absent'> {
    const number = this.#numbers.get(space)
    return number === undefined ? 'absent' : this.#opened!.reader.get(number, address, deadline)
  }

  async read(space: string, address: Uint8Array, range: RowRange, deadline: Deadline): Promise<readonly StoredRow[]> {
    const number = this.#numbers.get(space)
    return number === undefined ? [] : this.#opened!.reader.rows(number, address, range, deadline)
  }

  /** Bytes of the database, its log included, and those that lie unused in it. */
  size(): { readonly bytes: number; readonly unused: number } {
    const row = this.#opened?.db
      .prepare(
        `SELECT page_count * page_size AS bytes, freelist_count * page_size AS unused
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
      )
      .get()
    return { bytes: Number(row?.bytes ?? 0), unused: Number(row?.unused ?? 0) }
  }

  close(): void {
    this.#opened?.reader.drain()
    this.#opened?.db.close()
  }
}
