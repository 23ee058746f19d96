/**
 * The rules of the spaces, as the file remembers them: they are checked against what the configuration says now, in one
 * transaction, so that two processes with different rules cannot both be right.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { type Atomicity, checkUnchanged, EngineUnavailable, type Shape, type Space } from '@holdfast/engine'
import { describeFault, sqliteCode } from './faults.ts'

/** A space and its number in the file. */
export interface OpenedSpace extends Space {
  readonly number: number
}

const FIND = 'SELECT * FROM spaces WHERE id = ?'

/**
 * Opens the spaces into `opened`, all or none; returns the ids of those that nobody has confirmed. Nothing lies in these
 * yet, so their rules are those of whoever came last.
 */
export function openSpaces(db: DatabaseSync, spaces: readonly Space[], opened: Map<string, OpenedSpace>): string[] {
  const find = db.prepare(FIND)
  const make = db.prepare(
    `INSERT INTO spaces (id, shape, final, atomic, highest_ttl, confirmed, records, markers)
     VALUES (?, ?, ?, ?, ?, 0, 0, 0) ON CONFLICT (id) DO UPDATE SET shape = excluded.shape, final = excluded.final,
     atomic = excluded.atomic, highest_ttl = excluded.highest_ttl RETURNING *`,
  )
  const raise = db.prepare('UPDATE spaces SET highest_ttl = max(highest_ttl, ?) WHERE id = ?')
  const found = new Map<string, OpenedSpace>()
  const fresh: string[] = []
  within(db, () => {
    for (const space of spaces) {
      const { id, shape, final, atomic, longestTtl } = space
      let row = find.get(id)
      if (row?.confirmed === 1) {
        checkUnchanged(rulesOf(row), space)
        raise.run(longestTtl, id)
      } else {
        row = make.get(id, shape, Number(final), atomic, longestTtl)!
        fresh.push(id)
      }
      found.set(id, { ...space, number: Number(row.number) })
    }
  })
  for (const [id, space] of found) opened.set(id, space)
  return fresh
}

/** Refuses what another process has opened by other rules meanwhile. */
export function confirmSpaces(db: DatabaseSync, spaces: readonly OpenedSpace[]): void {
  const find = db.prepare(FIND)
  const confirm = db.prepare('UPDATE spaces SET confirmed = 1, highest_ttl = max(highest_ttl, ?) WHERE id = ?')
  within(db, () => {
    for (const space of spaces) {
      checkUnchanged(rulesOf(find.get(space.id)!), space)
      confirm.run(space.longestTtl, space.id)
    }
  })
}

function rulesOf({ shape, final, atomic }: Record<string, SQLOutputValue>) {
  return { shape: shape as Shape, final: final === 1, atomic: atomic as Atomicity }
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
