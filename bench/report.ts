/** The results as a Markdown page: what was measured, on what, and every promised ratio with whether it was met. */
import type { LoaderResult } from './loader.ts'
import type { Memory } from './procfs.ts'
import { type Bar, median, type Ratio, ratio } from './statistics.ts'
import { CONNECTIONS, SATURATION_KEYS, VALUE_BYTES } from './workload.ts'
import type { Round } from './wrk.ts'

/** Cores that others may keep busy before latencies mean nothing. */
const QUIET = 0.1

/** All rounds of one load. */
export interface Runs<T> {
  readonly name: string
  readonly rounds: readonly T[]
}

export interface Size {
  readonly sessions: number
  /** Bytes of the database file and of its write-ahead log. */
  readonly file: number
  readonly log: number
  readonly memory: Memory
}

export interface Results {
  readonly quick: boolean
  readonly machine: readonly string[]
  /** Cores that other programs kept busy meanwhile, on the average. */
  readonly others: number
  readonly bars: readonly Bar[]
  /** The first is the yardstick. */
  readonly saturation: readonly Runs<Round>[]
  readonly saturationSeconds: number
  readonly redis: string
  /** The first is the yardstick. */
  readonly openLoop: readonly Runs<LoaderResult>[]
  readonly openLoopSeconds: number
  /** Requests per second that were due. */
  readonly offered: number
  readonly sizes: readonly Size[]
}

export const whole = (value: number) => Math.round(value).toLocaleString('en-US')
export const figure = (value: number) => value.toPrecision(3)
export const spread = (value: Ratio) =>
  `${value.median.toFixed(2)} (${value.least.toFixed(2)}-${value.greatest.toFixed(2)})`
/** Refused in all rounds. */
const total = (rounds: readonly { refused: number }[]) => rounds.reduce((sum, { refused }) => sum + refused, 0)
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const align = head.map((_, column) => (column === 0 ? '---' : '---:'))
  return [head, align, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function saturationTable([base, ...others]: readonly Runs<Round>[]): string {
  const row = ({ name, rounds }: Runs<Round>) => {
    const of = (field: keyof Round) => median(rounds.map((round) => round[field]))
    return [
      name,
      whole(of('rate')),
      figure(of('cpu')),
      rounds === base!.rounds ? '1' : spread(ratio(base!.rounds, rounds, (round) => round.cpu)),
      figure(of('p50')),
      figure(of('p99')),
      `${whole(of('loader') * 100)} %`,
      whole(total(rounds)),
    ]
  }
  const head = ['', 'requests/s', 'CPU µs/request', 'CPU, yardstick/this', 'p50 ms', 'p99 ms', "load's core", 'refused']
  return table(head, [base!, ...others].map(row))
}

function openLoopTable([base, ...others]: readonly Runs<LoaderResult>[]): string {
  const row = ({ name, rounds }: Runs<LoaderResult>) => {
    const of = (field: Exclude<keyof LoaderResult, 'codes'>) => {
      const values = rounds.map((round) => round[field]).filter((value) => value !== null)
      return values.length === 0 ? '-' : figure(median(values))
    }
    const against = (field: 'cpu' | 'p50' | 'p99') =>
      rounds === base!.rounds ? '1' : spread(ratio(rounds, base!.rounds, (round) => round[field]))
    return [
      name,
      of('cpu'),
      against('cpu'),
      of('p50'),
      against('p50'),
      of('p99'),
      against('p99'),
      `${of('writeP50')} / ${of('writeP99')}`,
      of('lateP99'),
      whole(total(rounds)),
    ]
  }
  const head = [
    '',
    'CPU µs/request',
    'ratio',
    'p50 ms',
    'ratio',
    'p99 ms',
    'ratio',
    'writes p50 / p99 ms',
    'sent late, p99 ms',
    'refused',
  ]
  return table(head, [base!, ...others].map(row))
}

export function barTable(bars: readonly Bar[]): string {
  return table(
    ['Ratio', 'measured (least-greatest)', 'bar', ''],
    bars.map(({ what, measured, bound, met }) => [
      what,
      spread(measured),
      'atLeast' in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`,
      met ? 'met' : '**missed**',
    ]),
  )
}

function sizeTable(sizes: readonly Size[]): string {
  return table(
    [
      'sessions',
      'database',
      'bytes/session',
      `of ${whole(VALUE_BYTES)} value bytes`,
      'write-ahead log',
      'RSS',
      'anonymous',
    ],
    sizes.map(({ sessions, file, log, memory }) => [
      whole(sessions),
      mebibytes(file),
      whole(file / sessions),
      `${(file / sessions / VALUE_BYTES).toFixed(2)}x`,
      mebibytes(log),
      mebibytes(memory.resident),
      mebibytes(memory.anonymous),
    ]),
  )
}

/** Says whether the machine was ours. */
export function othersLine(others: number): string {
  const verdict = others > QUIET ? ': too many, so trust nothing but CPU per request at saturation' : ''
  return `- Other programs kept ${others.toFixed(2)} cores busy meanwhile${verdict}`
}

export function report(results: Results): string {
  const { saturation, openLoop } = results
  return `# Bench results

Made by \`npm run bench\`${results.quick ? ' -- --quick: short rounds and a smaller large database, for a first look; its figures are no verdict' : ''}. The machine:

${results.machine.map((line) => `- ${line}`).join('\n')}
${othersLine(results.others)}

Read the ratios, not the absolute figures: machines of one kind differ five times over. The yardstick is node:https with
default options answering a constant ${whole(VALUE_BYTES)} bytes. Servers run on core 0, the load on core 1, all over loopback,
TLS 1.3, ${CONNECTIONS} keep-alive connections. CPU is the server process' user and system time, all threads. Loads run in turn,
round after round; a ratio is formed inside each round, and medians are over the rounds.

## Promised ratios

${barTable(results.bars)}

## Saturation

wrk, ${saturation[0]!.rounds.length} rounds of ${results.saturationSeconds} s, ${whole(SATURATION_KEYS)} keys at random, values of ${whole(VALUE_BYTES)} bytes. wrk has no client certificates, so
Holdfast is met on its listener for basic secrets; the yardstick gets the same requests, header included. Every PUT writes
a new value and is answered after its fsync. Holdfast's limits are raised so that ${CONNECTIONS} busy connections of one caller are
served and not refused. ${results.redis}

${saturationTable(saturation)}

A load's core near 100 % means that the load generator was the limit: then requests/s understates that server, and CPU
per request still holds.

## Open loop

${whole(results.offered)} requests/s due at random moments (one eighth of the yardstick's saturation rate above), ${openLoop[0]!.rounds.length} rounds of ${results.openLoopSeconds} s
after a warm-up, 1 % of them writes, client certificates, latency from the moment a request was due. p50 and p99 are of
the reads. Latency includes the load generator's own share, which is the same for all. Databases are in memory (the
system's page cache) when a round begins: this measures the server, not the disk.

${openLoopTable(openLoop)}

## Size

Measured after the loads above. RSS includes what files back, such as Node's own code; the rest is anonymous.

${sizeTable(results.sizes)}
`
}
