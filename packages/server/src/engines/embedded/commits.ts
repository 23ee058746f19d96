/**
 * Group commit: many writes, one transaction, one fsync. A write is answered only after the commit that holds it has
 * returned from that fsync.
 *
 * What a failure means is decided here. Before COMMIT nothing is lost by rolling back, so the writes did not happen; if
 * the group had several, each is tried alone, so that one bad page cannot refuse everybody's writes. If COMMIT
 * itself fails, for any reason but lack of space, its frames may lie in the write-ahead log and come back at the next
 * recovery: those writes are `unconfirmed`.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CellWrites } from './cell-writes.ts'
import { describeFault, SQLITE, sqliteCode } from './faults.ts'
import { FreeSpace } from './free-space.ts'
import { monotonicNow, NO_FIGURES, type Outcome, type Write, type WriterOptions } from './protocol.ts'
import { RowWrites } from './row-writes.ts'
import { Tally } from './tally.ts'

/** Versions are reserved durably in blocks of so many; a crash wastes the rest of a block. */
const VERSION_BLOCK = 1_000_000
/** Rows removed by one transaction of the sweep: a few milliseconds, during which other writes wait. */
const SWEEP_SLICE = 200
const BACKLOG_LIMIT = 10_000
/** Bytes written, roughly, after which the write-ahead log is copied back into the file. */
const CHECKPOINT_BYTES = 16 * 1024 * 1024
/** What a write costs in the log beside its own bytes: the pages of its row, of its index entry, and of their parents. */
const WRITE_OVERHEAD = 8192

/** How long a group waits for another process to release the file. */
const LOCK_MS = 1000
const SLEEP = new Int32Array(new SharedArrayBuffer(4))

export class Commits {
  readonly figures = { ...NO_FIGURES }
  readonly #db: DatabaseSync
  readonly #freeSpace: FreeSpace
  readonly #tally: Tally
  readonly #cells: CellWrites
  readonly #rows: RowWrites
  readonly #size: StatementSync
  readonly #cellBacklog: StatementSync
  readonly #rowBacklog: StatementSync
  #nextVersion = 0
  #lastVersion = 0
  #written = 0

  constructor(db: DatabaseSync, options: WriterOptions) {
    this.#db = db
    // Checkpoints run between commits instead of inside them; this is only the backstop.
    db.exec('PRAGMA wal_autocheckpoint = 16000')
    db.exec('PRAGMA busy_timeout = 0')
    this.#freeSpace = new FreeSpace(options.file, options.minFree)
    this.#tally = new Tally(db)
    this.#cells = new CellWrites(db, this.#tally, () => ++this.#nextVersion)
    this.#rows = new RowWrites(db, this.#tally)
    this.#size = db.prepare(
      `SELECT page_count * page_size AS size, freelist_count * page_size AS unused
       FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
    )
    const backlog = (table: string) =>
      db.prepare(
        `SELECT count(*) AS n FROM (SELECT 1 FROM ${table} WHERE expires > 0 AND expires <= ? LIMIT ${BACKLOG_LIMIT})`,
      )
    this.#cellBacklog = backlog('cells')
    this.#rowBacklog = backlog('rows')
  }

  /** Commits the writes and says how each ended, in their order. */
  run(writes: readonly Write[]): (readonly [id: number, outcome: Outcome])[] {
    const now = monotonicNow()
    const wanted = writes.filter((write) => write.deadline > now)
    const outcomes = new Map<number, Outcome>()
    try {
      this.#lookForSpace()
      this.#commit(wanted, outcomes)
    } catch (error) {
      this.note(error)
    }
    return writes.map((write) => [write.id, outcomes.get(write.id) ?? 'unavailable'])
  }

  /** Removes one slice of what has expired by `now` (Unix ms); says whether more is left. */
  sweep(now: number): boolean {
    this.#lookForSpace()
    let cells = 0
    let rows = 0
    this.#transaction(() => {
      cells = this.#cells.sweep(now, SWEEP_SLICE)
      rows = this.#rows.sweep(now, SWEEP_SLICE)
    })
    this.figures.swept += cells + rows
    this.figures.backlog = Number(this.#cellBacklog.get(now)?.n) + Number(this.#rowBacklog.get(now)?.n)
    this.#written += (cells + rows) * WRITE_OVERHEAD
    return cells === SWEEP_SLICE || rows === SWEEP_SLICE
  }

  /** Remembers a fault, for health. A full disk is told by its own figure, and a busy file passes. */
  note(error: unknown): void {
    const code = sqliteCode(error)
    if (code !== SQLITE.FULL && code !== SQLITE.BUSY) this.figures.fault = describeFault(error)
  }

  /** After a fault: finds out, by a commit that changes nothing that matters, whether it still stands. */
  probe(): void {
    if (this.figures.fault === '') return
    try {
      this.#transaction(() => this.#db.exec('UPDATE versions SET reserved = reserved + 1'))
      this.figures.fault = ''
    } catch (error) {
      this.figures.fault = describeFault(error)
    }
  }

  /** Copies the write-ahead log back into the file once enough has been written. Nobody waits for it. */
  checkpoint(): void {
    // When space is short the log must not grow: copied back, it is written again from its start.
    if (this.#written < CHECKPOINT_BYTES && !this.#freeSpace.tight) return
    this.#written = 0
    this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)')
  }

  #lookForSpace(): void {
    const { size, unused } = this.#size.get() ?? {}
    this.#freeSpace.look(Number(size), Number(unused))
    const { floor, free, floors } = this.#freeSpace
    Object.assign(this.figures, { floor, free, floors })
  }

  #commit(writes: readonly Write[], outcomes: Map<number, Outcome>): void {
    if (writes.length === 0) return
    if (this.figures.floor === 2) {
      for (const write of writes) outcomes.set(write.id, 'full')
      return
    }
    const found: Outcome[] = []
    try {
      this.#reserveVersions(writes.length)
      this.#transaction(() => {
        for (const write of writes) found.push(this.#apply(write))
      })
    } catch (error) {
      this.#fail(error, writes, outcomes)
      return
    }
    for (const [i, write] of writes.entries()) outcomes.set(write.id, found[i]!)
    this.figures.commits++
    this.figures.operations += writes.length
    this.figures.fault = ''
  }

  #fail(error: unknown, writes: readonly Write[], outcomes: Map<number, Outcome>): void {
    const code = sqliteCode(error)
    const several = writes.length > 1 && code !== SQLITE.FULL && code !== SQLITE.BUSY
    if (error instanceof CommitFailed) {
      this.figures.fault = error.message
      for (const write of writes) outcomes.set(write.id, 'unconfirmed')
    } else if (several) {
      for (const write of writes) this.#commit([write], outcomes)
    } else {
      this.note(error)
      for (const write of writes) outcomes.set(write.id, code === SQLITE.FULL ? 'full' : 'unavailable')
    }
  }

  #apply(write: Write): Outcome {
    const short = this.figures.floor > 0
    this.#written += WRITE_OVERHEAD
    switch (write.kind) {
      case 'put':
        if (short) return 'full'
        this.#written += write.sealed.length
        return this.#cells.put(write)
      case 'append':
        if (short) return 'full'
        for (const row of write.rows) this.#written += row.sealed.length + WRITE_OVERHEAD
        return this.#rows.append(write)
      case 'end':
      case 'take':
        return this.#cells.end(write, short)
      case 'remove':
        return this.#rows.remove(write)
    }
  }

  #transaction(work: () => void): void {
    this.#begin()
    try {
      work()
      this.#tally.write()
    } catch (error) {
      this.#tally.forget()
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
    try {
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw sqliteCode(error) === SQLITE.FULL ? error : new CommitFailed(describeFault(error))
    }
  }

  /**
   * Takes the file's write lock. SQLite's own waiting polls ever more seldom, so that a process that writes without
   * pause would keep another one waiting for long; this asks every millisecond.
   */
  #begin(): void {
    const until = performance.now() + LOCK_MS
    for (;;) {
      try {
        this.#db.exec('BEGIN IMMEDIATE')
        return
      } catch (error) {
        if (sqliteCode(error) !== SQLITE.BUSY || performance.now() > until) throw error
        Atomics.wait(SLEEP, 0, 0, 1)
      }
    }
  }

  /** Each version is given once for this file, ever: a block is durably taken before any of it is used. */
  #reserveVersions(count: number): void {
    if (this.#lastVersion - this.#nextVersion >= count) return
    let reserved = 0
    this.#transaction(() => {
      const row = this.#db
        .prepare(`UPDATE versions SET reserved = reserved + ${VERSION_BLOCK} RETURNING reserved`)
        .get()
      reserved = Number(row?.reserved)
    })
    this.#lastVersion = reserved
    this.#nextVersion = reserved - VERSION_BLOCK
  }
}

class CommitFailed extends Error {}
