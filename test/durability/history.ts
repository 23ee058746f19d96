/**
 * Says whether what clients saw of one key can have happened: whether there is an order of their operations, each at some
 * moment between its request and its answer, in which every answer is right (linearizability), also across a crash.
 *
 * That holds every promise of a store at once. An acknowledged write that is gone has no such order; neither has an ended
 * key that came back, a value taken twice, or a conditional write that won over another. An operation without an answer
 * may have happened as a whole, at any moment before the server was killed, or never; half of one has no order either.
 *
 * It knows nothing of keys, bytes or time: moments are a counter's. One machine only; test/faults judges datacenters.
 */
import { type Action, type Outcome, type State, stepAnswered } from '../history/cell.ts'
import { possibleStates } from '../history/order.ts'

/** A request that certainly did nothing is left out of a history. */
export interface Operation {
  readonly action: Action
  readonly outcome: Outcome
  /** Before the request left. */
  readonly began: number
  /** After the answer came; of an unknown one, after the server was dead. */
  readonly ended: number
}

/**
 * The states in which the key may be after `operations`, begun in one of `before`: none if no order explains the answers.
 * Handing the result to the next call carries a key's history across rounds.
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
  const steps = operations.map(({ action, outcome, began, ended }) => {
    const after = (state: State) => stepAnswered(final, state, action, outcome)
    return { began, ended, must: outcome !== 'unknown', after }
  })
  return possibleStates(before, steps)
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
