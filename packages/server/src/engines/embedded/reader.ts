/**
 * Reads, on the serving thread: cells gathered, row lists in slices.
 *
 * Cell reads that arrive in one turn of the event loop wait for its end and then go together. Such a group is one
 * statement, hence one read transaction and one set of lock calls, and its records come back joined into one byte
 * array: a `Uint8Array` for each would cost more than finding the record does. The statement looks its slots up in order, so the
 * answers are told apart by walking along the requests, and each is compared by its whole address and space; if the walk
 * does not come out even, the group is read again one by one. No read joins a statement that was already sent, and no
 * transaction outlives the flush, so a read sees every write that was acknowledged before it was asked for.
 *
 * Measured (Node 24, one core of an EPYC, 1.6 KB records, files in the page cache; CPU a read in microseconds):
 * alone 7.6 with 20,000 records and 10.4 with a million; `get`s inside one transaction 6 and 9; an `IN` statement 8 and
 * more; this way 3.1 and 7 in groups of 8, 2.6 and 6.6 in groups of 64. Half of what is saved is the array for each
 * record, the other half the statement and its locks. A table keyed by the address itself took 1 to 4 more. Memory
 * mapping would save 3 with a million records, but cost 5 to 10 as soon as anybody writes, since each commit unmaps,
 * and it would turn a disk's read error into the end of the process; so there is none.
 *
 * A record of more than 32 KiB is read alone, so that a group stays below 2 MiB whatever the size of records.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type Cell, type Deadline, EngineUnavailable, isExpired, type RowRange, type StoredRow } from '@holdfast/engine'
import { describeFault } from './faults.ts'
import { HEADER_BYTES, RecordReader, slotAt } from './record.ts'

type Answer = Cell | 'ended' | 'absent'

interface Waiting {
  readonly space: number
  readonly address: Uint8Array
  readonly slot: number
  readonly deadline: Deadline
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

const GROUP = 64
const LARGE_BYTES = 32 * 1024
const CACHE_KIB = 64 * 1024
/** Rows read in one go, between which the event loop turns. */
const ROW_SLICE = 1000
const NOTHING = new Uint8Array(0)
const FIRST_ORDER = Uint8Array.of(0)
/** Sorts after every order of 64 bytes. */
const AFTER_LAST_ORDER = new Uint8Array(65).fill(0xff)

export class Reader {
  readonly counts = { reads: 0, groups: 0 }
  readonly #db: DatabaseSync
  readonly #now: () => number
  readonly #one: StatementSync
  /** By the binary logarithm of the group's size. */
  readonly #groups: StatementSync[] = []
  readonly #rowsUp: StatementSync
  readonly #rowsDown: StatementSync
  #waiting: Waiting[] = []

  constructor(db: DatabaseSync, now: () => number) {
    this.#db = db
    this.#now = now
    db.exec(`PRAGMA cache_size = -${CACHE_KIB}`)
    this.#one = db.prepare('SELECT record FROM cells WHERE slot = ?')
    this.#one.setReturnArrays(true)
    for (let size = 2; size <= GROUP; size *= 2) this.#groups.push(prepareGroup(db, size))
    const rows = `SELECT ord AS "order", sealed, expires AS expiresAt FROM rows
      WHERE address = ? AND space = ? AND ord >= ? AND ord < ? AND (expires = 0 OR expires > ?)`
    this.#rowsUp = db.prepare(`${rows} ORDER BY ord LIMIT ?`)
    this.#rowsDown = db.prepare(`${rows} ORDER BY ord DESC LIMIT ?`)
  }

  get(space: number, address: Uint8Array, deadline: Deadline): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ space, address, slot: slotAt(address, 0), deadline, resolve, reject })
      if (this.#waiting.length === 1) setImmediate(this.#flush)
    })
  }

  /** Answers what still waits, so that nothing is left when the connection goes. */
  drain(): void {
    this.#flush()
  }

  /** The rows, in slices: one appended meanwhile may or may not be among them. */
  async rows(space: number, address: Uint8Array, range: RowRange, deadline: Deadline): Promise<readonly StoredRow[]> {
    const found: StoredRow[] = []
    const statement = range.newestFirst ? this.#rowsDown : this.#rowsUp
    let from = range.from?.length ? range.from : FIRST_ORDER
    let to = range.to ?? AFTER_LAST_ORDER
    while (found.length < range.limit) {
      if (performance.now() > deadline) throw new EngineUnavailable('the deadline passed before all rows were read')
      const wanted = Math.min(ROW_SLICE, range.limit - found.length)
      let slice: StoredRow[]
      try {
        slice = statement.all(address, space, from, to, this.#now(), wanted) as unknown as StoredRow[]
      } catch (error) {
        throw new EngineUnavailable(describeFault(error))
      }
      found.push(...slice)
      if (slice.length < wanted || found.length === range.limit) break
      const last = slice[slice.length - 1]!.order
      if (range.newestFirst) to = last
      else from = Buffer.concat([last, FIRST_ORDER])
      await new Promise((resolve) => setImmediate(resolve))
      if (!this.#db.isOpen) throw new EngineUnavailable('the engine is closed')
    }
    return found
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    const moment = performance.now()
    const now = this.#now()
    for (let start = 0; start < waiting.length; start += GROUP) {
      this.#group(waiting, start, Math.min(start + GROUP, waiting.length), moment, now)
    }
  }

  #group(waiting: readonly Waiting[], start: number, end: number, moment: number, now: number): void {
    this.counts.groups++
    this.counts.reads += end - start
    if (end - start === 1 || !this.#together(waiting, start, end, moment, now)) {
      for (let i = start; i < end; i++) this.#alone(waiting[i]!, moment, now)
    }
  }

  /** Reads and answers a group; false, with nobody answered, if that did not work out. */
  #together(waiting: readonly Waiting[], start: number, end: number, moment: number, now: number): boolean {
    const size = 32 - Math.clz32(end - start - 1)
    const slots: (number | null)[] = new Array(1 << size).fill(null)
    for (let i = start; i < end; i++) slots[i - start] = waiting[i]!.slot
    const answers: (Answer | undefined)[] = []
    try {
      const joined = (this.#groups[size - 1]!.get(...slots) as unknown as [Uint8Array | null])[0]
      if (!walk(waiting, start, end, now, joined ?? NOTHING, answers)) return false
    } catch {
      return false
    }
    for (let i = start; i < end; i++) {
      const answer = answers[i - start]
      const one = waiting[i]!
      if (answer === undefined) this.#alone(one, moment, now)
      else if (moment > one.deadline) one.reject(new EngineUnavailable('the deadline passed before the read'))
      else one.resolve(answer)
    }
    return true
  }

  #alone(one: Waiting, moment: number, now: number): void {
    if (moment > one.deadline) {
      one.reject(new EngineUnavailable('the deadline passed before the read'))
      return
    }
    try {
      const row = this.#one.get(one.slot) as unknown as [Uint8Array] | undefined
      one.resolve(row === undefined ? 'absent' : answerIn(row[0], one, now))
    } catch (error) {
      one.reject(new EngineUnavailable(describeFault(error)))
    }
  }
}

function prepareGroup(db: DatabaseSync, size: number): StatementSync {
  const statement = db.prepare(
    `WITH wanted (slot) AS (VALUES ${Array(size).fill('(?)').join(', ')})
     SELECT CAST(group_concat(
       CASE WHEN length(record) <= ${LARGE_BYTES} THEN record
            ELSE x'00000000' || substr(record, 5, ${HEADER_BYTES - 4}) END, '') AS BLOB)
     FROM wanted CROSS JOIN cells ON cells.slot = wanted.slot`,
  )
  statement.setReturnArrays(true)
  return statement
}

/** Tells the records apart; an answer is undefined where only a header came along. False: it did not come out even. */
function walk(
  waiting: readonly Waiting[],
  start: number,
  end: number,
  now: number,
  joined: Uint8Array,
  answers: (Answer | undefined)[],
): boolean {
  const records = new RecordReader(joined)
  let at = 0
  for (let i = start; i < end; i++) {
    const { slot, space, address } = waiting[i]!
    let answer: Answer | undefined = 'absent'
    if (at < joined.length && records.slot(at) === slot) {
      for (let following = 1; following > 0; ) {
        if (records.isCut(at)) {
          answer = undefined
          at += HEADER_BYTES
          break
        }
        following = records.following(at)
        const length = records.length(at)
        if (records.isAt(at, space, address)) answer = answerAt(records, at, now)
        at += length
      }
    }
    answers.push(answer)
  }
  return at === joined.length
}

function answerIn(row: Uint8Array, wanted: Waiting, now: number): Answer {
  const records = new RecordReader(row)
  let at = 0
  for (let following = 1; following > 0; at += records.length(at)) {
    following = records.following(at)
    if (records.isAt(at, wanted.space, wanted.address)) return answerAt(records, at, now)
    if (records.slot(at) !== wanted.slot) throw new RangeError('a record lies in the row of another')
  }
  return 'absent'
}

function answerAt(records: RecordReader, at: number, now: number): Answer {
  const expiresAt = records.expiresAt(at)
  if (isExpired(expiresAt, now)) return 'absent'
  const sealed = records.sealed(at)
  return sealed.length === 0 ? 'ended' : { sealed, version: records.version(at), expiresAt }
}
