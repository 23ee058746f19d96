/**
 * What a thief does with what was stolen. It knows our formats and our code, since both are public, and reads and edits
 * the database as any SQLite program can. What it lacks, in each test, is what that test is about.
 */
import { DatabaseSync } from 'node:sqlite'
import { type CellRecord, makeRow, parseRow, slotAt } from '../../packages/server/src/engines/embedded/record.ts'
import { Envelope, type OpenedRecord } from '../../packages/server/src/records/envelope.ts'
import { type Keyset, Unreadable } from '../../packages/server/src/records/index.ts'
import { Keyring } from '../../packages/server/src/records/keyring.ts'

/** A record as it lies in the database, with the name of its space. */
export interface Loot extends CellRecord {
  readonly spaceId: string
}

/** Every record of every cell; the engine offers no such call, the file does. */
export function dump(file: string): Loot[] {
  const db = new DatabaseSync(file)
  try {
    const names = new Map(
      db
        .prepare('SELECT number, id FROM spaces')
        .all()
        .map((row) => [row.number, String(row.id)]),
    )
    const rows = db.prepare('SELECT record FROM cells').all()
    return rows
      .flatMap(({ record }) => parseRow(record as Uint8Array))
      .map((record) => ({ ...record, spaceId: names.get(record.space)! }))
  } finally {
    db.close()
  }
}

/** Puts something else into the row of an address, behind the back of whoever has the file open. */
export function overwrite(file: string, address: Uint8Array, row: Uint8Array, expiresAt: number): void {
  const db = new DatabaseSync(file, { timeout: 5000 })
  try {
    db.prepare('INSERT OR REPLACE INTO cells (record, expires, slot) VALUES (?, ?, ?)').run(
      row,
      expiresAt,
      slotAt(address, 0),
    )
  } finally {
    db.close()
  }
}

/** Takes the row of an address away. */
export function takeAway(file: string, address: Uint8Array): void {
  const db = new DatabaseSync(file, { timeout: 5000 })
  try {
    db.prepare('DELETE FROM cells WHERE slot = ?').run(slotAt(address, 0))
  } finally {
    db.close()
  }
}

/** Changes the record of an address. */
export function rewrite(file: string, address: Uint8Array, edit: (record: CellRecord) => CellRecord): void {
  const [record, ...others] = parseRow(rowOf(file, address)!)
  if (others.length > 0) throw new Error('two records share a row, which one test in a lifetime sees')
  const edited = edit(record!)
  overwrite(file, address, makeRow([edited]), edited.expiresAt)
}

/** What lies in the row of an address, as it is; undefined: no row. */
export function rowOf(file: string, address: Uint8Array): Uint8Array | undefined {
  const db = new DatabaseSync(file)
  try {
    return db.prepare('SELECT record FROM cells WHERE slot = ?').get(slotAt(address, 0))?.record as
      | Uint8Array
      | undefined
  } finally {
    db.close()
  }
}

/** Our own code in a thief's hands: a stolen (or made-up) keyset, and records of one space. */
export class Opener {
  readonly #envelope: Envelope

  constructor(keyset: Keyset, spaceId: string) {
    const space = {
      id: spaceId,
      shape: 'cell',
      final: true,
      atomic: 'no',
      longestTtl: 86_400,
      maxSize: 2 ** 23,
    } as const
    this.#envelope = new Envelope(space, new Keyring(keyset))
  }

  /** Where a key's record lies, under this keyset. */
  address(key: Uint8Array): Buffer {
    return this.#envelope.address(key)
  }

  /** The record's content if it opens under a presented key, else why not. */
  open({ address, sealed }: Loot, key: Uint8Array): OpenedRecord | Unreadable['reason'] {
    try {
      return this.#envelope.open(address, key, sealed)
    } catch (error) {
      if (error instanceof Unreadable) return error.reason
      throw error
    }
  }
}
