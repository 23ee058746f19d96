/**
 * Medians over interleaved rounds. A ratio is formed inside each round, of two runs that lie seconds apart, and only
 * then the median is taken: the machine's slow minutes then strike both sides alike.
 */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A ratio's median over the rounds, and the least and the greatest that a round gave. */
export interface Ratio {
  readonly median: number
  readonly least: number
  readonly greatest: number
}

/** Rounds of two targets that ran in turn: the n-th of one beside the n-th of the other. */
export function ratio<T>(over: readonly T[], under: readonly T[], of: (round: T) => number): Ratio {
  if (over.length !== under.length || over.length === 0) throw new RangeError('rounds that do not pair')
  const each = over.map((round, n) => of(round) / of(under[n]!))
  return { median: median(each), least: Math.min(...each), greatest: Math.max(...each) }
}

/** One promised figure: a ratio, the bound it must keep, and whether it did. */
export interface Bar {
  readonly what: string
  readonly measured: Ratio
  readonly bound: { readonly atLeast: number } | { readonly atMost: number }
  readonly met: boolean
}

export function bar(what: string, measured: Ratio, bound: Bar['bound']): Bar {
  const met = 'atLeast' in bound ? measured.median >= bound.atLeast : measured.median <= bound.atMost
  return { what, measured, bound, met }
}
