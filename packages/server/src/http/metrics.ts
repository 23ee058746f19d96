/**
 * What operators see of requests: Kask's three metrics with exactly its names, labels and buckets, so that its dashboards
 * keep working, and ours, which begin with `holdfast_`. Labels come from the configuration and from fixed lists, so no
 * client can make new ones, and none holds a key.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Caller } from '../access/caller.ts'
import { PROBLEM_CODES, PROBLEMS, type ProblemCode } from '../common/problems.ts'
import type { Reply } from '../stores/exchange.ts'
import type { Limits } from './limits.ts'
import { Durations, type Labels, Tally } from './tally.ts'

/** Methods that have a label of their own, and what they do to a store; all others are `other`. */
const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'other']
const OPERATIONS = ['read', 'write', 'end', 'other']
const OPERATION_OF_METHOD = [0, 0, 1, 1, 2, 3]
const METHOD_INDEX = new Map(METHODS.map((method, index) => [method, index]))
const OTHER = METHODS.length - 1

const STATUSES = [...new Set([200, 201, 204, ...PROBLEM_CODES.map((code) => PROBLEMS[code].status)])].sort()
const STATUS_INDEX = new Uint8Array(600)
for (const [index, status] of STATUSES.entries()) STATUS_INDEX[status] = index

const OUTCOMES: readonly (Reply['outcome'] | ProblemCode)[] = ['ok', 'unchanged', ...PROBLEM_CODES]
const OUTCOME_INDEX = new Map(OUTCOMES.map((outcome, index) => [outcome, index]))

/** The label of callers that no grant names. */
const UNKNOWN = 'unknown'

export interface MetricsOptions {
  /** Paths of the stores. */
  readonly stores: readonly string[]
  /** Every caller that the configuration names. */
  readonly callers: readonly string[]
  readonly version: string
  readonly limits: Limits
}

export class Metrics {
  readonly registry = new Registry()
  /** Label values. They only ever grow, so that their places hold while requests are in flight. */
  readonly #stores: string[] = []
  readonly #callers: string[] = [UNKNOWN]
  readonly #places = new Map<string, number>()
  readonly #requests: Tally
  readonly #durations: Durations
  readonly #storeRequests: Tally
  readonly #engine: Durations

  constructor({ stores, callers, version, limits }: MetricsOptions) {
    const { registry } = this
    const codeAndMethod = [
      ['code', STATUSES.map(String)],
      ['method', METHODS],
    ] as const
    this.#requests = new Tally(registry, 'http_requests_total', 'Requests answered.', codeAndMethod)
    this.#durations = new Durations(
      registry,
      'http_request_duration_seconds',
      'From the head of a request to its answer.',
      codeAndMethod,
    )
    this.#storeRequests = new Tally(registry, 'holdfast_store_requests_total', 'Requests on stores.', this.#storeLabels)
    this.know({ stores, callers })
    this.#engine = new Durations(
      registry,
      'holdfast_engine_duration_seconds',
      'From a complete request to what the engine answered, sealing included.',
      [['operation', OPERATIONS]],
    )
    new Gauge({
      name: 'kask_build_info',
      help: 'What runs here, under the name that Kask gave it; build_date and build_host are empty.',
      labelNames: ['version', 'build_date', 'build_host', 'go_version'],
      registers: [registry],
    }).set({ version, build_date: '', build_host: '', go_version: process.version }, 1)
    gauge(registry, 'holdfast_requests_in_flight', 'Requests that are not answered yet.', () => limits.requests)
    gauge(registry, 'holdfast_connections', 'Open connections with a caller.', () => limits.connections)
    gauge(registry, 'holdfast_body_bytes_in_flight', 'Bytes of bodies being handled.', () => limits.bodyBytes)
    gauge(registry, 'holdfast_saturated', '1 while more is asked than can be served in time.', () =>
      Number(limits.saturated),
    )
    collectDefaultMetrics({ register: registry })
  }

  /** Gives stores and callers labels of their own, those that have none yet. */
  know({ stores, callers }: Pick<MetricsOptions, 'stores' | 'callers'>): void {
    const known = this.#stores.length + this.#callers.length
    for (const path of stores) if (!this.#stores.includes(path)) this.#stores.push(path)
    for (const name of callers) {
      if (this.#places.has(name)) continue
      this.#places.set(name, this.#callers.length)
      this.#callers.push(name)
    }
    if (this.#stores.length + this.#callers.length > known) this.#storeRequests.grow(this.#storeLabels)
  }

  get #storeLabels(): Labels {
    return [
      ['store', [...this.#stores]],
      ['caller', [...this.#callers]],
      ['operation', OPERATIONS],
      ['outcome', OUTCOMES],
    ]
  }

  /** The caller's place among the labels. */
  labelOf(caller: Caller): number {
    return this.#places.get(caller.id) ?? 0
  }

  /** The place of a store that was named. */
  storeLabelOf(path: string): number {
    return this.#stores.indexOf(path)
  }

  /** A request that was answered. `ms` since its head. */
  request(method: string, status: number, ms: number): void {
    const cell = STATUS_INDEX[status]! * METHODS.length + (METHOD_INDEX.get(method) ?? OTHER)
    this.#requests.add(cell)
    this.#durations.observe(cell, ms)
  }

  /** The same request as its store sees it. `store` and `caller`: places among the labels. */
  storeRequest(store: number, caller: number, method: string, outcome: Reply['outcome'] | ProblemCode): void {
    const operation = OPERATION_OF_METHOD[METHOD_INDEX.get(method) ?? OTHER]!
    const cell = (store * this.#callers.length + caller) * OPERATIONS.length + operation
    this.#storeRequests.add(cell * OUTCOMES.length + OUTCOME_INDEX.get(outcome)!)
  }

  /** What the engine took for a request that reached it. */
  engine(method: string, ms: number): void {
    this.#engine.observe(OPERATION_OF_METHOD[METHOD_INDEX.get(method) ?? OTHER]!, ms)
  }
}

/** A gauge that is asked when somebody scrapes. */
export function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}
