/**
 * What a thief does with what was stolen. It knows our formats and our code, since both are public, and reads and edits
 * the database as any SQLite program can. What it lacks, in each test, is what that test is about.
 */
import { DatabaseSync } from 'node:sqlite'
import { type CellRecord, makeRow, parseRow } from '../../packages/server/src/engines/embedded/record.ts'
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

/** Rewrites the row at an address of a space, behind the back of whoever has the file open. */
export function rewrite(
  file: string,
  { spaceId, address }: Pick<Loot, 'spaceId' | 'address'>,
  edit: (record: CellRecord) => CellRecord | Uint8Array,
): void {
  const db = new DatabaseSync(file, { timeout: 5000 })
  try {
    const { number } = db.prepare('SELECT number FROM spaces WHERE id = ?').get(spaceId) as { number: number }
    for (const row of db.prepare('SELECT slot, record FROM cells').all()) {
      const records = parseRow(row.record as Uint8Array)
      const [record] = records
      if (records.length !== 1 || record!.space !== number || !Buffer.from(address).equals(record!.address)) continue
      const edited = edit(record!)
      const [bytes, expires] =
        edited instanceof Uint8Array ? [edited, record!.expiresAt] : [makeRow([edited]), edited.expiresAt]
      db.prepare('UPDATE cells SET record = ?, expires = ? WHERE slot = ?').run(bytes, expires, row.slot!)
      return
    }
    throw new Error('no such record')
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
