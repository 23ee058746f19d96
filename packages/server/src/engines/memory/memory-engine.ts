/**
 * The engine that keeps everything in this process: for tests and experiments. It holds every rule of the contract
 * except one: nothing is durable, so when the process ends, ended sessions are forgotten along with living ones. It has
 * no limit on what it holds, and never answers with a fault of storage; a call whose deadline has passed, or that comes
 * after `close`, is `EngineUnavailable` like everywhere else.
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
  checkUnchanged,
  type Deadline,
  type Engine,
  EngineUnavailable,
  expiryOf,
  type Health,
  isExpired,
  markerExpiry,
  type OpenReport,
  type Pending,
  type PutOptions,
  type Row,
  type RowRange,
  type Shape,
  type Space,
  type Stat,
  type StoredRow,
  spaceOf,
} from '@holdfast/engine'
import { type Held, judgePut, stateOf } from '../cell.ts'
import { type Clocks, SweepClock } from '../sweep-clock.ts'

interface MemorySpace extends Space {
  /** Longest TTL the space ever had. */
  readonly highestTtl: number
  confirmed: boolean
  /** By address in hex. A marker has no bytes. */
  readonly cells: Map<string, Held & { readonly sealed: Uint8Array; readonly version: number }>
  /** By address in hex, then by order in hex. */
  readonly rows: Map<string, Map<string, StoredRow>>
}

const NOTHING = new Uint8Array(0)
/** Expired records are let go of once in so many writes. */
const SWEEP_EVERY = 1024

export class MemoryEngine implements Engine {
  readonly capabilities: Capabilities = {
    name: 'memory',
    shapes: ['cell', 'rows'],
    atomic: ['no', 'datacenter', 'global'],
    maxSize: 16 * 1024 * 1024,
  }
  readonly #now: () => number
  readonly #sweepClock: SweepClock
  readonly #spaces = new Map<string, MemorySpace>()
  #version = 0
  #writes = 0
  #closed = false

  constructor(clocks: Clocks = {}) {
    this.#now = clocks.now ?? Date.now
    this.#sweepClock = new SweepClock(clocks)
  }

  async open(spaces: readonly Space[]): Promise<OpenReport> {
    this.#refuseIfLate(Number.POSITIVE_INFINITY)
    checkSpaces(spaces, this.capabilities)
    for (const space of spaces) {
      const before = this.#spaces.get(space.id)
      if (before?.confirmed) checkUnchanged(before, space)
    }
    const fresh: string[] = []
    for (const space of spaces) {
      const before = this.#spaces.get(space.id) ?? {
        highestTtl: 0,
        confirmed: false,
        cells: new Map(),
        rows: new Map(),
      }
      const { confirmed, cells, rows } = before
      const highestTtl = Math.max(confirmed ? before.highestTtl : 0, space.longestTtl)
      this.#spaces.set(space.id, { ...space, highestTtl, confirmed, cells, rows })
      if (!confirmed) fresh.push(space.id)
    }
    return { fresh }
  }

  async confirm(ids: readonly string[]): Promise<void> {
    this.#refuseIfLate(Number.POSITIVE_INFINITY)
    const spaces = ids.map((id) => {
      const space = this.#spaces.get(id)
      if (space === undefined) throw new TypeError(`space ${id} was not opened`)
      return space
    })
    for (const space of spaces) space.confirmed = true
  }

  async health(): Promise<Health> {
    return this.#closed ? { ok: false, problem: 'the engine is closed' } : { ok: true }
  }

  async pending(): Promise<Pending> {
    return { count: 0, oldest: 0 }
  }

  async stats(): Promise<readonly Stat[]> {
    let records = 0
    let markers = 0
    for (const space of this.#spaces.values()) {
      for (const cell of space.cells.values()) cell.ended ? markers++ : records++
      for (const rows of space.rows.values()) records += rows.size
    }
    return [
      { name: 'records', help: 'Records held, expired ones not yet swept included.', type: 'gauge', value: records },
      { name: 'markers', help: 'Markers of ended addresses held.', type: 'gauge', value: markers },
    ]
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  async get(space: string, address: Uint8Array, deadline: Deadline): Promise<Cell | 'ended' | 'absent'> {
    const { cells } = this.#space(space, 'cell', deadline)
    checkAddress(address)
    return this.#answer(cells.get(hex(address)))
  }

  async put(
    space: string,
    address: Uint8Array,
    sealed: Uint8Array,
    options: PutOptions,
    deadline: Deadline,
  ): Promise<'written' | 'ended' | 'conflict'> {
    const opened = this.#space(space, 'cell', deadline)
    checkAddress(address)
    checkPut(opened, sealed, options)
    const key = hex(address)
    const now = this.#now()
    const outcome = judgePut(opened.cells.get(key), options.condition, now)
    if (outcome === 'written') {
      const expiresAt = expiryOf(options.ttl, now)
      opened.cells.set(key, { ended: false, sealed: Uint8Array.from(sealed), version: ++this.#version, expiresAt })
      this.#sweep()
    }
    return outcome
  }

  async take(space: string, address: Uint8Array, deadline: Deadline): Promise<Cell | 'ended' | 'absent'> {
    const opened = this.#space(space, 'cell', deadline)
    checkAddress(address)
    checkTake(opened)
    const answer = this.#answer(opened.cells.get(hex(address)))
    this.#end(opened, address)
    return answer
  }

  async end(
    space: string,
    address: Uint8Array,
    _options: { readonly everywhere: boolean },
    deadline: Deadline,
  ): Promise<'done'> {
    const opened = this.#space(space, 'cell', deadline)
    checkAddress(address)
    this.#end(opened, address)
    return 'done'
  }

  async append(space: string, rows: readonly Row[], deadline: Deadline): Promise<void> {
    const opened = this.#space(space, 'rows', deadline)
    checkRows(opened, rows)
    const now = this.#now()
    for (const row of rows) {
      const key = hex(row.address)
      let held = opened.rows.get(key)
      if (held === undefined) {
        held = new Map()
        opened.rows.set(key, held)
      }
      held.set(hex(row.order), {
        order: Uint8Array.from(row.order),
        sealed: Uint8Array.from(row.sealed),
        expiresAt: expiryOf(row.ttl, now),
      })
    }
    this.#sweep()
  }

  async read(space: string, address: Uint8Array, range: RowRange, deadline: Deadline): Promise<readonly StoredRow[]> {
    const { rows } = this.#space(space, 'rows', deadline)
    checkAddress(address)
    checkRange(range)
    const now = this.#now()
    const from = hex(range.from ?? NOTHING)
    const to = range.to && hex(range.to)
    // Hex sorts as the unsigned bytes do.
    const found = [...(rows.get(hex(address)) ?? [])]
      .filter(([order, row]) => order >= from && (to === undefined || order < to) && !isExpired(row.expiresAt, now))
      .sort(([a], [b]) => (a < b ? -1 : 1))
    if (range.newestFirst) found.reverse()
    return found.slice(0, range.limit).map(([, row]) => row)
  }

  async remove(space: string, address: Uint8Array, order: Uint8Array, deadline: Deadline): Promise<void> {
    const { rows } = this.#space(space, 'rows', deadline)
    checkAddress(address)
    checkOrder(order)
    rows.get(hex(address))?.delete(hex(order))
  }

  #space(id: string, shape: Shape, deadline: Deadline): MemorySpace {
    this.#refuseIfLate(deadline)
    return spaceOf(this.#spaces, id, shape)
  }

  #refuseIfLate(deadline: Deadline): void {
    if (this.#closed) throw new EngineUnavailable('the engine is closed')
    if (performance.now() > deadline) throw new EngineUnavailable('the deadline had passed before the call began')
  }

  #answer(held: (Held & { readonly sealed: Uint8Array }) | undefined): Cell | 'ended' | 'absent' {
    const state = stateOf(held, this.#now())
    if (state !== 'lives' || held === undefined) return state === 'ended' ? 'ended' : 'absent'
    return { sealed: Uint8Array.from(held.sealed), version: held.version, expiresAt: held.expiresAt }
  }

  #end(space: MemorySpace, address: Uint8Array): void {
    const key = hex(address)
    if (!space.final) {
      space.cells.delete(key)
      return
    }
    const now = this.#now()
    const expiresAt = markerExpiry(space.highestTtl, now, space.cells.get(key))
    space.cells.set(key, { ended: true, sealed: NOTHING, version: ++this.#version, expiresAt })
    this.#sweep()
  }

  #sweep(): void {
    if (++this.#writes % SWEEP_EVERY !== 0) return
    const now = this.#sweepClock.read()
    if (now === undefined) return
    for (const { cells, rows } of this.#spaces.values()) {
      for (const [key, cell] of cells) if (isExpired(cell.expiresAt, now)) cells.delete(key)
      for (const [key, list] of rows) {
        for (const [order, row] of list) if (isExpired(row.expiresAt, now)) list.delete(order)
        if (list.size === 0) rows.delete(key)
      }
    }
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}
