/**
 * What may happen to a cell, decided from what is stored under its address and from nothing else. Both engines ask
 * here, so that finality and conditions cannot differ between them; storing the outcome is theirs.
 */
import { type Condition, isExpired, type Version } from '@holdfast/engine'

/** What storage holds under an address, expired or not. */
export interface Held {
  /** It is the marker of an ended address. */
  readonly ended: boolean
  readonly version: Version
  /** Unix ms; 0 = never. */
  readonly expiresAt: number
}

/** What is there at `now`: something expired counts as absent, a marker too. */
export function stateOf(held: Held | undefined, now: number): 'lives' | 'ended' | 'absent' {
  if (held === undefined || isExpired(held.expiresAt, now)) return 'absent'
  return held.ended ? 'ended' : 'lives'
}

/** The answer to a put: `ended` wins over `conflict`, and only `written` writes. */
export function judgePut(
  held: Held | undefined,
  condition: Condition | undefined,
  now: number,
): 'written' | 'ended' | 'conflict' {
  const state = stateOf(held, now)
  if (state === 'ended') return 'ended'
  if (condition === undefined) return 'written'
  if (condition === 'absent') return state === 'absent' ? 'written' : 'conflict'
  return state === 'lives' && held?.version === condition.version ? 'written' : 'conflict'
}
