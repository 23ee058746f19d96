/**
 * What SQLite's result codes mean to us. Only the numbers are used: SQLite's messages may quote SQL, and nothing of a
 * statement may reach a log.
 */

/** SQLite's primary result codes, by name (sqlite.org/rescode.html). */
export const SQLITE = {
  BUSY: 5,
  READONLY: 8,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  NOTADB: 26,
} as const

const NAMES = new Map<number, string>([
  [SQLITE.BUSY, 'the file is locked by another process'],
  [SQLITE.READONLY, 'the file cannot be written'],
  [10, 'input/output error'],
  [SQLITE.CORRUPT, 'the file is damaged'],
  [SQLITE.FULL, 'no space left'],
  [SQLITE.CANTOPEN, 'the file cannot be opened'],
  [SQLITE.NOTADB, 'the file is not a database'],
])

/** The primary result code of an error of node:sqlite; 0 if it is some other error. */
export function sqliteCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code & 0xff : 0
}

/** What to say of it: the meaning of its code, never its message. */
export function describeFault(error: unknown): string {
  const code = sqliteCode(error)
  if (code !== 0) return NAMES.get(code) ?? `SQLite error ${code}`
  return error instanceof RangeError ? 'a record is damaged' : 'a fault outside SQLite'
}
