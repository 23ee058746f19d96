/**
 * Replicas of cells in datacenters, with a network between them that delays, loses and is cut, as Cassandra keeps them: each
 * column by its timestamp, quorums that a coordinator waits for, replicas that are believed down only a while after they
 * are, blocking read repair, hints. Conditional writes are exact within their domain by decree; Paxos is not simulated.
 */
import type { World } from './world.ts'

/** The value's column (`write`, null = deleted, at a timestamp in us) and the marker's, which only grows. */
export interface Cell {
  readonly write: number | null
  readonly at: number
  readonly ended: boolean
}

export interface Change {
  readonly write?: number | null
  readonly at?: number
  readonly ended?: true
}

/** Refused before anything was sent. */
export class Unavailable extends Error {}
/** Sent, and not enough replicas answered in time. */
export class TimedOut extends Error {}

export interface Replica {
  readonly dc: string
  readonly cells: Map<string, Cell>
  down: boolean
  /** As coordinators see it. */
  believedDown: boolean
}

export interface Shape {
  /** Replicas of each datacenter. */
  readonly replicas: Readonly<Record<string, number>>
  /** Whether a coordinator keeps what a replica missed, for later. */
  readonly hints: boolean
  /** Share of answers that are lost, so that a coordinator waits in vain. */
  readonly loss: number
}

const EMPTY: Cell = { write: null, at: 0, ended: false }
const TIMEOUT_MS = 400
const DETECTION_MS = 200

export class Cluster {
  readonly replicas: readonly Replica[]
  /** Whether the datacenters reach each other. */
  isCut = false
  #believedCut = false
  /** Of ends that are to be seen through: the one table of them in each datacenter. */
  readonly pending = new Map<string, Set<{ key: string; change: Change }>>()
  readonly #world: World
  readonly #shape: Shape
  readonly #hints: { replica: Replica; from: string; key: string; change: Change }[] = []
  readonly #locks = new Map<string, Promise<void>>()

  constructor(world: World, shape: Shape) {
    this.#world = world
    this.#shape = shape
    this.replicas = Object.entries(shape.replicas).flatMap(([dc, count]) => {
      return Array.from({ length: count }, () => ({ dc, cells: new Map(), down: false, believedDown: false }))
    })
    for (const dc of this.datacenters) this.pending.set(dc, new Set())
  }

  get datacenters(): string[] {
    return Object.keys(this.#shape.replicas)
  }

  async cut(): Promise<void> {
    this.isCut = true
    await this.#world.sleep(DETECTION_MS)
    this.#believedCut = this.isCut
  }

  heal(): void {
    this.isCut = false
    this.#believedCut = false
    this.#replay()
  }

  async stop(replica: Replica): Promise<void> {
    replica.down = true
    await this.#world.sleep(DETECTION_MS)
    replica.believedDown = replica.down
  }

  restart(replica: Replica): void {
    replica.down = false
    replica.believedDown = false
    this.#replay()
  }

  async write(from: string, key: string, change: Change, everywhere: boolean): Promise<void> {
    const waitFor = everywhere ? this.datacenters : [from]
    for (const dc of waitFor) this.#require(this.#quorum(dc), from, this.#of([dc]))
    const answers = this.replicas.map((replica) => {
      return { dc: replica.dc, answer: this.#send(from, replica, () => apply(replica, key, change), { key, change }) }
    })
    await Promise.all(
      waitFor.map((dc) => {
        const mine = answers.filter((each) => each.dc === dc).map(({ answer }) => answer)
        return this.#enough(mine, this.#quorum(dc))
      }),
    )
  }

  async read(from: string, key: string, level: 'quorum' | 'one'): Promise<Cell> {
    const needed = level === 'one' ? 1 : this.#quorum(from)
    const asked = this.#some(needed, from, this.#of([from]))
    const answers = asked.map(async (replica) => ({
      replica,
      cell: await this.#send(from, replica, () => replica.cells.get(key) ?? EMPTY),
    }))
    const cells = await this.#enough(answers, needed)
    const merged = merge(cells.map(({ cell }) => cell))
    const behind = cells.filter(({ cell }) => !same(cell, merged))
    await this.#enough(
      behind.map(({ replica }) => this.#send(from, replica, () => apply(replica, key, changeOf(merged)))),
      behind.length,
    )
    return merged
  }

  /** One at a time for a key in a domain; what `decide` returns is written. Resolves to what was there, and what was written. */
  async cas(
    from: string,
    key: string,
    isGlobal: boolean,
    decide: (cell: Cell) => Change | undefined,
  ): Promise<{ before: Cell; change: Change | undefined }> {
    const domain = isGlobal ? this.datacenters : [from]
    const all = this.#of(domain)
    const needed = (all.length >> 1) + 1
    this.#require(needed, from, all)
    await this.#world.delay(0.2, 2)
    const unlock = await this.#lock(`${isGlobal ? 'everywhere' : from}/${key}`)
    let before: Cell
    let change: Change | undefined
    try {
      const reached = all.filter((replica) => !replica.down && (replica.dc === from || !this.isCut))
      const perDatacenter = domain.flatMap((dc) => {
        return this.#shuffled(reached.filter((replica) => replica.dc === dc)).slice(0, this.#quorum(dc))
      })
      const isWhole = domain.every((dc) => perDatacenter.filter((each) => each.dc === dc).length === this.#quorum(dc))
      const asked = isWhole ? perDatacenter : this.#shuffled(reached).slice(0, needed)
      if (asked.length < needed) return await this.#late()
      before = merge(asked.map((replica) => replica.cells.get(key) ?? EMPTY))
      for (const replica of asked) apply(replica, key, changeOf(before))
      const decided = decide(before)
      if (decided !== undefined && !isWhole) return await this.#late()
      if (decided !== undefined) {
        change = { ...decided, at: Math.max(this.#world.now * 1000, before.at + 1) }
        this.#spread(from, key, change, asked)
      }
    } finally {
      unlock()
    }
    await this.#world.delay(0.2, 2)
    return this.#world.random.chance(this.#shape.loss) ? this.#late() : { before, change }
  }

  /** At once to those that decided, by itself to the others. */
  #spread(from: string, key: string, change: Change, asked: readonly Replica[]): void {
    for (const replica of asked) apply(replica, key, change)
    for (const replica of this.replicas.filter((each) => !asked.includes(each))) {
      this.#send(from, replica, () => apply(replica, key, change), { key, change })
    }
  }

  async #late(): Promise<never> {
    await this.#world.sleep(TIMEOUT_MS)
    throw new TimedOut()
  }

  async #lock(name: string): Promise<() => void> {
    const before = this.#locks.get(name)
    const mine = Promise.withResolvers<void>()
    this.#locks.set(name, mine.promise)
    await before
    return mine.resolve
  }

  /** Resolves when the replica answered; never, if the way there or back is cut. */
  async #send<T>(from: string, replica: Replica, act: () => T, hint?: { key: string; change: Change }): Promise<T> {
    const isFar = replica.dc !== from
    await this.#world.delay(isFar ? 5 : 0.2, isFar ? 8 : 2)
    if (replica.down || (isFar && this.isCut)) {
      if (hint !== undefined && this.#shape.hints) this.#hints.push({ replica, from, ...hint })
      return forever
    }
    const result = act()
    await this.#world.delay(isFar ? 5 : 0.2, isFar ? 8 : 2)
    return replica.down || (isFar && this.isCut) || this.#world.random.chance(this.#shape.loss) ? forever : result
  }

  #replay(): void {
    for (const hint of this.#hints.splice(0)) {
      const { replica, from, key, change } = hint
      this.#send(from, replica, () => apply(replica, key, change), { key, change })
    }
  }

  /** The first `needed` answers, or `TimedOut`. */
  #enough<T>(answers: readonly Promise<T>[], needed: number): Promise<T[]> {
    return new Promise((resolve, reject) => {
      const got: T[] = []
      if (needed === 0) resolve(got)
      for (const answer of answers) {
        answer.then((each) => {
          if (got.push(each) === needed) resolve(got)
        }, reject)
      }
      if (needed > 0) this.#world.sleep(TIMEOUT_MS).then(() => reject(new TimedOut()))
    })
  }

  #require(needed: number, from: string, replicas: readonly Replica[]): Replica[] {
    const up = replicas.filter((each) => !each.believedDown && (each.dc === from || !this.#believedCut))
    if (up.length < needed) throw new Unavailable()
    return up
  }

  #some(count: number, from: string, replicas: readonly Replica[]): Replica[] {
    return this.#shuffled(this.#require(count, from, replicas)).slice(0, count)
  }

  #shuffled<T>(list: readonly T[]): T[] {
    return list
      .map((each) => ({ each, by: this.#world.random.fraction() }))
      .sort((a, b) => a.by - b.by)
      .map(({ each }) => each)
  }

  #of(datacenters: readonly string[]): Replica[] {
    return this.replicas.filter(({ dc }) => datacenters.includes(dc))
  }

  #quorum(dc: string): number {
    return (this.#shape.replicas[dc]! >> 1) + 1
  }
}

const forever = new Promise<never>(() => {})

function apply(replica: Replica, key: string, change: Change): void {
  const cell = replica.cells.get(key) ?? EMPTY
  const written = change.write === undefined ? EMPTY : { ...EMPTY, write: change.write, at: change.at! }
  replica.cells.set(key, merge([cell, { ...written, ended: change.ended ?? false }]))
}

/** The later timestamp; of equal ones a deletion, then the larger value. */
function merge(cells: readonly Cell[]): Cell {
  const [latest] = [...cells].sort((a, b) => b.at - a.at || rank(b.write) - rank(a.write))
  return { ...latest!, ended: cells.some(({ ended }) => ended) }
}

const rank = (write: number | null) => write ?? Number.POSITIVE_INFINITY
const same = (a: Cell, b: Cell) => a.write === b.write && a.at === b.at && a.ended === b.ended
const changeOf = ({ write, at, ended }: Cell): Change => ({ write, at, ...(ended ? { ended } : {}) })
