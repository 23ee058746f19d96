/**
 * The rules of the spaces, as the file remembers them: they are checked against what the configuration says now, in one
 * transaction, so that two processes with different rules cannot both be right.
 */
import type { DatabaseSync } from 'node:sqlite'
import { type Atomicity, checkUnchanged, EngineUnavailable, type Shape, type Space } from '@holdfast/engine'
import { describeFault, sqliteCode } from './faults.ts'

/** A space and its number in the file. */
export interface OpenedSpace extends Space {
  readonly number: number
}

/** Opens the spaces into `opened`, all or none; returns the ids of those that nobody has confirmed. */
export function openSpaces(db: DatabaseSync, spaces: readonly Space[], opened: Map<string, OpenedSpace>): string[] {
  const find = db.prepare('SELECT * FROM spaces WHERE id = ?')
  const make = db.prepare(
    `INSERT INTO spaces (id, shape, final, atomic, highest_ttl, confirmed, records, markers)
     VALUES (?, ?, ?, ?, ?, 0, 0, 0) RETURNING *`,
  )
  const raise = db.prepare('UPDATE spaces SET highest_ttl = max(highest_ttl, ?) WHERE number = ?')
  const found = new Map<string, OpenedSpace>()
  const fresh: string[] = []
  within(db, () => {
    for (const space of spaces) {
      const { id, shape, final, atomic, longestTtl } = space
      const row = find.get(id) ?? make.get(id, shape, Number(final), atomic, longestTtl)!
      const before = { id, shape: row.shape as Shape, final: row.final === 1, atomic: row.atomic as Atomicity }
      checkUnchanged(before, space)
      const number = Number(row.number)
      raise.run(longestTtl, number)
      if (row.confirmed === 0) fresh.push(id)
      found.set(id, { ...space, number })
    }
  })
  for (const [id, space] of found) opened.set(id, space)
  return fresh
}

export function confirmSpaces(db: DatabaseSync, ids: readonly string[]): void {
  const confirm = db.prepare('UPDATE spaces SET confirmed = 1 WHERE id = ?')
  within(db, () => {
    for (const id of ids) confirm.run(id)
  })
}

function within(db: DatabaseSync, work: () => void): void {
  try {
    db.exec('BEGIN IMMEDIATE')
    work()
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw sqliteCode(error) === 0 ? error : new EngineUnavailable(describeFault(error))
  }
}
