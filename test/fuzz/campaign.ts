/**
 * A whole run against one server: plant guards, warm up, measure what the server holds, attack while a witness looks on,
 * and then look at what is left: keys that must not be there, guards that must, sockets, memory, the log, the process.
 */
import { Attacker } from './assault.ts'
import { lineWithCanary } from './canary.ts'
import type { Field } from './field.ts'
import { attackOf } from './shapes.ts'
import { Tally } from './tally.ts'
import type { Monitor, Vitals } from './vitals.ts'

/** Attackers at work at once, and those that may stall besides. */
const ATTACKERS = 32
const STALLERS = 150
/** Attacks before the base is measured: code is compiled and buffers have their size after these. */
const WARM_UP = 1_500
/**
 * What the server may hold more than at the base. Live memory, in MiB: metrics, audit and compiled code grow a little at
 * first. Files besides sockets. No sockets, and no handles but timers, of which some run out later.
 */
const LIVE_TOLERANCE = 6
const FILES_TOLERANCE = 2
const TIMERS_TOLERANCE = 10
/** MiB that it may have resident at all. */
const MOST_RSS = 1_024
const SETTLE_MS = 20_000
/** Ms that the witness may wait for its slowest answer. Attackers, witness and server share the machine. */
const WITNESS_WORST = 5_000
/** Share of the attacks that may be answered 503 first: there are moments at which much is asked at once. */
const MOST_BUSY = 0.03
const WITNESS_OWNER = 0x5000_0000
/** Numbers of the witness for each attack: on a fast machine it is quicker than the attackers, and no key may come twice. */
const WITNESS_ROUNDS = 1_000

export interface CampaignOptions {
  readonly requests: number
  readonly seed: number
  /** Number of the first attack: one attack is made again by `first: N, requests: 1`. */
  readonly first?: number
  readonly progress?: (attacks: number) => void
}

export interface Report {
  readonly tally: Tally
  readonly connections: number
  /** Connections that the server dropped before TLS was up, and that were tried again. */
  readonly dropped: number
  readonly before: Vitals
  readonly after: Vitals
  readonly witness: { readonly requests: number; readonly p50: number; readonly p99: number; readonly worst: number }
  readonly seconds: number
}

export async function campaign(field: Field, options: CampaignOptions): Promise<Report> {
  const { requests, first = 0 } = options
  const started = performance.now()
  const tally = new Tally()
  const monitor = field.monitor
  const quiet = monitor.sockets
  await field.plantGuards()
  const warmUp = Math.min(WARM_UP, Math.floor(requests / 3))
  const early = await attack(field, tally, options, first, first + warmUp)
  await monitor.calm(quiet, SETTLE_MS)
  const before = await atRest(monitor)
  const late = await attack(field, tally, options, first + warmUp, first + requests)
  await monitor.calm(quiet, SETTLE_MS)
  const after = await atRest(monitor)
  if (after.sockets > quiet) tally.fault(`${after.sockets} sockets are open, ${quiet} at the start`)
  for (const fault of compare(before, after)) tally.fault(fault)
  for (const fault of await field.searchKeys(tally.forbidden, tally.written)) tally.fault(fault)
  for (const fault of readLog(field)) tally.fault(fault)
  if (tally.busy > requests * MOST_BUSY) tally.fault(`${tally.busy} of ${requests} attacks were answered 503`)
  const latencies = [...early.latencies, ...late.latencies]
  const witness = {
    requests: latencies.length,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    worst: percentile(latencies, 1),
  }
  if (witness.worst > WITNESS_WORST) tally.fault(`the witness waited ${witness.worst.toFixed(0)} ms for an answer`)
  return {
    tally,
    connections: early.connections + late.connections,
    dropped: early.dropped + late.dropped,
    before,
    after,
    witness,
    seconds: (performance.now() - started) / 1_000,
  }
}

/** The value below which the share `p` of the numbers lies. */
function percentile(numbers: readonly number[], p: number): number {
  const sorted = Float64Array.from(numbers).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN
}

/** Measures between the moments, twice a second, at which the server looks at its files; a request that never ends is seen. */
async function atRest(monitor: Monitor): Promise<Vitals> {
  for (let tries = 1; ; tries++) {
    const vitals = await monitor.measure()
    if (vitals.handles.FSReqPromise === undefined || tries === 5) return vitals
  }
}

/** What is held after a run and was not before. */
function compare(before: Vitals, after: Vitals): string[] {
  const faults: string[] = []
  if (after.files > before.files + FILES_TOLERANCE) faults.push(`${after.files} files, ${before.files} at the base`)
  if (after.rss > MOST_RSS) faults.push(`${after.rss.toFixed(0)} MiB resident`)
  if (after.live > before.live + LIVE_TOLERANCE) {
    faults.push(`${after.live.toFixed(1)} MiB live, ${before.live.toFixed(1)} at the base`)
  }
  for (const [kind, count] of Object.entries(after.handles)) {
    const base = (before.handles[kind] ?? 0) + (kind === 'Timeout' ? TIMERS_TOLERANCE : 0)
    if (count > base) faults.push(`${count} handles of kind ${kind}, ${base} at the base`)
  }
  return faults
}

/** Attacks `from` to `to`, many at once, under the eyes of a witness. */
async function attack(field: Field, tally: Tally, { seed, progress }: CampaignOptions, from: number, to: number) {
  const { door, target } = field
  const endWitness = field.witness(WITNESS_OWNER + from * WITNESS_ROUNDS)
  const attackers: Attacker[] = []
  const stalling = new Set<Promise<void>>()
  let next = from

  const one = async (attacker: Attacker, id: number, attack = attackOf(seed, id, target)) => {
    tally.take(id, attack, await attacker.carryOut(attack))
    if (tally.attacks % 5_000 === 0) progress?.(tally.attacks)
  }
  const stall = (id: number) => {
    const attacker = new Attacker(door)
    attackers.push(attacker)
    const running = one(attacker, id).finally(() => stalling.delete(running))
    stalling.add(running)
  }
  const work = async () => {
    const attacker = new Attacker(door)
    attackers.push(attacker)
    for (let id = next++; id < to; id = next++) {
      const attack = attackOf(seed, id, target)
      if (attack.stalls !== true) await one(attacker, id, attack)
      else {
        while (stalling.size >= STALLERS) await Promise.race(stalling)
        stall(id)
      }
    }
    attacker.close()
  }
  await Promise.all(Array.from({ length: ATTACKERS }, work))
  await Promise.all(stalling)
  const witness = await endWitness()
  for (const fault of witness.faults.slice(0, 10)) tally.fault(`witness: ${fault}`)
  if (witness.latencies.length === 0) tally.fault('the witness saw nothing')
  const sum = (count: (attacker: Attacker) => number) => attackers.reduce((all, one) => all + count(one), 0)
  return {
    latencies: witness.latencies,
    connections: sum((attacker) => attacker.connections),
    dropped: sum((attacker) => attacker.dropped),
  }
}

/** What Node prints when {@link Monitor} attaches. */
const INSPECTOR = /^(Debugger (listening|attached|ending)|For help, see: https:\/\/nodejs|Waiting for the debugger)/

/** What may not be in the log: canaries in any dress, stack traces, errors; and the server must still be there. */
function readLog({ server: { program } }: Field): string[] {
  const faults: string[] = []
  const lines = [...program.stdout.split('\n'), ...program.stderr.split('\n')]
  const leak = lineWithCanary(lines)
  if (leak !== undefined) faults.push(`a key or a value in the log: ${leak.slice(0, 300)}`)
  const trace = lines.find((line) => /\bat .*(:\d+:\d+|node:internal)|"stack"/.test(line))
  if (trace !== undefined) faults.push(`a stack trace in the log: ${trace.slice(0, 500)}`)
  const error = program.lines().find(({ level }) => level === 'error' || level === 'fatal' || Number(level) >= 50)
  if (error !== undefined) faults.push(`an error in the log: ${JSON.stringify(error).slice(0, 500)}`)
  const complaints = program.stderr.split('\n').filter((line) => line !== '' && !INSPECTOR.test(line))
  if (complaints.length > 0) faults.push(`standard error: ${complaints.join(' ').slice(0, 500)}`)
  const { exitCode, signalCode } = program.child
  if (exitCode !== null || signalCode !== null) faults.push(`the server ended: ${exitCode ?? signalCode}`)
  return faults
}
