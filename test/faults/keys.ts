/**
 * Which key is asked for what: a few keys at a time, so that clients meet on them; each for some operations, then another.
 * What was ended (or may have been) is asked for again in every datacenter, soon and later, by reads and by late writes.
 */
import type { Random } from '../fuzz/random.ts'
import type { Action } from '../history/cell.ts'
import type { Answer, Header } from './events.ts'

export interface Key {
  readonly store: string
  readonly name: string
  operations: number
  /** Writes that somebody was told of, the latest last. */
  readonly writes: number[]
}

export interface Task {
  readonly key: Key
  /** Any, if undefined. */
  readonly dc: string | undefined
  readonly action: Action
}

interface Look {
  readonly due: number
  readonly key: Key
  readonly dc: string
  readonly isWrite: boolean
}

/** Operations on one key. */
const FEWEST = 8
const MOST = 24
/** After an end each datacenter is asked so many ms later; twice a read, then a late write, then a read. */
const LOOKS_MS = [0, 300, 1500, 3000] as const
const LATE_WRITE = 2

export class Keys {
  readonly all: Key[] = []
  readonly #open: Key[] = []
  readonly #looks: Look[] = []
  readonly #header: Header
  readonly #prefix: string
  readonly #tags = new Map<number, string>()
  #writes = 0

  /** `open` keys at a time; `prefix` keeps the keys of two runs apart. */
  constructor(header: Header, prefix: string, open: number) {
    this.#header = header
    this.#prefix = prefix
    for (let i = 0; i < open; i++) this.#open.push(this.#fresh(i))
  }

  next(random: Random): Task {
    const now = performance.now()
    const due = this.#looks.findIndex((look) => look.due <= now)
    if (due >= 0 && random.chance(0.5)) {
      const { key, dc, isWrite } = this.#looks.splice(due, 1)[0]!
      return { key, dc, action: isWrite ? { kind: 'put', write: ++this.#writes } : { kind: 'get' } }
    }
    const place = random.between(0, this.#open.length - 1)
    const key = this.#open[place]!
    if (++key.operations > random.between(FEWEST, MOST)) this.#open[place] = this.#fresh(place)
    return { key, dc: undefined, action: this.#choose(random, key) }
  }

  /** The tag that the write of this number got, for a condition. */
  tagOf(write: number): string {
    return this.#tags.get(write) ?? '"none"'
  }

  /** `tag`: of the value that was written or read. */
  learn({ key, action }: Task, told: Answer, tag: string | undefined): void {
    const { status, code, value } = 'lost' in told ? {} : told
    const write = status === 201 && action.kind === 'put' ? action.write : value
    if (write !== undefined && tag !== undefined) {
      this.#tags.set(write, tag)
      if (key.writes.at(-1) !== write) key.writes.push(write)
    }
    const mayBeOver = action.kind === 'end' && (status === 204 || code === 'logout-pending' || code === 'unconfirmed')
    if (mayBeOver || (action.kind === 'take' && status === 200)) this.#lookAgain(key)
  }

  #lookAgain(key: Key): void {
    const now = performance.now()
    for (const dc of this.#header.datacenters) {
      for (const [i, ms] of LOOKS_MS.entries()) this.#looks.push({ due: now + ms, key, dc, isWrite: i === LATE_WRITE })
    }
  }

  #fresh(place: number): Key {
    const stores = Object.keys(this.#header.stores)
    const store = stores[place % stores.length]!
    const key: Key = { store, name: `${this.#prefix}-${this.all.length}`, operations: 0, writes: [] }
    this.all.push(key)
    return key
  }

  #choose(random: Random, { store, writes }: Key): Action {
    const dice = random.between(1, 100)
    const { final: isFinal, atomic } = this.#header.stores[store]!
    const isExact = atomic !== 'no'
    if (dice <= 42) return { kind: 'get' }
    if (dice <= (isFinal ? 60 : 50)) return { kind: 'end' }
    const write = ++this.#writes
    if (!isExact || dice <= 74) return { kind: 'put', write }
    if (dice <= 80) return { kind: 'take' }
    if (dice <= 88 || writes.length === 0) return { kind: 'put', write, only: 'absent' }
    return { kind: 'put', write, only: random.chance(0.8) ? writes.at(-1)! : random.pick(writes) }
  }
}
