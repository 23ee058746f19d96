/**
 * An instance of the service over simulated replicas: what the engine for several datacenters does, in a few lines an
 * operation. And, on demand, what it must not do: each of BREAKAGES is one mistake that somebody could make.
 */
import type { Action } from '../../history/cell.ts'
import type { Answer, StoreRules } from '../events.ts'
import { type Cell, type Change, type Cluster, TimedOut, Unavailable } from './cluster.ts'
import type { World } from './world.ts'

export const BREAKAGES = [
  'end at LOCAL_QUORUM only',
  "marker in the value's column",
  'a read joins one already sent',
  'LOCAL_ONE reads',
  'retry of a write that is not idempotent',
  'time-out typed as unavailable',
  'success on Unavailable',
  'pending row kept in memory',
  'take at LOCAL_SERIAL in a global store',
  'timestamps from a skewed clock',
] as const
export type Breakage = (typeof BREAKAGES)[number]

const END_DEADLINE_MS = 300
const SCAN_EVERY_MS = 100

export class Instance {
  readonly name: string
  readonly dc: string
  dead = false
  /** Ms that its clock is ahead. */
  readonly #skew: number
  readonly #world: World
  readonly #cluster: Cluster
  readonly #rules: StoreRules
  readonly #broken: Breakage | undefined
  readonly #waiting = new Map<string, Promise<Cell>>()
  readonly #flying = new Map<string, Promise<Cell>>()
  /** Pending ends, where the broken one keeps them. */
  readonly #memory = new Set<{ key: string; change: Change }>()

  constructor(
    world: World,
    cluster: Cluster,
    rules: StoreRules,
    { name, dc, skew }: { name: string; dc: string; skew: number },
    broken?: Breakage,
  ) {
    this.#world = world
    this.#cluster = cluster
    this.#rules = rules
    this.name = name
    this.dc = dc
    this.#skew = skew
    this.#broken = broken
    this.#seePendingThrough()
  }

  async ask(key: string, action: Action): Promise<Answer> {
    const work = this.#answer(key, action).catch((error): Answer => this.#fault(action, error))
    const answer = await work
    return this.dead ? { lost: 'connection' } : answer
  }

  #answer(key: string, action: Action): Promise<Answer> {
    const { atomic, final } = this.#rules
    if (action.kind === 'get') return this.#get(key)
    if (action.kind === 'end') return final || atomic === 'no' ? this.#end(key) : this.#exact(key, action)
    return atomic === 'no' ? this.#put(key, action.kind === 'put' ? action.write : 0) : this.#exact(key, action)
  }

  async #get(key: string): Promise<Answer> {
    const cell = await this.#gathered(key)
    return this.#isOver(cell) || cell.write === null ? { status: 404 } : { status: 200, value: cell.write }
  }

  /** Shares a query that is not yet sent. */
  #gathered(key: string): Promise<Cell> {
    const flying = this.#flying.get(key)
    if (flying !== undefined && this.#is('a read joins one already sent')) return flying
    const waiting = this.#waiting.get(key)
    if (waiting !== undefined) return waiting
    const mine = this.#read(key, flying)
    this.#waiting.set(key, mine)
    return mine
  }

  async #read(key: string, after: Promise<Cell> | undefined): Promise<Cell> {
    await (after ?? Promise.resolve(EMPTY)).catch(() => EMPTY)
    this.#waiting.delete(key)
    const sent = this.#cluster.read(this.dc, key, this.#is('LOCAL_ONE reads') ? 'one' : 'quorum')
    this.#flying.set(key, sent)
    try {
      return await sent
    } finally {
      if (this.#flying.get(key) === sent) this.#flying.delete(key)
    }
  }

  async #put(key: string, write: number): Promise<Answer> {
    const seen = await this.#look(key)
    if (this.#isOver(seen)) return { status: 409 }
    await this.#cluster.write(this.dc, key, { write, at: this.#timestamp(seen) }, false)
    return { status: 201 }
  }

  async #end(key: string): Promise<Answer> {
    const { final, logout } = this.#rules
    const seen = final ? undefined : await this.#look(key)
    const marker = final && !this.#is("marker in the value's column") ? { ended: true as const } : {}
    const change: Change = { write: null, at: this.#timestamp(seen), ...marker }
    const isLocal = logout === 'local' || this.#is('end at LOCAL_QUORUM only')
    const local = this.#cluster.write(this.dc, key, change, false).catch((error) => error)
    const everywhere = isLocal ? local : this.#cluster.write(this.dc, key, change, true).catch((error) => error)
    const late = this.#world.sleep(END_DEADLINE_MS).then(() => new TimedOut())
    const failure = await Promise.race([everywhere, late])
    if (failure === undefined) return { status: 204 }
    const localFailure = await Promise.race([local, late])
    if (failure instanceof Unavailable && this.#is('success on Unavailable')) return { status: 204 }
    if (localFailure !== undefined) throw localFailure
    const row = { key, change }
    if (this.#is('pending row kept in memory')) this.#memory.add(row)
    else {
      await this.#world.delay(0.2, 2)
      this.#cluster.pending.get(this.dc)!.add(row)
    }
    return { status: 503, code: 'logout-pending' }
  }

  async #seePendingThrough(): Promise<void> {
    for (;;) {
      await this.#world.delay(SCAN_EVERY_MS, SCAN_EVERY_MS * 2)
      if (this.dead) return
      const rows = this.#is('pending row kept in memory') ? this.#memory : this.#cluster.pending.get(this.dc)!
      for (const row of rows) {
        this.#cluster.write(this.dc, row.key, row.change, true).then(
          () => rows.delete(row),
          () => {},
        )
      }
    }
  }

  /** Conditional writes, takes and what else is exact. */
  async #exact(key: string, action: Action): Promise<Answer> {
    const isTake = action.kind === 'take'
    const isLocalTake = isTake && this.#is('take at LOCAL_SERIAL in a global store')
    const isGlobal = this.#rules.atomic === 'global' && !isLocalTake
    const decide = (cell: Cell) => this.#decide(cell, action)
    const attempt = () => this.#cluster.cas(this.dc, key, isGlobal, (cell) => decide(cell).change)
    const isRetried = this.#is('retry of a write that is not idempotent')
    const { before, change } = await attempt().catch((error) => {
      if (isRetried && error instanceof TimedOut) return attempt()
      throw error
    })
    if (action.kind === 'end' && this.#rules.logout === 'everywhere') await this.#spread(key, change!)
    return decide(before).answer
  }

  /** What was decided here is in every datacenter when this resolves. */
  async #spread(key: string, change: Change): Promise<void> {
    await this.#cluster.write(this.dc, key, change, true).catch(() => {
      throw new TimedOut()
    })
  }

  #decide(cell: Cell, action: Action): { change?: Change; answer: Answer } {
    const isOver = this.#isOver(cell)
    const marker = this.#rules.final ? { ended: true as const } : {}
    switch (action.kind) {
      case 'put':
        if (isOver) return { answer: { status: 409 } }
        if (action.only === 'absent' && cell.write !== null) return { answer: { status: 412 } }
        if (typeof action.only === 'number' && action.only !== cell.write) return { answer: { status: 412 } }
        return { change: { write: action.write }, answer: { status: 201 } }
      case 'take':
        if (isOver) return { answer: { status: 404 } }
        return {
          change: { write: null, ...marker },
          answer: cell.write === null ? { status: 404 } : { status: 200, value: cell.write },
        }
      default:
        return { change: { write: null }, answer: { status: 204 } }
    }
  }

  #fault(action: Action, error: unknown): Answer {
    const success = { get: 404, put: 201, take: 404, end: 204 }[action.kind]
    if (error instanceof Unavailable) {
      return this.#is('success on Unavailable') ? { status: success } : { status: 503, code: 'unavailable' }
    }
    if (!(error instanceof TimedOut)) throw error
    const isUnavailable = action.kind === 'get' || this.#is('time-out typed as unavailable')
    return { status: 503, code: isUnavailable ? 'unavailable' : 'unconfirmed' }
  }

  /** Before a write. What fails here fails before anything was written. */
  async #look(key: string): Promise<Cell> {
    const level = this.#is('LOCAL_ONE reads') ? 'one' : 'quorum'
    return this.#cluster.read(this.dc, key, level).catch((error) => {
      throw error instanceof TimedOut ? new Unavailable() : error
    })
  }

  #timestamp(seen: Cell | undefined): number {
    const clock = Math.round((this.#world.now + this.#skew) * 1000)
    return this.#is('timestamps from a skewed clock') ? clock : Math.max(clock, (seen?.at ?? 0) + 1)
  }

  #isOver(cell: Cell): boolean {
    if (!this.#rules.final) return false
    return this.#is("marker in the value's column") ? cell.write === null && cell.at > 0 : cell.ended
  }

  #is(breakage: Breakage): boolean {
    return this.#broken === breakage
  }
}

const EMPTY: Cell = { write: null, at: 0, ended: false }
