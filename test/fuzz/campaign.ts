/**
 * A whole run against one server: plant guards, warm up, measure what the server holds, attack while a witness looks on,
 * and then look at what is left: keys that must not be there, guards that must, sockets, memory, the log, the process.
 */
import { Attacker } from './assault.ts'
import { lineWithCanary } from './canary.ts'
import type { Field } from './field.ts'
import { attackOf } from './shapes.ts'
import { Tally } from './tally.ts'
import { settled, type Vitals, vitals } from './vitals.ts'

/** Attackers at work at once, and those that may stall besides. */
const ATTACKERS = 32
const STALLERS = 150
/** Attacks before the base is measured: code is compiled and buffers have their size after these. */
const WARM_UP = 1_500
/** MiB and files besides sockets that the server may hold more than at the base. Sockets: none. */
const RSS_TOLERANCE = 96
const FILES_TOLERANCE = 2
const SETTLE_MS = 20_000
/** Ms that the witness may wait for its slowest answer. Attackers, witness and server share the machine. */
const WITNESS_WORST = 5_000
/** Share of all answers that may be 503: attackers ask for much at once. */
const MOST_BUSY = 0.1
const WITNESS_OWNER = 0x5000_0000

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
  const pid = field.pid
  const quiet = vitals(pid)
  await field.plantGuards()
  const warmUp = Math.min(WARM_UP, Math.floor(requests / 3))
  const early = await attack(field, tally, options, first, first + warmUp)
  const before = await settled(pid, SETTLE_MS, (now) => now.sockets <= quiet.sockets)
  const late = await attack(field, tally, options, first + warmUp, first + requests)
  const calm = (now: Vitals) => now.sockets <= quiet.sockets && now.rss <= before.rss + RSS_TOLERANCE
  const after = await settled(pid, SETTLE_MS, calm)
  if (after.sockets > quiet.sockets) tally.fault(`${after.sockets} sockets are open, ${quiet.sockets} at the start`)
  if (after.files > quiet.files + FILES_TOLERANCE) tally.fault(`${after.files} files, ${quiet.files} at the start`)
  if (after.rss > before.rss + RSS_TOLERANCE) tally.fault(`${mib(after)} MiB resident, ${mib(before)} at the base`)
  for (const fault of await field.searchKeys(tally.forbidden, tally.written)) tally.fault(fault)
  for (const fault of readLog(field)) tally.fault(fault)
  const answers = [...tally.statuses.values()].reduce((sum, count) => sum + count, 0)
  const busy = tally.statuses.get(503) ?? 0
  if (busy > answers * MOST_BUSY) tally.fault(`${busy} of ${answers} answers are 503`)
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

const mib = ({ rss }: Vitals): string => rss.toFixed(0)

/** Attacks `from` to `to`, many at once, under the eyes of a witness. */
async function attack(field: Field, tally: Tally, { seed, progress }: CampaignOptions, from: number, to: number) {
  const { door, target } = field
  const endWitness = field.witness(WITNESS_OWNER + from)
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
  if (program.stderr !== '') faults.push(`standard error: ${program.stderr.slice(0, 500)}`)
  const { exitCode, signalCode } = program.child
  if (exitCode !== null || signalCode !== null) faults.push(`the server ended: ${exitCode ?? signalCode}`)
  return faults
}
