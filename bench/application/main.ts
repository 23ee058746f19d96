/**
 * `npm run bench:app [-- --quick] [-- --check]`: what sessions cost the application that uses them. An Express application
 * on Holdfast, on Redis and in memory, and the clients alone, in interleaved rounds of one run; writes bench/APPLICATION.md.
 *
 * The application is pinned to core 0. The stores' servers and the load share core 1, so requests per second say little
 * and latencies nothing; CPU per request of the application's own process is what is measured.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { installFrameworks } from '../../test/frameworks/install.ts'
import { certificates } from '../certificates.ts'
import { prepare, serve, TLS } from '../instance.ts'
import { LOAD_CORE, runLoad, SERVER_CORE, type Server, startServer } from '../pinned.ts'
import { busySeconds, cpuSeconds, endedChildrenCpuSeconds, machine } from '../procfs.ts'
import { progress } from '../progress.ts'
import { startRedis } from '../redis.ts'
import { bar, ratio } from '../statistics.ts'
import { needTools } from '../tools.ts'
import { CONNECTIONS } from '../workload.ts'
import { CLIENTS, type ClientName, type ClientOptions, type ClientRound } from './client.ts'
import { type Rounds, report } from './report.ts'
import { STORES, type StoreName, type WebOptions } from './web.ts'

/** Rounds and their seconds. */
const FULL = { rounds: 7, seconds: 5, warmUp: 3 }
const QUICK = { rounds: 3, seconds: 2, warmUp: 1 }
const SESSIONS = 2_000

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
})
const plan = flags.quick ? QUICK : FULL

needTools('taskset', 'wrk', 'redis-server')

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
await using started = new AsyncDisposableStack()
function stopLater<T extends Server>(server: T): T {
  started.defer(() => server.stop())
  return server
}

progress('frameworks')
installFrameworks()
const pki = await certificates(TLS)
const instance = await prepare(SESSIONS)
const begun = { at: performance.now(), busy: busySeconds(), own: cpuSeconds('self') + endedChildrenCpuSeconds() }
const holdfast = stopLater(await serve(instance, LOAD_CORE))
const redis = await startRedis(pki.certificate, pki.key, LOAD_CORE)
if (typeof redis === 'string') throw new Error(redis)
stopLater(redis)
const common = {
  ...{ redisPort: redis.port, holdfastPort: holdfast.port },
  ...{ authority: pki.authority, certificate: pki.clientCertificate, key: pki.clientKey },
}
const cookies = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
started.defer(() => rmSync(cookies, { recursive: true }))

interface Web {
  readonly name: StoreName
  readonly pid: number
  /** What is asked for, and the file of Cookie headers. */
  readonly url: string
  readonly cookies: string
}

/** An application with as many sessions as there are cookies. */
async function startWeb(name: StoreName): Promise<Web> {
  const options: WebOptions = { store: name, ...common }
  const program = resolve(import.meta.dirname, 'web.ts')
  const server = stopLater(
    await startServer(process.execPath, [program, JSON.stringify(options)], /^web ready (\d+)$/, SERVER_CORE),
  )
  const origin = `http://127.0.0.1:${server.ready[1]}`
  const file = join(cookies, String(server.pid))
  const lines: string[] = name === 'none' ? ['none=1'] : []
  while (name !== 'none' && lines.length < SESSIONS) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${origin}/login`, { method: 'POST' })))
    for (const answer of answers) lines.push(answer.headers.getSetCookie()[0]!.split(';')[0]!)
  }
  writeFileSync(file, `${lines.join('\n')}\n`)
  return { name, pid: server.pid, url: `${origin}${name === 'none' ? '/plain' : '/'}`, cookies: file }
}

async function webRound({ name, pid, url, cookies }: Web, seconds: number): Promise<ClientRound> {
  const before = cpuSeconds(pid)
  const script = resolve(import.meta.dirname, 'cookies.lua')
  const output = await runLoad('wrk', ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, url, '--', cookies])
  const cpu = cpuSeconds(pid) - before
  const { requests, microseconds, errors } = JSON.parse(/^RESULT (.*)$/m.exec(output)?.[1] ?? '{}')
  if (!(requests > 0) || errors > 0) throw new Error(`${name}: wrk had ${errors} errors\n${output}`)
  return { rate: (requests / microseconds) * 1e6, cpu: (cpu / requests) * 1e6 }
}

async function clientRound(client: ClientName, seconds: number): Promise<ClientRound> {
  const options: ClientOptions = { client, ...common, keys: SESSIONS, warmUp: plan.warmUp, seconds }
  const program = resolve(import.meta.dirname, 'client.ts')
  return JSON.parse(await runLoad(process.execPath, [program, JSON.stringify(options)], SERVER_CORE))
}

async function interleaved<N>(title: string, names: readonly N[], run: (name: N) => Promise<ClientRound>) {
  const all = names.map(() => [] as ClientRound[])
  for (let round = 0; round < plan.rounds; round++) {
    for (const [n, name] of names.entries()) {
      progress(`${title}: round ${round + 1} of ${plan.rounds}, ${n + 1} of ${names.length}`)
      all[n]!.push(await run(name))
    }
  }
  return all
}

const webs: Web[] = []
for (const name of STORES) {
  progress(`starting: ${name}`)
  webs.push(await startWeb(name))
}
for (const web of webs) {
  progress(`warm-up: ${web.name}`)
  await webRound(web, 2 * plan.warmUp)
}
const web = (await interleaved('application', webs, (each) => webRound(each, plan.seconds))).map(
  (rounds, n): Rounds => ({ name: STORES[n]!, rounds }),
)
const alone = (await interleaved('client', CLIENTS, (name) => clientRound(name, plan.seconds))).map(
  (rounds, n): Rounds => ({ name: CLIENTS[n]!, rounds }),
)
await started.disposeAsync()
const own = cpuSeconds('self') + endedChildrenCpuSeconds() - begun.own
const others = (busySeconds() - begun.busy - own) / ((performance.now() - begun.at) / 1000)
progress('')

const roundsOf = (name: StoreName) => web.find((each) => each.name === name)!.rounds
const bars = [
  bar(
    'Express, CPU of the application: connect-holdfast / connect-redis over TLS (aim 1.0)',
    ratio(roundsOf('connect-holdfast'), roundsOf('connect-redis'), ({ cpu }) => cpu),
    { atMost: 1.3 },
  ),
]
const page = report({ quick: flags.quick, machine: machine(), others, bars, web, alone, redis: redis.version, plan })
writeFileSync(resolve(import.meta.dirname, '../APPLICATION.md'), page)
console.log(page)
if (flags.check && !bars.every(({ met }) => met)) process.exitCode = 1
