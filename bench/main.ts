/**
 * `npm run bench [-- --quick] [-- --check]`: measures the server from its real command line against a constant answer of
 * node:https and against Redis, in interleaved rounds of one run, and writes bench/RESULTS.md.
 *
 * It measures, it does not assert: a missed bar is printed and the exit code stays 0, unless `--check` was given. A
 * fault (a refused request, a server that does not start) ends it with 1, a missing tool with 2.
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { certificates } from './certificates.ts'
import { type Instance, prepare, serve, TLS } from './instance.ts'
import type { LoaderResult } from './loader.ts'
import { openLoopRound } from './open-loop.ts'
import { type Server, startServer } from './pinned.ts'
import { busySeconds, cpuSeconds, endedChildrenCpuSeconds, machine, memory } from './procfs.ts'
import { progress } from './progress.ts'
import { redisRound, startRedis } from './redis.ts'
import { type Runs, report, type Size } from './report.ts'
import { type Bar, bar, median, ratio } from './statistics.ts'
import { needTools } from './tools.ts'
import { SATURATION_KEYS } from './workload.ts'
import { type Round, wrkRound } from './wrk.ts'

/**
 * Rounds and their seconds; `warmUp` runs before the rounds at saturation, and within each round of the open loop before
 * it measures. The whole stays below ten minutes, or below two.
 */
const FULL = { rounds: 5, saturation: 6, warmUp: 2, compile: 15, openLoop: 10, large: 1_000_000 }
const QUICK = { rounds: 3, saturation: 2, warmUp: 1, compile: 3, openLoop: 3, large: 100_000 }
const SMALL = 10_000
/** The load of interest is this part of the yardstick's saturation rate. */
const SHARE_OF_SATURATION = 1 / 8

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
})
const plan = flags.quick ? QUICK : FULL

needTools('taskset', 'wrk')
if (availableParallelism() < 2) {
  console.error('the bench needs two cores: one for the server, one for the load')
  process.exit(2)
}

/** A load with a name, run once per round. */
interface Load<T> {
  readonly name: string
  run(seconds: number): Promise<T>
}

/** Runs the loads in turn, round after round. */
async function interleaved<T>(
  title: string,
  loads: readonly Load<T>[],
  rounds: number,
  seconds: number,
): Promise<Runs<T>[]> {
  const runs = loads.map(({ name }) => ({ name, rounds: [] as T[] }))
  for (let round = 0; round < rounds; round++) {
    for (const [n, load] of loads.entries()) {
      progress(`${title}: round ${round + 1} of ${rounds}, ${load.name}`)
      const result = await load.run(seconds).catch((error: Error) => {
        throw new Error(`${title}, ${load.name}: ${error.message}`, { cause: error })
      })
      runs[n]!.rounds.push(result)
    }
  }
  return runs
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
await using started = new AsyncDisposableStack()
function stopLater<T extends Server>(server: T): T {
  started.defer(() => server.stop())
  return server
}

progress('certificates')
const pki = await certificates(TLS)
const [medium, small, large] = [await prepare(SATURATION_KEYS), await prepare(SMALL), await prepare(plan.large)]

progress('starting the servers')
const begun = { at: performance.now(), busy: busySeconds(), own: cpuSeconds('self') + endedChildrenCpuSeconds() }
const constant = stopLater(
  await startServer(
    process.execPath,
    [resolve(import.meta.dirname, 'constant-server.ts'), pki.certificate, pki.key, pki.authority],
    /^constant ready (\d+) (\d+)$/,
  ),
)
const [constantPort, constantMutualPort] = constant.ready.slice(1).map(Number)
const holdfast = stopLater(await serve(medium))
const redis = await startRedis(pki.certificate, pki.key)
if (typeof redis !== 'string') stopLater(redis)

const wrkLoad = (name: string, pid: number, port: number, writes: number): Load<Round> => ({
  name,
  run: (seconds) =>
    wrkRound({ pid, port, authorization: medium.authorization, keys: SATURATION_KEYS, writes }, seconds),
})
const saturationLoads = [
  wrkLoad('node:https, constant answer', constant.pid, constantPort!, 0),
  wrkLoad('Holdfast, GET', holdfast.pid, holdfast.basicPort, 0),
  wrkLoad('Holdfast, 90 % GET, 10 % PUT', holdfast.pid, holdfast.basicPort, 10),
  wrkLoad('Holdfast, durable PUT', holdfast.pid, holdfast.basicPort, 100),
]
if (typeof redis !== 'string') {
  let rate = 10_000
  saturationLoads.push({
    name: `Redis ${redis.version}, GET`,
    run: async (seconds) => {
      const round = await redisRound(redis, Math.ceil(rate * seconds))
      rate = round.rate
      return round
    },
  })
}
await interleaved('warm-up', saturationLoads, 1, 2 * plan.warmUp)
const saturation = await interleaved('saturation', saturationLoads, plan.rounds, plan.saturation)
await holdfast.stop()
if (typeof redis !== 'string') await redis.stop()

const sessions = (instance: Instance) => instance.sessions.toLocaleString('en-US')
const offered = median(saturation[0]!.rounds.map(({ rate }) => rate)) * SHARE_OF_SATURATION
const instances = await Promise.all(
  [small, large].map(async (instance) => ({ instance, server: stopLater(await serve(instance)) })),
)
// The yardstick has served hundreds of thousands of requests by now; a server that just started would be measured while
// its code is still being compiled.
for (const { instance, server } of instances) {
  progress(`compiling: ${sessions(instance)} sessions`)
  const target = { pid: server.pid, port: server.basicPort, authorization: instance.authorization }
  await wrkRound({ ...target, keys: Math.min(instance.sessions, SATURATION_KEYS), writes: 10 }, plan.compile)
}
const openLoad = (name: string, pid: number, port: number, instance: Instance): Load<LoaderResult> => ({
  name,
  run: (seconds) => {
    instance.touch()
    return openLoopRound({
      ...{ port, pid, keys: instance.sessions, rate: offered, writes: 1, warmUp: plan.warmUp, seconds },
      ...{ authority: pki.authority, certificate: pki.clientCertificate, key: pki.clientKey },
    })
  },
})
const openLoop = await interleaved(
  'open loop',
  [
    openLoad('node:https, constant answer', constant.pid, constantMutualPort!, small),
    ...instances.map(({ instance, server }) =>
      openLoad(`Holdfast, ${sessions(instance)} sessions`, server.pid, server.port, instance),
    ),
  ],
  plan.rounds,
  plan.openLoop,
)
const sizes = instances.map(
  ({ instance, server }): Size => ({
    ...{ sessions: instance.sessions, memory: memory(server.pid) },
    ...{ file: instance.fileBytes(), log: instance.logBytes() },
  }),
)
await started.disposeAsync()
// The children have ended, so what the machine was busy with beyond them and this process was somebody else's.
const own = cpuSeconds('self') + endedChildrenCpuSeconds() - begun.own
const others = (busySeconds() - begun.busy - own) / ((performance.now() - begun.at) / 1000)
progress('')

const [yardstick, get] = saturation
const [openYardstick, ...ours] = openLoop
const bars: Bar[] = [
  bar(
    'Sealed GET at saturation, CPU: yardstick / Holdfast (aim 0.6)',
    ratio(yardstick!.rounds, get!.rounds, ({ cpu }) => cpu),
    { atLeast: 0.45 },
  ),
  ...ours.flatMap(({ name, rounds }) => [
    bar(
      `Open loop, CPU: ${name} / yardstick`,
      ratio(rounds, openYardstick!.rounds, ({ cpu }) => cpu),
      { atMost: 1.8 },
    ),
    bar(
      `Open loop, p99 of reads: ${name} / yardstick`,
      ratio(rounds, openYardstick!.rounds, ({ p99 }) => p99),
      {
        atMost: 2,
      },
    ),
  ]),
  bar(
    `Open loop, p50 of reads: ${sessions(large)} / ${sessions(small)} sessions`,
    ratio(ours[1]!.rounds, ours[0]!.rounds, ({ p50 }) => p50),
    { atMost: 1.3 },
  ),
]
const page = report({
  ...{ quick: flags.quick, machine: machine(), others, bars, saturation, saturationSeconds: plan.saturation },
  redis: typeof redis === 'string' ? `No Redis beside it: ${redis}.` : 'Redis is loaded by redis-benchmark.',
  ...{ openLoop, openLoopSeconds: plan.openLoop, offered, sizes },
})
writeFileSync(resolve(import.meta.dirname, 'RESULTS.md'), page)
console.log(page)
if (flags.check && !bars.every(({ met }) => met)) process.exitCode = 1
