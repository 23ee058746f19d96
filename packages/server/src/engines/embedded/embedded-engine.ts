/**
 * The embedded engine: one SQLite file, nothing to install or to run beside the server.
 *
 * Guarantees: what it acknowledged survives `kill -9` and a power cut, as far as the disk keeps what it says it synced;
 * conditions and takes are exact among all threads and processes that share the file. The serving thread only ever
 * reads; a writer thread commits. It must lie on a local file system: locks do not hold on network shares.
 *
 * Does not guarantee: survival of the disk. Nothing is replicated; copy the file with `VACUUM INTO` or a tool like
 * litestream, never with a plain copy while it is in use.
 */
import type { DatabaseSync } from 'node:sqlite'
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
  EngineUnavailable,
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
import { type Clocks, SweepClock } from '../sweep-clock.ts'
import { describeFault } from './faults.ts'
import { openFile } from './file.ts'
import type { Outcome, WriterFigures } from './protocol.ts'
import { Reader } from './reader.ts'
import { confirmSpaces, type OpenedSpace, openSpaces } from './spaces.ts'
import { stats } from './stats.ts'
import { WriterLink } from './writer-link.ts'

export interface EmbeddedOptions extends Clocks {
  /** Path of the SQLite file; it is made if there is none, its folder is not. */
  readonly file: string
  /** Free-space floors in bytes, below which writes, and below which ends too, are refused. */
  readonly minFree?: { readonly writes?: number; readonly ends?: number }
  /** Is called whenever another floor holds than before: 0 none, 1 writes, 2 ends, too, are refused. Bytes. */
  readonly floorChanged?: (space: Pick<WriterFigures, 'floor' | 'free' | 'floors'>) => void
}

const SWEEP_MS = 1000
const HEALTH_MS = 1000

export class EmbeddedEngine implements Engine {
  readonly capabilities: Capabilities = {
    name: 'embedded',
    shapes: ['cell', 'rows'],
    atomic: ['no', 'datacenter', 'global'],
    maxSize: 16 * 1024 * 1024,
  }
  readonly #options: EmbeddedOptions
  readonly #now: () => number
  readonly #spaces = new Map<string, OpenedSpace>()
  #running: { readonly db: DatabaseSync; readonly reader: Reader; readonly link: WriterLink } | undefined
  #sweeper: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: EmbeddedOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  async open(spaces: readonly Space[]): Promise<OpenReport> {
    this.#refuseIfClosed()
    checkSpaces(spaces, this.capabilities)
    if (this.#running === undefined) await this.#start()
    return { fresh: openSpaces(this.#live().db, spaces, this.#spaces) }
  }

  async confirm(ids: readonly string[]): Promise<void> {
    const spaces = ids.map((id) => {
      const space = this.#spaces.get(id)
      if (space === undefined) throw new TypeError(`space ${id} was not opened`)
      return space
    })
    confirmSpaces(this.#live().db, spaces)
  }

  async health(): Promise<Health> {
    if (this.#closed || this.#running === undefined) return { ok: false, problem: 'the engine is not open' }
    const { db, link } = this.#running
    try {
      db.prepare('SELECT count(*) FROM spaces').get()
    } catch (error) {
      return { ok: false, problem: `reading: ${describeFault(error)}` }
    }
    const problem = await link.check(HEALTH_MS)
    return problem === '' ? { ok: true } : { ok: false, problem: `writing: ${problem}` }
  }

  async pending(): Promise<Pending> {
    return { count: 0, oldest: 0 }
  }

  async stats(): Promise<readonly Stat[]> {
    const { db, reader, link } = this.#live()
    return stats(db, this.#options.file, reader.counts, link.figures)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#sweeper)
    const running = this.#running
    if (running === undefined) return
    await running.link.close()
    if (!running.db.isOpen) return
    running.reader.drain()
    running.db.close()
  }

  get(space: string, address: Uint8Array, deadline: Deadline): Promise<Cell | 'ended' | 'absent'> {
    try {
      const { reader } = this.#live()
      const { number } = spaceOf(this.#spaces, space, 'cell')
      checkAddress(address)
      return reader.get(number, address, deadline)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async put(
    space: string,
    address: Uint8Array,
    sealed: Uint8Array,
    { ttl, condition }: PutOptions,
    deadline: Deadline,
  ): Promise<'written' | 'ended' | 'conflict'> {
    const { link } = this.#live()
    const opened = spaceOf(this.#spaces, space, 'cell')
    checkAddress(address)
    checkPut(opened, sealed, condition === undefined ? { ttl } : { ttl, condition })
    const given = typeof condition === 'object' ? Number(condition.version) : condition
    const write = {
      kind: 'put',
      space: opened.number,
      now: this.#now(),
      address,
      sealed,
      ttl,
      condition: given,
    } as const
    return (await link.write(write, sealed.length, deadline)) as 'written' | 'ended' | 'conflict'
  }

  async take(space: string, address: Uint8Array, deadline: Deadline): Promise<Cell | 'ended' | 'absent'> {
    const { link } = this.#live()
    const { number, final } = this.#cellSpace(space, address, true)
    const write = { kind: 'take', space: number, now: this.#now(), address, final } as const
    return (await link.write(write, 0, deadline)) as Cell | 'ended' | 'absent'
  }

  async end(
    space: string,
    address: Uint8Array,
    _options: { readonly everywhere: boolean },
    deadline: Deadline,
  ): Promise<'done'> {
    const { link } = this.#live()
    const { number, final } = this.#cellSpace(space, address, false)
    const write = { kind: 'end', space: number, now: this.#now(), address, final } as const
    return (await link.write(write, 0, deadline)) as Extract<Outcome, 'done'>
  }

  async append(space: string, rows: readonly Row[], deadline: Deadline): Promise<void> {
    const { link } = this.#live()
    const opened = spaceOf(this.#spaces, space, 'rows')
    checkRows(opened, rows)
    if (rows.length === 0) return
    let bytes = 0
    for (const row of rows) bytes += row.sealed.length
    await link.write({ kind: 'append', space: opened.number, now: this.#now(), rows }, bytes, deadline)
  }

  async read(space: string, address: Uint8Array, range: RowRange, deadline: Deadline): Promise<readonly StoredRow[]> {
    const { reader } = this.#live()
    const { number } = spaceOf(this.#spaces, space, 'rows')
    checkAddress(address)
    checkRange(range)
    return reader.rows(number, address, range, deadline)
  }

  async remove(space: string, address: Uint8Array, order: Uint8Array, deadline: Deadline): Promise<void> {
    const { link } = this.#live()
    const { number } = spaceOf(this.#spaces, space, 'rows')
    checkAddress(address)
    checkOrder(order)
    await link.write({ kind: 'remove', space: number, now: this.#now(), address, order }, 0, deadline)
  }

  async #start(): Promise<void> {
    const { file, minFree = {}, floorChanged } = this.#options
    const db = openFile(file)
    const link = new WriterLink({ file, minFree }, floorChanged)
    this.#running = { db, reader: new Reader(db, this.#now), link }
    await link.ready()
    const clock = new SweepClock(this.#options)
    this.#sweeper = setInterval(() => {
      const now = clock.read()
      if (now !== undefined) link.sweep(now)
    }, SWEEP_MS).unref()
  }

  #live() {
    this.#refuseIfClosed()
    if (this.#running === undefined) throw new TypeError('the engine was not opened')
    return this.#running
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new EngineUnavailable('the engine is closed')
  }

  #cellSpace(id: string, address: Uint8Array, take: boolean): OpenedSpace {
    const space = spaceOf(this.#spaces, id, 'cell')
    checkAddress(address)
    if (take) checkTake(space)
    return space
  }
}
