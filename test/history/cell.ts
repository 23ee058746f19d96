/**
 * One key of a store as it is documented, one operation at a time: what an operation answers and what it leaves, given
 * what the key holds. It knows nothing of bytes, time, or more than one machine: values are numbers that no two writes
 * share.
 */

/** What a key holds: the number of the write whose value lives there, or nothing, or (final stores) its marker. */
export type State = number | 'absent' | 'ended'

export type Action =
  | { readonly kind: 'get' | 'take' | 'end' }
  /** `only`: written if nothing lives there, or only over that very write. */
  | { readonly kind: 'put'; readonly write: number; readonly only?: 'absent' | number }

/**
 * What the client was told. `gone` answers a read or take of what is absent or ended, `failed` a condition that did not
 * hold. `unknown`: no answer, or one that leaves it open.
 */
export type Outcome = 'written' | 'ended' | 'failed' | 'done' | 'gone' | 'unknown' | { readonly value: number }

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

/** The state after the action if it may be answered so in `state`; undefined if not. Any answer will do if `unknown`. */
export function stepAnswered(final: boolean, state: State, action: Action, answered: Outcome): State | undefined {
  const next = step(final, state, action)
  return answered === 'unknown' || same(answered, next.outcome) ? next.state : undefined
}

function same(a: Outcome, b: Outcome): boolean {
  return typeof a === 'object' && typeof b === 'object' ? a.value === b.value : a === b
}
