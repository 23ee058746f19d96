/**
 * Says whether steps, each at some one moment of its own window, can be put into an order in which every one of them is
 * possible (linearizability, after Wing and Gong, with a memory of what was tried, after Lowe). What a step does and when
 * it is possible is a function of the state; steps, states and their meaning are the caller's.
 *
 * A step that _must_ happen does so within its window. One that _may_ happen does so within its window, or never. A `may`
 * with an endless window is tried only directly before a step that notices it, which loses no order: let it be followed by
 * a step that does not notice it, so that the two could change places or the first could be left out with the same result,
 * then do that, until it is noticed or gone.
 *
 * Time: linear in the steps while few of them overlap; exponential in how many windows overlap at one moment, and in how
 * many kinds of endless `may` are noticed. So the number of situations that are looked at is bounded. Past that bound is an
 * error and not a pass.
 */

export interface Step<S extends string | number> {
  /** Its window: it happens after `began` and before `ended`, which may be Infinity. */
  readonly began: number
  readonly ended: number
  /** False: it may also never happen. */
  readonly must: boolean
  /** The state after it; undefined if it is impossible in this one. */
  readonly after: (state: S) => S | undefined
  /** Endless steps that may happen and bear the same mark do the same: the one that began first goes first. */
  readonly mark?: string
}

/** Situations looked at, for one list of steps: seconds of work, and some 100 MB. */
const MOST_SITUATIONS = 300_000

export class TooMuch extends RangeError {
  constructor(steps: number) {
    super(`${steps} steps overlap too much to be judged: more than ${MOST_SITUATIONS} situations`)
  }
}

/** A place in the search: what has happened, and the state that it left. */
interface Situation<S extends string | number> {
  readonly state: S
  /** All `musts` before this index have happened, and those of `ahead` (ascending). */
  readonly next: number
  readonly ahead: readonly number[]
  /** How many of each queue of `mays` have happened. */
  readonly used: readonly number[]
  /** When the latest of what has happened began. */
  readonly latest: number
  /** The endless `may` that came last and is to be noticed by what comes now; from which state. */
  readonly unnoticed: { readonly step: Step<S>; readonly queue: number; readonly from: S } | undefined
}

/**
 * The states in which everything may be after all that must have happened, begun in one of `before`; none: no order is
 * possible. What may endlessly happen and was not noticed is not in them. `one`: the first such state is enough.
 */
export function possibleStates<S extends string | number>(
  before: readonly S[],
  steps: readonly Step<S>[],
  one = false,
): readonly S[] {
  const musts = steps.filter(({ must }) => must).sort((a, b) => a.began - b.began)
  const queues = queuesOf(steps.filter(({ must }) => !must))
  const visited = new Set<string>()
  const results = new Set<S>()
  const none = queues.map(() => 0)
  const stack: Situation<S>[] = before.map((state) => {
    return { state, next: 0, ahead: [], used: none, latest: Number.NEGATIVE_INFINITY, unnoticed: undefined }
  })
  for (let here = stack.pop(); here !== undefined; here = stack.pop()) {
    const { state, next, ahead, used, latest, unnoticed } = here
    // What may come after an unnoticed step depends on that step and on the state before it, too.
    const id = `${state}|${next}|${ahead}|${used}|${unnoticed?.queue}|${unnoticed?.from}`
    if (visited.has(id)) continue
    visited.add(id)
    if (visited.size > MOST_SITUATIONS) throw new TooMuch(steps.length)
    if (next === musts.length && unnoticed === undefined) {
      results.add(state)
      if (one) break
    }
    let firstAnswer = Number.POSITIVE_INFINITY
    for (let i = next; i < musts.length && musts[i]!.began <= firstAnswer; i++) {
      if (!ahead.includes(i)) firstAnswer = Math.min(firstAnswer, musts[i]!.ended)
    }
    // Pushed first, so looked at last: most orders need none of these.
    for (const [i, queue] of queues.entries()) {
      const step = queue[used[i]!]
      if (step === undefined || step.began > firstAnswer || step.ended < latest) continue
      const after = step.after(state)
      if (after === undefined || after === state || !notices(step, state, unnoticed)) continue
      const endless = step.ended === Number.POSITIVE_INFINITY
      stack.push({
        ...{ state: after, next, ahead, used: used.with(i, used[i]! + 1), latest: Math.max(latest, step.began) },
        unnoticed: endless ? { step, queue: i, from: state } : undefined,
      })
    }
    let open = next
    while (open < musts.length && musts[open]!.began <= firstAnswer) open++
    // From the last to the first, so that the first is looked at first: most orders are those of the beginnings.
    for (let i = open - 1; i >= next; i--) {
      const step = musts[i]!
      if (ahead.includes(i)) continue
      const after = step.after(state)
      if (after === undefined || !notices(step, state, unnoticed)) continue
      const moved = advance(next, ahead, i)
      stack.push({ state: after, ...moved, used, latest: Math.max(latest, step.began), unnoticed: undefined })
    }
  }
  return [...results]
}

/** Whether `step` in `state` would have gone otherwise without the `may` before it. True if there is none. */
function notices<S extends string | number>(step: Step<S>, state: S, before: Situation<S>['unnoticed']): boolean {
  if (before === undefined) return true
  const without = step.after(before.from)
  if (without === undefined) return true
  const after = step.after(state)
  return without !== after && before.step.after(without) !== after
}

function advance(next: number, ahead: readonly number[], index: number): { next: number; ahead: readonly number[] } {
  if (index !== next) return { next, ahead: [...ahead, index].sort((a, b) => a - b) }
  let first = next + 1
  let taken = 0
  while (ahead[taken] === first) {
    first++
    taken++
  }
  return { next: first, ahead: ahead.slice(taken) }
}

/** Endless steps of one mark queue up behind the one that began first; every other step is a queue of its own. */
function queuesOf<S extends string | number>(mays: readonly Step<S>[]): Step<S>[][] {
  const marked = new Map<string, Step<S>[]>()
  const queues: Step<S>[][] = []
  for (const step of [...mays].sort((a, b) => a.began - b.began)) {
    const mark = step.ended === Number.POSITIVE_INFINITY ? step.mark : undefined
    const queue = mark === undefined ? undefined : marked.get(mark)
    if (queue !== undefined) {
      queue.push(step)
      continue
    }
    const own = [step]
    queues.push(own)
    if (mark !== undefined) marked.set(mark, own)
  }
  return queues
}
