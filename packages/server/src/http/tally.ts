/**
 * Counters and histograms for the hot path: plain arrays of numbers, one cell for each combination of label values, all
 * known in advance. Counting is one addition; no string is hashed and nothing is allocated until somebody scrapes. The
 * labels are bounded by construction: there is no way to count under a name that was not listed.
 *
 * They register with prom-client as any metric of its own.
 */
import type { Metric, Registry } from 'prom-client'

/** Label names with all their values, in order. */
export type Labels = readonly (readonly [name: string, values: readonly string[]])[]

interface Sample {
  readonly labels: Record<string, string>
  readonly value: number
  readonly metricName?: string
}

/** The cells of some labels: which cell a combination has, and which labels a cell. */
class Grid {
  readonly size: number
  readonly #labels: Labels

  constructor(labels: Labels) {
    this.#labels = labels
    this.size = labels.reduce((size, [, values]) => size * values.length, 1)
  }

  labelsOf(cell: number): Record<string, string> {
    const digits = this.#digitsOf(cell)
    return Object.fromEntries(this.#labels.map(([name, values], index) => [name, values[digits[index]!]!]))
  }

  /** Where a cell of this grid stands in one whose labels have more values behind the same. */
  placeIn(larger: Grid, cell: number): number {
    const digits = this.#digitsOf(cell)
    return larger.#labels.reduce((place, [, values], index) => place * values.length + digits[index]!, 0)
  }

  #digitsOf(cell: number): number[] {
    let above = this.size
    let rest = cell
    return this.#labels.map(([, values]) => {
      above /= values.length
      const digit = Math.floor(rest / above)
      rest %= above
      return digit
    })
  }
}

function register(registry: Registry, metric: object): void {
  // prom-client asks only for a name, a type, a help text and `get`; its types name its own classes.
  registry.registerMetric(metric as unknown as Metric)
}

/** A counter. A cell is the labels' indices as digits, the first label the highest. */
export class Tally {
  readonly name: string
  readonly help: string
  readonly type = 'counter'
  readonly aggregator = 'sum'
  readonly labelNames: readonly string[]
  #grid: Grid
  #cells: Float64Array

  constructor(registry: Registry, name: string, help: string, labels: Labels) {
    this.name = name
    this.help = help
    this.labelNames = labels.map(([name]) => name)
    this.#grid = new Grid(labels)
    this.#cells = new Float64Array(this.#grid.size)
    register(registry, this)
  }

  add(cell: number): void {
    this.#cells[cell]!++
  }

  /** Goes over to labels with more values; those there were come first, in their order. Counts are kept. */
  grow(labels: Labels): void {
    const [before, counts] = [this.#grid, this.#cells]
    this.#grid = new Grid(labels)
    this.#cells = new Float64Array(this.#grid.size)
    for (const [cell, value] of counts.entries()) {
      if (value > 0) this.#cells[before.placeIn(this.#grid, cell)] = value
    }
  }

  /** For prom-client. Cells that never counted are left out. */
  async get() {
    const values: Sample[] = []
    for (const [cell, value] of this.#cells.entries()) {
      if (value > 0) values.push({ labels: this.#grid.labelsOf(cell), value })
    }
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values }
  }
}

/** Upper bounds of the buckets of every duration, in seconds: Kask's. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
const BOUNDS_MS = BOUNDS.map((bound) => bound * 1000)

/** A histogram of durations. Cells as in {@link Tally}. */
export class Durations {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly labelNames: readonly string[]
  readonly #grid: Grid
  /** For each cell how many fell into each bucket, and beyond the last. */
  readonly #buckets: Float64Array
  readonly #sums: Float64Array

  constructor(registry: Registry, name: string, help: string, labels: Labels) {
    this.name = name
    this.help = help
    this.labelNames = labels.map(([name]) => name)
    this.#grid = new Grid(labels)
    this.#buckets = new Float64Array(this.#grid.size * (BOUNDS.length + 1))
    this.#sums = new Float64Array(this.#grid.size)
    register(registry, this)
  }

  /** `ms`: milliseconds. */
  observe(cell: number, ms: number): void {
    let bucket = 0
    while (bucket < BOUNDS_MS.length && ms > BOUNDS_MS[bucket]!) bucket++
    this.#buckets[cell * (BOUNDS.length + 1) + bucket]!++
    this.#sums[cell]! += ms
  }

  /** For prom-client. */
  async get() {
    const values: Sample[] = []
    for (const [cell, sum] of this.#sums.entries()) {
      const first = cell * (BOUNDS.length + 1)
      const counts = this.#buckets.subarray(first, first + BOUNDS.length + 1)
      const count = counts.reduce((all, one) => all + one, 0)
      if (count === 0) continue
      const labels = this.#grid.labelsOf(cell)
      let below = 0
      for (const [bucket, bound] of BOUNDS.entries()) {
        below += counts[bucket]!
        values.push({ metricName: `${this.name}_bucket`, labels: { le: String(bound), ...labels }, value: below })
      }
      values.push({ metricName: `${this.name}_bucket`, labels: { le: '+Inf', ...labels }, value: count })
      values.push({ metricName: `${this.name}_sum`, labels, value: sum / 1000 })
      values.push({ metricName: `${this.name}_count`, labels, value: count })
    }
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values }
  }
}
