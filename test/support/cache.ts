/**
 * What tests fetch or make once for this checkout lies in node_modules/.cache. Test files run at once, so whoever comes while
 * another process is at it waits for it: the lock is SQLite's, which ends with its process.
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export const CACHE = resolve(import.meta.dirname, '../../node_modules/.cache')

/** Holds the lock of this name until it is disposed of; waits so long for whoever holds it, then throws. */
export function lock(name: string, patienceMs: number): Disposable {
  mkdirSync(CACHE, { recursive: true })
  const database = new DatabaseSync(join(CACHE, `${name}.lock`), { timeout: patienceMs })
  database.exec('BEGIN EXCLUSIVE')
  return database
}
