/**
 * The engine on Apache Cassandra: every instance of every datacenter serves any record, and an end is acknowledged when a
 * quorum of each datacenter holds it, or is pending and seen through. It answers for what the contract says, as far as the
 * cluster does: what was acknowledged is held by a quorum of this datacenter's replicas, each of which must write its commit
 * log before it answers (see docs/guides for what it refuses to start on). It keeps no state of its own.
 *
 * It never treats a fault as "absent": connections that are lost, replicas that do not answer and answers that come too late
 * are faults, typed by what may have happened (./faults.ts).
 */
import {
  type Capabilities,
  type Cell,
  checkAddress,
  checkOrder,
  checkPut,
  checkRange,
  checkRows,
  checkSpaces,
  checkTake,
  type Deadline,
  type Engine,
  EngineUnconfirmed,
  type Health,
  type OpenReport,
  type Pending,
  type PutOptions,
  type Row,
  type RowRange,
  type Space,
  type Stat,
  type StoredRow,
  spaceOf,
} from '@holdfast/engine'
import { AtomicCells } from './atomic-cells.ts'
import { Calls } from './calls.ts'
import { readFacts } from './cluster-facts.ts'
import { Ends } from './ends.ts'
import { FastCells } from './fast-cells.ts'
import { connectFault, readFault } from './faults.ts'
import { judge } from './frame.ts'
import { GatheredReads } from './gathered-reads.ts'
import { type CassandraConnection, type CassandraOptions, MAX_SIZE } from './options.ts'
import { PendingEnds } from './pending-ends.ts'
import { type ClusterFacts, demandSound } from './preflight.ts'
import { RowLists } from './row-lists.ts'
import { checkName } from './schema.ts'
import { localQuorum, Session } from './session.ts'
import type { OpenSpace } from './space.ts'
import { Spaces } from './spaces.ts'
import { Stamps } from './stamps.ts'

/** Ms for what is asked at a start and in the background. */
const PATIENCE_MS = 10_000
const REFRESH_MS = 60_000
const CLOSE_MS = 5_000

export const CAPABILITIES: Capabilities = {
  name: 'cassandra',
  shapes: ['cell', 'rows'],
  atomic: ['no', 'datacenter', 'global'],
  maxSize: MAX_SIZE,
}

export class CassandraEngine implements Engine {
  readonly capabilities = CAPABILITIES
  readonly #calls = new Calls()
  readonly #session: Session
  readonly #keyspace: string
  readonly #now: () => number
  readonly #spaces: Spaces
  readonly #reads: GatheredReads
  readonly #fast: FastCells
  readonly #atomic: AtomicCells
  readonly #ends: Ends
  readonly #pending: PendingEnds
  readonly #rows: RowLists
  readonly #failed: (what: string, error: unknown) => void
  readonly #options: CassandraOptions
  #facts: ClusterFacts | undefined
  #connected: Promise<void> | undefined
  #refresh: NodeJS.Timeout | undefined

  /** Throws TypeError for options that are wrong. Connects when it is opened. */
  constructor(options: CassandraOptions) {
    const keyspace = checkName('keyspace', options.keyspace ?? 'holdfast')
    const now = options.now ?? Date.now
    const stamps = new Stamps()
    const session = new Session(options)
    this.#session = session
    this.#options = options
    this.#keyspace = keyspace
    this.#now = now
    this.#failed = options.failed ?? (() => {})
    this.#spaces = new Spaces(session, keyspace)
    this.#reads = new GatheredReads(session, keyspace, options.gather ?? true)
    this.#pending = new PendingEnds(session, keyspace, {
      now,
      seeThrough: (end, deadline) => this.#ends.seeThrough(end, deadline),
      failed: (error) => this.#failed('ends that are pending', error),
    })
    this.#ends = new Ends(session, keyspace, { stamps, now, patience: options.endPatience ?? 1_000 }, this.#pending)
    this.#fast = new FastCells(session, keyspace, { stamps, now })
    this.#atomic = new AtomicCells(session, keyspace, {
      now,
      markerOf: (space, now, there) => this.#ends.markerOf(space, now, there),
    })
    this.#rows = new RowLists(session, keyspace, { stamps, now })
  }

  async open(spaces: readonly Space[]): Promise<OpenReport> {
    checkSpaces(spaces, this.capabilities)
    this.#connected ??= this.#connect()
    await this.#connected
    try {
      // As they were at the start: later only what is new in the spaces is judged by them.
      this.#facts ??= await readFacts(this.#session, this.#options, this.#keyspace, performance.now() + PATIENCE_MS)
      demandSound(this.#facts, spaces, this.#options.accept)
      return { fresh: await this.#spaces.declare(spaces, performance.now() + PATIENCE_MS) }
    } catch (error) {
      throw refusal(error)
    }
  }

  async confirm(ids: readonly string[]): Promise<void> {
    try {
      await this.#spaces.confirm(ids, performance.now() + PATIENCE_MS)
    } catch (error) {
      throw refusal(error)
    }
  }

  /** Who it is, and whom it trusts, for connections that are made from now on. */
  renew(connection: CassandraConnection): void {
    this.#session.renew(connection)
  }

  async health(): Promise<Health> {
    const run = { level: localQuorum, deadline: performance.now() + 1_000, reads: true }
    try {
      await this.#session.run(`SELECT id FROM ${this.#keyspace}.spaces WHERE id = ?`, ['health'], run)
      return { ok: true }
    } catch (error) {
      return { ok: false, problem: readFault(error).message }
    }
  }

  async pending(): Promise<Pending> {
    return this.#pending.known
  }

  async stats(): Promise<readonly Stat[]> {
    const { reads, queries } = this.#reads.counts
    return [
      { name: 'reads_total', help: 'Records asked for.', type: 'counter', value: reads },
      {
        name: 'read_queries_total',
        help: 'Queries that brought them: fewer than reads, as they are gathered.',
        type: 'counter',
        value: queries,
      },
      {
        name: 'ends_seen_through_total',
        help: 'Pending ends that this instance completed.',
        type: 'counter',
        value: this.#pending.seenThrough,
      },
      { name: 'calls_in_flight', help: 'Calls accepted and not answered.', type: 'gauge', value: this.#calls.count },
      {
        name: 'nodes_connected',
        help: 'Nodes of the cluster that are up, as seen from here.',
        type: 'gauge',
        value: this.#session.nodes,
      },
    ]
  }

  async close(): Promise<void> {
    clearInterval(this.#refresh)
    const stopped = this.#pending.stop()
    await this.#calls.close(CLOSE_MS)
    await this.#session.close()
    await stopped
  }

  async get(space: string, address: Uint8Array, deadline: Deadline): Promise<Cell | 'ended' | 'absent'> {
    const { id } = spaceOf(this.#spaces.open, space, 'cell')
    checkAddress(address)
    const row = await this.#calls.accept(() => this.#reads.read(id, Buffer.from(address), deadline))
    return judge(row, this.#now())
  }

  async put(space: string, address: Uint8Array, sealed: Uint8Array, options: PutOptions, deadline: Deadline) {
    const opened = spaceOf(this.#spaces.open, space, 'cell')
    checkAddress(address)
    checkPut(opened, sealed, options)
    const at = Buffer.from(address)
    return this.#calls.accept(() => {
      if (opened.atomic === 'no') return this.#fast.put(opened, at, sealed, options.ttl, deadline)
      return this.#atomic.put(opened, at, sealed, options, deadline)
    })
  }

  async take(space: string, address: Uint8Array, deadline: Deadline): Promise<Cell | 'ended' | 'absent'> {
    const opened = spaceOf(this.#spaces.open, space, 'cell')
    checkAddress(address)
    checkTake(opened)
    const at = Buffer.from(address)
    return this.#calls.accept(async () => {
      const answer = await this.#atomic.take(opened, at, deadline)
      // What was decided is known in this datacenter: the others learn of it as they do of any end, and a marker that was
      // there already lives longer.
      if (opened.final) await this.#spread(opened, at, deadline)
      return answer
    })
  }

  async end(space: string, address: Uint8Array, { everywhere }: { readonly everywhere: boolean }, deadline: Deadline) {
    const opened = spaceOf(this.#spaces.open, space, 'cell')
    checkAddress(address)
    const at = Buffer.from(address)
    return this.#calls.accept(async () => {
      if (opened.final || opened.atomic === 'no') return this.#ends.end(opened, at, everywhere, deadline)
      await this.#atomic.remove(opened, at, everywhere, deadline)
      return 'done' as const
    })
  }

  async append(space: string, rows: readonly Row[], deadline: Deadline): Promise<void> {
    const opened = spaceOf(this.#spaces.open, space, 'rows')
    checkRows(opened, rows)
    await this.#calls.accept(() => this.#rows.append(opened, rows, deadline))
  }

  async read(space: string, address: Uint8Array, range: RowRange, deadline: Deadline): Promise<readonly StoredRow[]> {
    const opened = spaceOf(this.#spaces.open, space, 'rows')
    checkAddress(address)
    checkRange(range)
    return this.#calls.accept(() => this.#rows.read(opened, Buffer.from(address), range, deadline))
  }

  async remove(space: string, address: Uint8Array, order: Uint8Array, deadline: Deadline): Promise<void> {
    const opened = spaceOf(this.#spaces.open, space, 'rows')
    checkAddress(address)
    checkOrder(order)
    await this.#calls.accept(() => this.#rows.remove(opened, Buffer.from(address), Buffer.from(order), deadline))
  }

  /** What is taken is over here: a fault from now on leaves it in doubt whether it is so elsewhere. */
  async #spread(space: OpenSpace, address: Buffer, deadline: number): Promise<void> {
    try {
      await this.#ends.end(space, address, true, deadline)
    } catch (error) {
      throw new EngineUnconfirmed('taken in this datacenter; the others may not know', { cause: error })
    }
  }

  async #connect(): Promise<void> {
    try {
      await this.#session.connect()
    } catch (error) {
      this.#connected = undefined
      throw connectFault(error)
    }
    this.#pending.start()
    const refresh = () => {
      this.#spaces.refresh(performance.now() + PATIENCE_MS).catch((error) => this.#failed('the rules of spaces', error))
    }
    this.#refresh = setInterval(refresh, REFRESH_MS).unref()
  }
}

/** Of a start: errors made to be read stay as they are. */
function refusal(error: unknown): unknown {
  const own = ['EngineRefused', 'TypeError', 'RangeError', 'EngineUnavailable']
  return own.includes((error as Error).name) ? error : readFault(error)
}
