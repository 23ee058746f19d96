/**
 * What operators see of the instance itself: its engine, its keys, its certificates, who was turned away at the door. All
 * of it is read when somebody scrapes, and no label comes from a client: engines name their figures, the configuration
 * names listeners and authorities, rules are a fixed list.
 */
import type { Engine, Stat } from '@holdfast/engine'
import { Gauge, type Metric, type Registry } from 'prom-client'
import { REFUSALS, type Rule } from '../access/refusals.ts'
import type { Audit } from '../audit/audit.ts'
import type { Records } from '../records/index.ts'
import { gauge } from './metrics.ts'
import { Tally } from './tally.ts'

/** Something with an end: `listener NAME`, `authority NAME`, or `revocation list of NAME`. */
export interface Expiring {
  readonly name: string
  readonly expires: Date
  /** When it should have been renewed. */
  readonly due: Date
}

export interface InstanceMetricsOptions {
  readonly registry: Registry
  readonly engine: Pick<Engine, 'stats' | 'pending'>
  readonly records: Pick<Records, 'keyUsage'>
  readonly audit: Pick<Audit, 'failed'>
  /** Those in use. */
  readonly certificates: () => readonly Expiring[]
}

const LISTENERS = ['public', 'basic', 'admin'] as const
const OUTCOMES = ['done', 'failed'] as const
const RULES = Object.keys(REFUSALS) as Rule[]

export class InstanceMetrics {
  readonly #refused: Tally
  readonly #reloads: Tally
  #reloadFailed = false

  private constructor(registry: Registry) {
    this.#refused = new Tally(
      registry,
      'holdfast_handshakes_refused_total',
      'Connections refused before any request.',
      [
        ['listener', LISTENERS],
        ['rule', RULES],
      ],
    )
    this.#reloads = new Tally(
      registry,
      'holdfast_reloads_total',
      'Times that configuration and files were read anew.',
      [['outcome', OUTCOMES]],
    )
    gauge(registry, 'holdfast_reload_failed', '1 while what was read last is not in use, since it is broken.', () =>
      Number(this.#reloadFailed),
    )
  }

  /** Registers everything. The engine is open: it is asked for the names of its figures. */
  static async register(options: InstanceMetricsOptions): Promise<InstanceMetrics> {
    const { registry, engine, records, audit, certificates } = options
    const ask = remembered(() => engine.stats())
    for (const stat of await ask()) registerStat(registry, stat, ask)
    new Gauge({
      name: 'holdfast_pending_ends',
      help: 'Ends that some datacenter has not confirmed yet; NaN while the engine cannot say.',
      registers: [registry],
      async collect() {
        const pending = await engine.pending().catch(() => undefined)
        this.set(pending?.count ?? Number.NaN)
      },
    })
    new Gauge({
      name: 'holdfast_key_records',
      help: 'Records sealed and opened with each key since it was loaded.',
      labelNames: ['room', 'key_id', 'state', 'operation'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { room, keyId, state, sealed, opened } of records.keyUsage()) {
          const labels = { room, key_id: String(keyId), state }
          this.set({ ...labels, operation: 'sealed' }, sealed)
          this.set({ ...labels, operation: 'opened' }, opened)
        }
      },
    })
    new Gauge({
      name: 'holdfast_certificate_expiry_timestamp_seconds',
      help: 'When the first certificate of a listener or an authority, or of its revocation lists, is too old, as Unix time.',
      labelNames: ['certificate'],
      registers: [registry],
      collect() {
        this.reset()
        for (const { name, expires } of certificates()) this.set({ certificate: name }, expires.getTime() / 1000)
      },
    })
    gauge(
      registry,
      'holdfast_audit_lines_failed',
      'Audit lines that their file refused since start.',
      () => audit.failed,
    )
    return new InstanceMetrics(registry)
  }

  reloaded(outcome: (typeof OUTCOMES)[number]): void {
    this.#reloads.add(OUTCOMES.indexOf(outcome))
    this.#reloadFailed = outcome === 'failed'
  }

  handshakeRefused(listener: (typeof LISTENERS)[number], rule: Rule): void {
    this.#refused.add(LISTENERS.indexOf(listener) * RULES.length + RULES.indexOf(rule))
  }
}

function registerStat(registry: Registry, { name, help, type }: Stat, ask: () => Promise<readonly Stat[]>): void {
  const metric = {
    name: `holdfast_engine_${name}`,
    help,
    type,
    aggregator: 'sum',
    async get() {
      const stat = (await ask()).find((one) => one.name === name)
      return { ...this, values: stat === undefined ? [] : [{ labels: {}, value: stat.value }] }
    },
  }
  // prom-client asks only for a name, a type, a help text and `get`; its types name its own classes.
  registry.registerMetric(metric as unknown as Metric)
}

/** The same answer for whoever asks in one turn of the event loop, as one scrape does; a broken engine has no figures. */
function remembered(read: () => Promise<readonly Stat[]>): () => Promise<readonly Stat[]> {
  let answer: Promise<readonly Stat[]> | undefined
  return () => {
    if (answer === undefined) {
      answer = read().catch(() => [])
      setImmediate(() => {
        answer = undefined
      })
    }
    return answer
  }
}
