/**
 * Writes in atomic spaces: conditional ones and takes are exact, because a record is only ever written by a conditional
 * statement (a lightweight transaction), whose consensus is that of the datacenter (LOCAL_SERIAL) or of all (SERIAL). Each
 * is conditional on all that the decision rests on.
 *
 * Nothing is tried again once its outcome is in doubt. One that was decided against is judged by what the statement found,
 * and asked again where that was only something that had expired. Within this process those on one address take turns:
 * consensus among many at once is slow, and fails.
 */
import {
  type Cell,
  type Condition,
  EngineUnavailable,
  EngineUnconfirmed,
  expiryOf,
  isExpired,
  type PutOptions,
} from '@holdfast/engine'
import { readFault, stepsFault, tell } from './faults.ts'
import { expiryIn, HEAD_BYTES, headOf, headOfVersion, isMarked, judge, type Row, sweepAfter } from './frame.ts'
import { eachQuorum, localQuorum, localSerial, type Run, type Session, serial, type Value } from './session.ts'
import type { OpenSpace } from './space.ts'
import { Turns } from './turns.ts'

/** What conditions rest on. */
interface Seen {
  readonly ended: bigint | null
  readonly version: Buffer | null
}

const NOTHING: Seen = { ended: null, version: null }
const WHERE = 'WHERE space = ? AND address = ?'
const MARKS = 'SET ended = ?, sealed = null, version = null'

export interface AtomicOptions {
  readonly now: () => number
  readonly markerOf: (space: OpenSpace, now: number, there: Row | undefined) => number
}

export class AtomicCells {
  readonly #session: Session
  readonly #table: string
  readonly #options: AtomicOptions
  readonly #turns = new Turns()

  constructor(session: Session, keyspace: string, options: AtomicOptions) {
    this.#session = session
    this.#table = `${keyspace}.cells`
    this.#options = options
  }

  put(space: OpenSpace, address: Buffer, sealed: Uint8Array, options: PutOptions, deadline: number) {
    return this.#turns.take(space.id + address.toString('latin1'), deadline, () =>
      this.#put(space, address, sealed, options, deadline),
    )
  }

  /** The cell, which is ended in this datacenter when this resolves; in a final space the caller ends it in all. */
  take(space: OpenSpace, address: Buffer, deadline: number): Promise<Cell | 'ended' | 'absent'> {
    return this.#turns.take(space.id + address.toString('latin1'), deadline, () => this.#take(space, address, deadline))
  }

  /** Leaves nothing; in a reusable space. */
  async remove(space: OpenSpace, address: Buffer, everywhere: boolean, deadline: number): Promise<void> {
    await this.#turns.take(space.id + address.toString('latin1'), deadline, async () => {
      const set = 'SET sealed = null, version = null'
      await this.#decide(set, [], 'IF ended = null', [], space, address, this.#run(space, deadline))
      if (everywhere) await this.#spread(space, address, deadline)
    })
  }

  async #put(
    space: OpenSpace,
    address: Buffer,
    sealed: Uint8Array,
    { ttl, condition }: PutOptions,
    deadline: number,
  ): Promise<'written' | 'ended' | 'conflict'> {
    const now = this.#options.now()
    const head = headOf(expiryOf(ttl, now))
    const values = [Buffer.concat([head, sealed]), head]
    let seen = await this.#expected(space, address, condition, now, deadline)
    for (;;) {
      if (isMarked(seen.ended, now)) return 'ended'
      if (!holds(condition, seen.version, now)) return 'conflict'
      const [clause, given] = clauseOf(condition, seen)
      const set = 'SET sealed = ?, version = ?'
      const found = await this.#decide(set, values, clause, given, space, address, this.#run(space, deadline), ttl)
      if (found === undefined) {
        if (space.atomic === 'global') await this.#spread(space, address, deadline)
        return 'written'
      }
      seen = { ...seen, ...found }
    }
  }

  /** What a first attempt supposes; it is right in nearly all cases, and if not, the attempt says so. */
  async #expected(
    space: OpenSpace,
    address: Buffer,
    condition: Condition | undefined,
    now: number,
    deadline: number,
  ): Promise<Seen> {
    const version = typeof condition === 'object' ? headOfVersion(condition.version) : null
    const isOld = version !== null && (version.length !== HEAD_BYTES || isExpired(expiryIn(version), now))
    // A final space whose consensus spans datacenters: one of them may know of an end that is not yet everywhere.
    const looks = isOld || (space.atomic === 'global' && space.final)
    if (!looks) return { ended: null, version }
    const { seen } = await this.#look(space, address, deadline)
    return seen
  }

  async #take(space: OpenSpace, address: Buffer, deadline: number): Promise<Cell | 'ended' | 'absent'> {
    for (;;) {
      const { row, seen } = await this.#look(space, address, deadline, levelOfTake(space))
      const now = this.#options.now()
      const answer = judge(row, now)
      if (answer === 'ended') return answer
      if (answer === 'absent' && !space.final) return answer
      const clause = 'IF ended = ? AND version = ?'
      const given = [seen.ended, seen.version]
      const run = this.#run(space, deadline)
      const found = space.final
        ? await this.#mark(space, address, this.#options.markerOf(space, now, row), clause, given, run)
        : await this.#decide('SET sealed = null, version = null', [], clause, given, space, address, run)
      if (found !== undefined) continue
      if (space.atomic === 'global' && !space.final) await this.#spread(space, address, deadline)
      return answer
    }
  }

  async #mark(space: OpenSpace, address: Buffer, until: number, clause: string, given: readonly Value[], run: Run) {
    const life = Math.max(1, (until - this.#options.now()) / 1000)
    return this.#decide(MARKS, [BigInt(until)], clause, given, space, address, run, life)
  }

  async #look(
    space: OpenSpace,
    address: Buffer,
    deadline: number,
    level = localQuorum,
  ): Promise<{ row: Row | undefined; seen: Seen }> {
    const statement = `SELECT sealed, ended, version FROM ${this.#table} ${WHERE}`
    const run = { level, deadline, reads: true }
    try {
      const [row] = await this.#session.run(statement, [space.id, address], run)
      return { row: row as unknown as Row | undefined, seen: (row as unknown as Seen | undefined) ?? NOTHING }
    } catch (error) {
      throw readFault(error)
    }
  }

  #run({ atomic }: OpenSpace, deadline: number): Run {
    return { level: localQuorum, serial: atomic === 'global' ? serial : localSerial, deadline }
  }

  /**
   * A quorum of every datacenter holds what was decided, when this resolves: a read at EACH_QUORUM repairs those that lack
   * it. As the level of the statement itself EACH_QUORUM would not do: Paxos counts answers, whichever datacenter they are of.
   */
  async #spread(space: OpenSpace, address: Buffer, deadline: number): Promise<void> {
    const statement = `SELECT sealed, ended, version FROM ${this.#table} ${WHERE}`
    try {
      await this.#session.run(statement, [space.id, address], { level: eachQuorum, deadline, reads: true })
    } catch (error) {
      const message = `done in this datacenter; not confirmed by the others: ${tell(error)}`
      throw new EngineUnconfirmed(message, { cause: error })
    }
  }

  /** Undefined: it was done. Else what was found of that on which it was conditional. */
  async #decide(
    set: string,
    values: readonly Value[],
    clause: string,
    given: readonly Value[],
    space: OpenSpace,
    address: Buffer,
    run: Run,
    ttl?: number,
  ): Promise<Partial<Seen> | undefined> {
    const using = ttl === undefined ? '' : 'USING TTL ? '
    const life = ttl === undefined ? [] : [sweepAfter(ttl)]
    const statement = `UPDATE ${this.#table} ${using}${set} ${WHERE} ${clause}`
    try {
      const [row] = await this.#session.run(statement, [...life, ...values, space.id, address, ...given], run)
      if (row?.['[applied]'] === true) return undefined
      const { ended = null, version = null } = (row ?? {}) as Partial<Seen>
      return { ended, version }
    } catch (error) {
      throw error instanceof EngineUnavailable ? error : stepsFault(error)
    }
  }
}

/** In a reusable space nothing is written for what is absent, so the look itself must be of the consensus. */
function levelOfTake({ final, atomic }: OpenSpace) {
  if (final) return localQuorum
  return atomic === 'global' ? serial : localSerial
}

function holds(condition: Condition | undefined, version: Buffer | null, now: number): boolean {
  if (condition === undefined) return true
  const lives = version !== null && version.length === HEAD_BYTES && !isExpired(expiryIn(version), now)
  if (condition === 'absent') return !lives
  return lives && version.equals(headOfVersion(condition.version))
}

/** Without a condition only the end matters. */
function clauseOf(
  condition: Condition | undefined,
  { ended, version }: Seen,
): [clause: string, given: readonly Value[]] {
  if (condition === undefined) return ['IF ended = ?', [ended]]
  return ['IF ended = ? AND version = ?', [ended, version]]
}
