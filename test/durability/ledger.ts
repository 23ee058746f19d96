/**
 * What was tried on every key, what came of it, and whether that can be: the memory of a run. It chooses what to try next,
 * keeps the moments of each try on one counter, and judges every key once the servers' fates are known.
 *
 * It must see every operation on its keys. A server is named by any object; what it left unanswered may have happened
 * until `died` says that it is dead.
 */
import { setImmediate } from 'node:timers/promises'
import type { Random } from '../fuzz/random.ts'
import type { Action, Outcome, State } from '../history/cell.ts'
import { type Report, type StoreClient, Tags } from './client.ts'
import { describeHistory, type Operation, possibleAfter } from './history.ts'

interface Key {
  readonly path: string
  readonly final: boolean
  /** In one of which it was when the last round was judged. */
  states: readonly State[]
  readonly operations: Operation[]
  readonly unanswered: { readonly server: object; readonly action: Action; readonly began: number }[]
  /** Numbers of writes that somebody saw here. */
  readonly seen: number[]
}

export interface Totals {
  keys: number
  acknowledged: number
  unanswered: number
  taken: number
  ended: number
}

const STORES = [
  { path: '/sessions/v1/', final: true },
  { path: '/echoseen/v1/', final: false },
] as const
const NEW_KEYS = 10
const OLD_KEYS = 8
/** Operations on one key in one round that leave room for the looks of `inspect`. */
const BUSY = 24
/** No write has this number, so a condition on it always fails: it asks whether a key is ended and changes nothing. */
const NO_WRITE = -1

export class Ledger {
  readonly tags = new Tags()
  readonly totals: Totals = { keys: 0, acknowledged: 0, unanswered: 0, taken: 0, ended: 0 }
  readonly #name: string
  readonly #keys: Key[] = []
  #busy: Key[] = []
  #clock = 0

  /** `name` keeps the keys of two runs apart. */
  constructor(name: string) {
    this.#name = name
  }

  /** Picks the keys of a round: new ones and some of those that have a past. */
  newRound(random: Random): void {
    const old = Array.from({ length: Math.min(OLD_KEYS, this.#keys.length) }, () => random.pick(this.#keys))
    const fresh = Array.from({ length: NEW_KEYS }, (): Key => {
      const { path, final } = random.pick(STORES)
      const name = `${path}${this.#name}-${this.#keys.length}-${random.bytes(random.between(1, 60)).toString('hex')}`
      const key: Key = { path: name, final, states: ['absent'], operations: [], unanswered: [], seen: [] }
      this.#keys.push(key)
      return key
    })
    this.#busy = [...new Set([...old, ...fresh])]
    this.totals.keys = this.#keys.length
  }

  /** One operation of the load; `write` numbers its value, if it has one. Resolves to whether it was answered. */
  async tryOne(random: Random, client: StoreClient, server: object, write: number): Promise<boolean> {
    const key = random.pick(this.#busy)
    const action = choose(random, key, write)
    if (key.operations.length + key.unanswered.length >= BUSY) {
      // All keys may be busy: timers and answers must get their turn, or the load would never end.
      await setImmediate()
      return true
    }
    return (await this.#run(client, server, key, action)) !== 'unknown'
  }

  /** Looks at every key of the round, and at some older ones; `all` looks at every key there ever was. */
  async inspect(random: Random, client: StoreClient, server: object, firstWrite: number, all = false): Promise<void> {
    const others = all ? this.#keys : Array.from({ length: OLD_KEYS }, () => random.pick(this.#keys))
    let write = firstWrite
    for (const key of new Set([...this.#busy, ...others])) {
      const looks: Action[] = [{ kind: 'get' }]
      if (key.final) looks.push({ kind: 'put', write: write++, only: NO_WRITE })
      if (random.chance(0.3)) looks.push({ kind: 'put', write: write++ }, { kind: 'get' })
      for (const action of looks) {
        const report = await this.#run(client, server, key, action)
        if (report === 'unknown' || report === 'nothing') throw new Error('a server without load gave no answer')
      }
    }
  }

  async #run(client: StoreClient, server: object, key: Key, action: Action): Promise<Report> {
    const began = ++this.#clock
    const mine = { server, action, began }
    key.unanswered.push(mine)
    const report = await client.run(key.path, action)
    if (report === 'unknown') return report
    key.unanswered.splice(key.unanswered.indexOf(mine), 1)
    if (report !== 'nothing') this.#record(key, { action, outcome: report, began, ended: ++this.#clock })
    return report
  }

  #record(key: Key, operation: Operation): void {
    const { action, outcome } = operation
    key.operations.push(operation)
    if (outcome === 'unknown') {
      this.totals.unanswered++
      return
    }
    this.totals.acknowledged++
    if (outcome === 'done') this.totals.ended++
    if (action.kind === 'take' && outcome !== 'gone') this.totals.taken++
    const write = valueSeen(action, outcome)
    if (write !== undefined) key.seen.push(write)
  }

  /** The server is dead: what it left unanswered has happened by now or never will. */
  died(server: object): void {
    const ended = ++this.#clock
    for (const key of this.#keys) {
      for (const { action, began } of key.unanswered.filter((each) => each.server === server)) {
        this.#record(key, { action, outcome: 'unknown', began, ended })
      }
      key.unanswered.splice(0, Number.POSITIVE_INFINITY, ...key.unanswered.filter((each) => each.server !== server))
    }
  }

  /** Throws for the first key whose answers no order explains; else what is known of each key is carried on. */
  judge(): void {
    for (const key of this.#keys) {
      if (key.unanswered.length > 0) throw new Error('judged before every server that owes an answer is dead')
      const states = possibleAfter(key.final, key.states, key.operations)
      if (states.length === 0) {
        const rules = key.final ? 'final' : 'reusable'
        throw new Error(
          `no order explains what happened to ${key.path} (${rules})\n${describeHistory(key.states, key.operations)}`,
        )
      }
      key.states = states
      key.operations.length = 0
    }
  }
}

function valueSeen(action: Action, outcome: Outcome): number | undefined {
  if (typeof outcome === 'object') return outcome.value
  return action.kind === 'put' && outcome === 'written' ? action.write : undefined
}

function choose(random: Random, key: Key, write: number): Action {
  const dice = random.between(1, 100)
  if (dice <= 40) return { kind: 'put', write }
  if (dice <= 50) return { kind: 'put', write, only: 'absent' }
  if (dice <= 65)
    return {
      kind: 'put',
      write,
      only: random.chance(0.8) ? (key.seen.at(-1) ?? NO_WRITE) : random.pick([NO_WRITE, ...key.seen]),
    }
  if (dice <= 82) return { kind: 'get' }
  return { kind: dice <= 91 ? 'take' : 'end' }
}
