/**
 * The file: what makes it ours, how it is made, and when it is refused.
 *
 * Guarantees: a file that is foreign, damaged, newer or not writable is refused before anything in it changes, with what
 * the operator can do. A new file is readable by its owner alone, and appears whole or not at all. Every connection runs
 * in WAL mode with `synchronous=FULL`: a commit that returned survives `kill -9` and a power cut.
 *
 * Does not guarantee: that each page of a large file is sound. Files of up to 64 MiB are checked whole at start-up, of
 * larger ones a sample of records, since reading gigabytes would hold up every restart. Damage met later is an error
 * of the call that met it.
 *
 * Never open the file with node:fs while a connection is open: closing any descriptor of it would drop SQLite's POSIX
 * locks, held by this process, and two writers could meet.
 */
import { accessSync, closeSync, constants, existsSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { EngineRefused } from '@holdfast/engine'
import { describeFault, SQLITE, sqliteCode } from './faults.ts'
import { HEADER_BYTES, RecordReader } from './record.ts'

/** 'HoFa', in SQLite's header field for the owner of a file. */
const APPLICATION_ID = 0x486f4661
/** Raised whenever older code could misread the file. */
const FORMAT = 1
const BUSY_MS = 1000
const WHOLE_CHECK_BYTES = 64 * 1024 * 1024
const SAMPLES = 256

const TABLES = [
  `CREATE TABLE spaces (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, shape TEXT NOT NULL, final INTEGER NOT NULL,
 atomic TEXT NOT NULL, highest_ttl INTEGER NOT NULL, confirmed INTEGER NOT NULL, records INTEGER NOT NULL,
 markers INTEGER NOT NULL) STRICT`,
  'CREATE TABLE versions (reserved INTEGER NOT NULL) STRICT',
  'CREATE TABLE cells (slot INTEGER PRIMARY KEY, expires INTEGER NOT NULL, record BLOB NOT NULL) STRICT',
  'CREATE INDEX cells_expires ON cells (expires) WHERE expires > 0',
  `CREATE TABLE rows (address BLOB NOT NULL, space INTEGER NOT NULL, ord BLOB NOT NULL, expires INTEGER NOT NULL,
 sealed BLOB NOT NULL, PRIMARY KEY (address, space, ord)) STRICT, WITHOUT ROWID`,
  'CREATE INDEX rows_expires ON rows (expires) WHERE expires > 0',
] as const

/** Opens the file, making it if there is none, and checks all of the above. */
export function openFile(file: string): DatabaseSync {
  prepareFile(file)
  let db: DatabaseSync | undefined
  try {
    // Read-only at first: even a checkpoint would be a change to somebody else's file.
    db = new DatabaseSync(file, { timeout: BUSY_MS, readOnly: true })
    checkOwner(db, file)
    db.close()
    db = new DatabaseSync(file, { timeout: BUSY_MS })
    db.exec('PRAGMA page_size = 4096')
    setJournal(db, file)
    createTables(db)
    checkTables(db, file)
    checkContent(db, file)
    return db
  } catch (error) {
    if (db?.isOpen) db.close()
    throw refusal(error, file)
  }
}

/**
 * A connection that only reads, to a file as `openFile` leaves it; undefined where `openFile` would begin a new one. Throws
 * as `openFile` does.
 *
 * Makes and changes nothing. A connection that is merely read-only would still make a log and its index beside the file,
 * and a server that is another user could then not use them. So where both are there, the index is opened read-only, too,
 * and SQLite builds one in memory if it is stale; where there is no log, nobody has the file open, and it is read as one
 * that cannot change.
 */
export function openToRead(file: string): DatabaseSync | undefined {
  let db: DatabaseSync | undefined
  try {
    accessSync(dirname(file), constants.R_OK | constants.X_OK)
    if (!existsSync(file)) return undefined
    db = new DatabaseSync(untouched(file), { timeout: BUSY_MS, readOnly: true })
    checkOwner(db, file)
    if (number(db, 'SELECT count(*) FROM sqlite_schema') === 0) {
      db.close()
      return undefined
    }
    checkTables(db, file)
    return db
  } catch (error) {
    if (db?.isOpen) db.close()
    const { code, syscall } = error as NodeJS.ErrnoException
    if (syscall !== 'access') throw refusal(error, file)
    throw new EngineRefused(`${dirname(file)}: cannot be read (${code})`, 'check that it is there, and mounted')
  }
}

/** The file as an address that lets SQLite make nothing. */
function untouched(file: string): URL {
  const size = (path: string) => statSync(path, { throwIfNoEntry: false })?.size
  const [log, index] = [size(`${file}-wal`), size(`${file}-shm`)]
  if (log && index === undefined) {
    throw new EngineRefused(
      `${file}: its log has no index, as in a copy, and making one would be a change`,
      'look again once a server was started on it',
    )
  }
  const address = pathToFileURL(file)
  address.search = log === undefined || index === undefined ? 'immutable=1' : 'readonly_shm=1'
  return address
}

/** Another connection to a file that `openFile` has accepted. */
export function connect(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: BUSY_MS })
  setJournal(db, file)
  return db
}

function setJournal(db: DatabaseSync, file: string): void {
  const mode = db.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode
  if (mode !== 'wal') {
    throw new EngineRefused(`${file}: this file system offers no write-ahead log`, 'put it on a local disk')
  }
  db.exec('PRAGMA synchronous = FULL')
}

function prepareFile(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
    return
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') {
      throw new EngineRefused(`${file}: cannot be made (${code})`, 'check that its folder exists and may be written to')
    }
  }
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
    accessSync(dirname(file), constants.W_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new EngineRefused(
      `${file}: it or its folder cannot be read and written (${code})`,
      'give both to the user that runs the server, on a file system mounted for writing',
    )
  }
}

function checkOwner(db: DatabaseSync, file: string): void {
  const owner = number(db, 'PRAGMA application_id')
  const tables = number(db, 'SELECT count(*) FROM sqlite_schema')
  if (owner === 0 && tables === 0) return
  if (owner !== APPLICATION_ID) {
    throw new EngineRefused(
      `${file}: a database, but not one of Holdfast`,
      'name another file, or move this one away; nothing in it was changed',
    )
  }
  const format = number(db, 'PRAGMA user_version')
  if (format > FORMAT) {
    throw new EngineRefused(
      `${file}: written by a newer Holdfast (format ${format}, this one knows ${FORMAT})`,
      'run the newer version, or restore the backup made before the upgrade',
    )
  }
}

/** In one transaction, so that two processes that start at once make it once, and a crash leaves an empty file. */
function createTables(db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    if (number(db, 'SELECT count(*) FROM sqlite_schema') === 0) {
      for (const sql of TABLES) db.exec(sql)
      db.exec('INSERT INTO versions VALUES (0)')
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
      db.exec(`PRAGMA user_version = ${FORMAT}`)
    }
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function checkTables(db: DatabaseSync, file: string): void {
  const found = db.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').all()
  const statements = new Set(found.map((row) => row.sql))
  if (statements.size !== TABLES.length || !TABLES.every((sql) => statements.has(sql))) {
    throw new EngineRefused(`${file}: its tables are not those of format ${FORMAT}`, 'restore it from a backup')
  }
}

function checkContent(db: DatabaseSync, file: string): void {
  if (number(db, 'PRAGMA page_count') * number(db, 'PRAGMA page_size') <= WHOLE_CHECK_BYTES) {
    if (db.prepare('PRAGMA quick_check(1)').get()?.quick_check !== 'ok') throw damaged(file)
    return
  }
  const next = db.prepare('SELECT slot, record FROM cells WHERE slot >= ? LIMIT 1')
  for (let i = 0; i < SAMPLES; i++) {
    const row = next.get(Math.floor(Math.random() * Number.MAX_SAFE_INTEGER))
    if (row === undefined) continue
    const bytes = row.record as Uint8Array
    if (bytes.length < HEADER_BYTES) throw damaged(file)
    const record = new RecordReader(bytes)
    if (record.slot(0) !== row.slot || record.length(0) > bytes.length) throw damaged(file)
  }
}

function damaged(file: string): EngineRefused {
  return new EngineRefused(
    `${file}: damaged`,
    'restore it from a backup; `sqlite3 FILE .recover` may save what is left',
  )
}

function refusal(error: unknown, file: string): unknown {
  switch (sqliteCode(error)) {
    case 0:
      return error
    case SQLITE.NOTADB:
      return new EngineRefused(`${file}: not a database`, 'name another file, or move this one away')
    case SQLITE.CORRUPT:
      return damaged(file)
    default:
      return new EngineRefused(`${file}: cannot be opened: ${describeFault(error)}`, 'mend that and start again')
  }
}

function number(db: DatabaseSync, sql: string): number {
  return Number(Object.values(db.prepare(sql).get() ?? {})[0])
}
