/**
 * `npm run bench:cassandra [-- --quick] [-- --check]`: what the engine on Cassandra costs beside the bare driver, and what
 * gathering reads gains, on one real node, in interleaved rounds of one run; writes bench/CASSANDRA.md.
 *
 * Core 0 is the reading process', core 1 is Cassandra's. It needs Java and Maven, as docs/testing-cassandra.md says.
 */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { CassandraEngine } from '@holdfast/engine-cassandra'
import { makeKeyspace } from '../../test/cassandra/keyspaces.ts'
import { startCluster } from '../../test/cluster/cluster.ts'
import { LOAD_CORE, runLoad, SERVER_CORE } from '../pinned.ts'
import { machine } from '../procfs.ts'
import { progress } from '../progress.ts'
import { barTable, figure, spread, table, whole } from '../report.ts'
import { type Bar, bar, median, ratio } from '../statistics.ts'
import { addressOf, type LoadOptions, type LoadRound, READERS, type Reader, SPACE } from './load.ts'

const FULL = { rounds: 5, seconds: 5, warmUp: 2, lanes: [1, 32, 64] }
const QUICK = { rounds: 3, seconds: 2, warmUp: 1, lanes: [1, 32, 64] }
const KEYS = 10_000
const VALUE_BYTES = 1536

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
})
const plan = flags.quick ? QUICK : FULL

progress('starting Cassandra')
await using cluster = await startCluster({ shape: '1', tuned: 'run', plaintextToo: true })
const [node] = await cluster.status()
const pid = node!.pid!
spawnSync('taskset', ['-a', '-c', '-p', String(LOAD_CORE), String(pid)])
const keyspace = await makeKeyspace(cluster)
const connect = keyspace.optionsIn()
const engine = new CassandraEngine(connect)
await engine.open([SPACE])
await engine.confirm([SPACE.id])
for (let n = 0; n < KEYS; n += 50) {
  progress(`filling: ${n} of ${KEYS}`)
  const put = (n: number) =>
    engine.put(SPACE.id, addressOf(n), randomBytes(VALUE_BYTES), { ttl: 86_400 }, performance.now() + 30_000)
  await Promise.all(Array.from({ length: 50 }, (_, i) => put(n + i)))
}
await engine.close()

const files = { ca: cluster.authority, cert: cluster.clientCertificate, key: cluster.clientKey }

interface Load {
  readonly reader: Reader
  readonly lanes: number
  readonly tls: boolean
  readonly rounds: LoadRound[]
}

const loads: Load[] = [true, false].flatMap((tls) =>
  plan.lanes.flatMap((lanes) => READERS.map((reader) => ({ reader, lanes, tls, rounds: [] }))),
)

async function run({ reader, lanes, tls }: Load, seconds: number): Promise<LoadRound> {
  const { contactPoints, datacenter, keyspace: name, credentials } = connect
  const options: LoadOptions = {
    ...{ reader, lanes, seconds, warmUp: plan.warmUp, keys: KEYS, cassandraPid: pid },
    connect: { contactPoints, datacenter, keyspace: name, credentials },
    ...(tls && { tls: files }),
  }
  const program = resolve(import.meta.dirname, 'load.ts')
  return JSON.parse(await runLoad(process.execPath, [program, JSON.stringify(options)], SERVER_CORE))
}

progress('warm-up')
for (let n = 0; n < 2; n++) await run(loads[4]!, 2 * plan.seconds)
for (let round = 0; round < plan.rounds; round++) {
  for (const [n, load] of loads.entries()) {
    progress(`round ${round + 1} of ${plan.rounds}, ${n + 1} of ${loads.length}`)
    load.rounds.push(await run(load, plan.seconds))
  }
}
progress('')

const of = (reader: Reader, lanes: number) =>
  loads.find((load) => load.tls && load.reader === reader && load.lanes === lanes)!.rounds
const rate = ({ rate }: LoadRound) => rate
const gain = (lanes: number, atLeast: number) =>
  bar(
    `Reads per second, ${lanes} at once: gathered / not gathered`,
    ratio(of('engine', lanes), of('engine, not gathered', lanes), rate),
    { atLeast },
  )
const bars: Bar[] = [
  gain(32, 1.4),
  gain(64, 1.25),
  bar(
    'A lone read, p50: gathered / not gathered',
    ratio(of('engine', 1), of('engine, not gathered', 1), ({ p50 }) => p50),
    {
      atMost: 1.05,
    },
  ),
]
const rows = loads.map((load) => {
  const under = loads.find(({ reader, lanes, tls }) => reader === 'driver' && lanes === load.lanes && tls === load.tls)!
  const middle = (of: (round: LoadRound) => number) => median(load.rounds.map(of))
  return [
    `${load.reader}, ${load.lanes} at once, ${load.tls ? 'TLS' : 'plaintext'}`,
    whole(middle(rate)),
    load.reader === 'driver' ? '1' : spread(ratio(load.rounds, under.rounds, rate)),
    ...[
      middle(({ p50 }) => p50),
      middle(({ p99 }) => p99),
      middle(({ cpu }) => cpu),
      middle(({ cassandraCpu }) => cassandraCpu),
    ].map(figure),
  ]
})
const heads = ['', 'reads/s', 'this / driver', 'p50 ms', 'p99 ms', 'CPU µs/read', "Cassandra's CPU µs/read"]
const page = `# What the engine on Cassandra costs

Made by \`npm run bench:cassandra\`${flags.quick ? ' -- --quick: short rounds, for a first look; its figures are no verdict' : ''}. The machine:

${machine()
  .map((line) => `- ${line}`)
  .join('\n')}

One node of Cassandra 5.0 with a heap of 1 GiB on core 1, the reading process on core 0; ${KEYS.toLocaleString('en-US')} records of ${VALUE_BYTES.toLocaleString('en-US')} bytes, replication 1,
LOCAL_QUORUM. Loads run in turn, round after round (${plan.rounds} of ${plan.seconds} s); a ratio is formed inside each round, and medians are
over the rounds. The driver's line is a query a read and nothing else.

${barTable(bars)}

${table(heads, rows)}
`
writeFileSync(resolve(import.meta.dirname, '../CASSANDRA.md'), page)
console.log(page)
if (flags.check && !bars.every(({ met }) => met)) process.exitCode = 1
