/**
 * What must have an order, as the steps of ../history/order.ts: for each key one list for each datacenter, and one for all
 * of them where the store is exact globally.
 *
 * A datacenter's own view holds everything that was asked of it, answers included: a quorum of it reads what a quorum of
 * it wrote. What was asked of the others arrives in it by itself, as what it did and not as what it answered:
 *
 * | asked elsewhere                                 | here                                                          |
 * | ----------------------------------------------- | ------------------------------------------------------------- |
 * | a write or take, done or unknown                | arrives once at any later moment, or never                     |
 * | an end of a final store, done                   | is here before it is answered                                  |
 * | an end of a final store, pending                | is here `healing` after the network is whole, or at any moment |
 * | an end that is unknown, or reusable, or `local` | arrives once at any later moment, or never                     |
 *
 * Where a store is exact globally there is one order of all writes, takes and ends, by whomever, and of their answers; only
 * that an end which is pending (or unknown) is over in one datacenter first and in the others later. Reads are not part of
 * it: they are judged in each datacenter, in which every acknowledged write or take of any is there before its answer. So a
 * read may be ahead of one elsewhere while a write is under way, and never once it was acknowledged.
 *
 * A value may expire `clocksApart` early or late.
 */
import { type Action, type State, step, stepAnswered } from '../history/cell.ts'
import type { Step } from '../history/order.ts'
import type { Header, Mark, Operation } from './events.ts'
import { type Meaning, meaningOf } from './meaning.ts'

/** A key's operations, and what is known of its history besides. */
export interface KeyHistory {
  readonly header: Header
  readonly store: string
  readonly key: string
  /** In the order of their beginnings. */
  readonly operations: readonly Operation[]
  /** Of the whole history. */
  readonly marks: readonly Mark[]
}

export interface View {
  /** A datacenter, or `everywhere`. */
  readonly name: string
  readonly before: State | Spread
  readonly steps: readonly Step<State>[] | readonly Step<Spread>[]
}

/** In a view of all datacenters: the state and, as bits, the datacenters in which the key is over, like `3/2`. */
type Spread = `${State}/${number}`

/** Stands for every value that nobody saw and no condition named. */
const UNSEEN = -2
const NEVER = Number.POSITIVE_INFINITY

export function viewsOf(history: KeyHistory): View[] {
  const { header, store } = history
  const rules = header.stores[store]!
  const local = header.datacenters.map((name): View => ({ name, before: 'absent', steps: localSteps(history, name) }))
  if (rules.atomic !== 'global') return local
  return [...local, { name: 'everywhere', before: 'absent/0', steps: globalSteps(history) }]
}

function localSteps(history: KeyHistory, here: string): Step<State>[] {
  const { header, operations } = history
  const { final, logout, atomic } = header.stores[history.store]!
  const isGlobal = atomic === 'global'
  const named = valuesNamed(operations.filter(({ dc, action }) => dc === here && (!isGlobal || action.kind === 'get')))
  const over = (): State => (final ? 'ended' : 'absent')
  return operations.flatMap((operation): Step<State>[] => {
    const { action, began, ended, dc } = operation
    const meaning = meaningOf(operation, header.stores[history.store]!)
    if (meaning === undefined || meaning === 'nothing') return []
    const may = { began, ended: NEVER, must: false }
    const expiry = (act: Action) => {
      if (act.kind !== 'put') return []
      const gone = (state: State) => (state === act.write ? 'absent' : state)
      return expiryOf(history, operation, act.write, meaning, gone)
    }
    const maybe = (act: Action): Step<State>[] => {
      return [{ ...may, ...markOf(act), after: (state) => step(final, state, act).state }, ...expiry(act)]
    }
    const isExact = action.kind === 'put' || action.kind === 'take' || (action.kind === 'end' && !final)
    if (isGlobal && isExact) {
      if (meaning === 'failed' || meaning === 'ended' || (meaning === 'gone' && !final)) return []
      // Its condition is judged everywhere.
      const did: Action = action.kind === 'put' ? { kind: 'put', write: action.write } : action
      // What found nothing may have found an end that has not arrived elsewhere.
      const isDoubtful = meaning === 'unknown' || meaning === 'pending' || (meaning === 'gone' && dc !== here)
      if (isDoubtful) return maybe(unseen(did, named))
      return [{ began, ended, must: true, after: (state) => step(final, state, did).state }, ...expiry(did)]
    }
    if (dc === here) {
      if (meaning === 'pending') return [{ began, ended, must: true, after: over }]
      if (meaning === 'unknown') return maybe(unseen(action, named))
      const after = (state: State) => stepAnswered(final, state, action, meaning)
      return [{ began, ended, must: true, after }, ...expiry(action)]
    }
    if (action.kind === 'get' || meaning === 'failed' || meaning === 'ended') return []
    // Its condition held where it was asked.
    if (action.kind === 'put') return maybe(unseen({ kind: 'put', write: action.write }, named))
    const promised = final && action.kind === 'end' && logout === 'everywhere'
    if (promised && meaning === 'done') return [{ began, ended, must: true, after: over }]
    const deadline = meaning === 'pending' && promised ? healedAfter(history, ended) : NEVER
    if (deadline < NEVER) return [{ began, ended: deadline, must: true, after: over }]
    return [{ ...may, mark: 'over', after: over }]
  })
}

function globalSteps(history: KeyHistory): Step<Spread>[] {
  const { header, operations } = history
  const { final, logout } = header.stores[history.store]!
  const writes = operations.filter(({ action }) => action.kind !== 'get')
  const named = valuesNamed(writes)
  const everywhere = 2 ** header.datacenters.length - 1
  const split = (spread: Spread): [State, number] => {
    const [state, over] = spread.split('/') as [string, string]
    return [state === 'absent' ? state : Number(state), Number(over)]
  }
  /** Over in these; nothing is left that could be seen once it is over in all. */
  const overIn =
    (bits: number) =>
    (spread: Spread): Spread => {
      const [state, over] = split(spread)
      const all = over | bits
      return `${all === everywhere || !final ? 'absent' : state}/${final ? all : 0}`
    }
  return writes.flatMap((operation): Step<Spread>[] => {
    const { action, began, ended, dc } = operation
    const meaning = meaningOf(operation, header.stores[history.store]!)
    if (meaning === undefined || meaning === 'nothing') return []
    const may = { began, ended: NEVER, must: false }
    const must = { began, ended, must: true }
    const bit = 2 ** header.datacenters.indexOf(dc)
    const others = { ...may, mark: 'over', after: overIn(everywhere) }
    if (action.kind === 'end' && final) {
      const deadline = meaning === 'pending' ? healedAfter(history, ended) : NEVER
      if (meaning === 'done' && logout === 'everywhere') return [{ ...must, after: overIn(everywhere) }]
      if (meaning === 'unknown') {
        return header.datacenters.map((name, i) => ({ ...may, mark: `over in ${name}`, after: overIn(2 ** i) }))
      }
      const spread = deadline < NEVER ? { ...others, ended: deadline, must: true } : others
      return [{ ...must, after: overIn(bit) }, spread]
    }
    if (meaning === 'pending') return [others]
    const act =
      (seen: Action) =>
      (spread: Spread): Spread | undefined => {
        const [state, over] = split(spread)
        const isOver = (over & bit) !== 0
        const after = stepAnswered(final, isOver ? 'ended' : state, seen, meaning)
        if (after === undefined) return undefined
        if (isOver) return spread
        return after === 'ended' ? overIn(everywhere)(spread) : `${after}/${over}`
      }
    const expiry = (seen: Action) => {
      if (seen.kind !== 'put') return []
      const gone = (spread: Spread): Spread => {
        const [state, over] = split(spread)
        return state === seen.write ? `absent/${over}` : spread
      }
      return expiryOf(history, operation, seen.write, meaning, gone)
    }
    if (meaning !== 'unknown') return [{ ...must, after: act(action) }, ...expiry(action)]
    const seen = unseen(action, named)
    const { mark } = markOf(seen)
    const marked = mark === undefined ? {} : { mark: `${mark} of ${dc}` }
    return [{ ...may, ...marked, after: act(seen) }, ...expiry(seen)]
  })
}

/** Writes whose value somebody was given, or named in a condition. */
function valuesNamed(operations: readonly Operation[]): ReadonlySet<number> {
  const named = new Set<number>()
  for (const { action, told } of operations) {
    if ('value' in told && told.value !== undefined) named.add(told.value)
    if (action.kind === 'put' && typeof action.only === 'number') named.add(action.only)
  }
  return named
}

/** The same action if it matters which value it writes. */
function unseen(action: Action, named: ReadonlySet<number>): Action {
  return action.kind === 'put' && !named.has(action.write) ? { ...action, write: UNSEEN } : action
}

/** Of an action of which nobody was told that it was done. */
function markOf(action: Action): { mark?: string } {
  if (action.kind === 'end' || action.kind === 'take') return { mark: 'over' }
  return action.kind === 'put' && action.write === UNSEEN && action.only === undefined ? { mark: 'unseen' } : {}
}

/** That what `operation` wrote, as `write`, expires. */
function expiryOf<S extends string | number>(
  { header, operations }: KeyHistory,
  { ttl, began, ended }: Operation,
  write: number,
  meaning: Meaning,
  after: (state: S) => S,
): Step<S>[] {
  if (ttl === undefined || (meaning !== 'written' && meaning !== 'unknown')) return []
  const first = began + ttl * 1000 - header.clocksApart
  if (first > operations.at(-1)!.began) return []
  if (write === UNSEEN || meaning === 'unknown') return [{ began: first, ended: NEVER, must: false, after }]
  return [{ began: first, ended: ended + ttl * 1000 + header.clocksApart, must: true, after }]
}

/** The moment at which what was pending at `since` is over everywhere: `healing` after a `healed` that no fault followed. */
export function healedAfter({ header, marks }: KeyHistory, since: number): number {
  for (const { mark, at } of marks) {
    const end = at + header.healing
    if (mark !== 'healed' || at < since) continue
    if (!marks.some((other) => other.mark === 'fault' && other.at > at && other.at < end)) return end
  }
  return NEVER
}
