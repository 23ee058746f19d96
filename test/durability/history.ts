/**
 * Says whether what clients saw of one key can have happened: whether there is an order of their operations, each at some
 * moment between its request and its answer, in which every answer is right (linearizability, after Wing and Gong), also
 * across a crash.
 *
 * That holds every promise of a store at once. An acknowledged write that is gone has no such order; neither has an ended
 * key that came back, a value taken twice, or a conditional write that won over another. An operation without an answer
 * may have happened as a whole, at any moment before the server was killed, or never; half of one has no order either.
 *
 * It knows nothing of keys, bytes or time: values are numbers that no two writes share, moments are a counter's.
 */

/** What a key holds: the number of the write whose value lives there, or nothing, or (final stores) its marker. */
export type State = number | 'absent' | 'ended'

export type Action =
  | { readonly kind: 'get' | 'take' | 'end' }
  /** `only`: written if nothing lives there, or only over that very write. */
  | { readonly kind: 'put'; readonly write: number; readonly only?: 'absent' | number }

/**
 * What the client was told. `gone` answers a read or take of what is absent or ended, `failed` a condition that did not
 * hold. `unknown`: no answer, or one that leaves it open. A request that certainly did nothing is left out of a history.
 */
export type Outcome = 'written' | 'ended' | 'failed' | 'done' | 'gone' | 'unknown' | { readonly value: number }

export interface Operation {
  readonly action: Action
  readonly outcome: Outcome
  /** Before the request left. */
  readonly began: number
  /** After the answer came; of an unknown one, after the server was dead. */
  readonly ended: number
}

/** The store as it is documented, one operation at a time. */
export function step(final: boolean, state: State, action: Action): { state: State; outcome: Outcome } {
  const over: State = final ? 'ended' : 'absent'
  const lives = typeof state === 'number'
  switch (action.kind) {
    case 'get':
      return { state, outcome: lives ? { value: state } : 'gone' }
    case 'take':
      return { state: over, outcome: lives ? { value: state } : 'gone' }
    case 'end':
      return { state: over, outcome: 'done' }
    case 'put':
      if (state === 'ended') return { state, outcome: 'ended' }
      if (action.only === 'absent' && lives) return { state, outcome: 'failed' }
      if (typeof action.only === 'number' && action.only !== state) return { state, outcome: 'failed' }
      return { state: action.write, outcome: 'written' }
  }
}

function same(a: Outcome, b: Outcome): boolean {
  return typeof a === 'object' && typeof b === 'object' ? a.value === b.value : a === b
}

const MOST = 30

/**
 * The states in which the key may be after `operations`, begun in one of `before`: none if no order explains the answers.
 * Handing the result to the next call carries a key's history across rounds. At most 30 operations a call.
 *
 * @example
 * const put: Operation = { action: { kind: 'put', write: 1 }, outcome: 'written', began: 1, ended: 2 }
 * const lost: Operation = { action: { kind: 'get' }, outcome: 'gone', began: 3, ended: 4 }
 * possibleAfter(false, ['absent'], [put, lost]) // []
 */
export function possibleAfter(
  final: boolean,
  before: readonly State[],
  operations: readonly Operation[],
): readonly State[] {
  if (operations.length > MOST) throw new RangeError(`${operations.length} operations on one key, at most ${MOST}`)
  const answered = operations.reduce((mask, op, i) => (op.outcome === 'unknown' ? mask : mask | (1 << i)), 0)
  const visited = new Set<string>()
  const results = new Set<State>()

  /** `done` is the set of operations that have happened, as bits; `latest` the highest `began` among them. */
  const visit = (state: State, done: number, latest: number) => {
    const id = `${state}/${done}`
    if (visited.has(id)) return
    visited.add(id)
    if ((done & answered) === answered) results.add(state)
    let firstAnswer = Number.POSITIVE_INFINITY
    operations.forEach((op, i) => {
      if ((done & (1 << i)) === 0 && op.outcome !== 'unknown') firstAnswer = Math.min(firstAnswer, op.ended)
    })
    operations.forEach((op, i) => {
      // Not one that began after another was answered which is still to come, nor one that was over before one that came.
      if ((done & (1 << i)) !== 0 || op.began > firstAnswer || op.ended < latest) return
      const next = step(final, state, op.action)
      if (op.outcome !== 'unknown' && !same(op.outcome, next.outcome)) return
      visit(next.state, done | (1 << i), Math.max(latest, op.began))
    })
  }
  for (const state of before) visit(state, 0, Number.NEGATIVE_INFINITY)
  return [...results]
}

/** One line an operation, in order of their beginnings: what to print when no order explains them. */
export function describeHistory(before: readonly State[], operations: readonly Operation[]): string {
  const lines = [...operations]
    .sort((a, b) => a.began - b.began)
    .map(({ action, outcome, began, ended }) => {
      const what =
        action.kind === 'put' ? `put ${action.write}${action.only ? ` only over ${action.only}` : ''}` : action.kind
      return `  ${began}-${ended}: ${what} -> ${typeof outcome === 'object' ? `value ${outcome.value}` : outcome}`
    })
  return [`  before: ${before.join(' or ')}`, ...lines].join('\n')
}
