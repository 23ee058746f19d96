/**
 * `npm run fuzz [-- --requests N --seed S --first ID]`: malformed and hostile requests on raw TLS sockets against the real
 * server. Ends with 1 if anything was wrong. What it prints is enough to make any one attack again: the seed, and the
 * number in front of each fault (`--seed S --first ID --requests 1`).
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { campaign, type Report } from './campaign.ts'
import { Field } from './field.ts'
import type { Vitals } from './vitals.ts'

const { values } = parseArgs({
  options: { requests: { type: 'string' }, seed: { type: 'string' }, first: { type: 'string' } },
})

const requests = number('requests', values.requests, 100_000, 1)
const seed = number('seed', values.seed, randomInt(2 ** 31), 0)
const first = number('first', values.first, 0, 0)

console.log(`fuzz: seed ${seed}, ${requests} requests`)
const field = await Field.make()
try {
  const report = await campaign(field, { requests, seed, first, progress: (done) => console.log(`  ${done}`) })
  print(report)
  process.exitCode = report.tally.faultCount === 0 ? 0 : 1
} finally {
  await field.close()
}

function number(name: string, text: string | undefined, fallback: number, least: number): number {
  const value = text === undefined ? fallback : Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  console.error(`--${name}: a whole number of at least ${least}, not ${text}`)
  process.exit(2)
}

function held({ live, rss, sockets, files, handles }: Vitals): string {
  const kinds = Object.entries(handles).map(([kind, count]) => `${count} ${kind}`)
  return `${live.toFixed(1)} MiB live, ${rss.toFixed(0)} resident, ${sockets} sockets, ${files} files; ${kinds.join(', ')}`
}

function print({ tally, connections, dropped, before, after, witness, seconds }: Report): void {
  const ms = (value: number) => `${value.toFixed(1)} ms`
  const counts = [...tally.statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
  console.log(`${tally.attacks} attacks in ${seconds.toFixed(0)} s on ${connections} connections, ${dropped} dropped`)
  console.log(`answers  ${counts.join('  ')}`)
  for (const [shape, { made, unanswered }] of [...tally.shapes].sort()) {
    console.log(`  ${shape.padEnd(18)} ${String(made).padStart(7)}   ${unanswered} without an answer`)
  }
  console.log(
    `witness  ${witness.requests} requests: p50 ${ms(witness.p50)}, p99 ${ms(witness.p99)}, worst ${ms(witness.worst)}`,
  )
  console.log(`held     ${held(before)} at the base`)
  console.log(`         ${held(after)} at the end`)
  console.log(`searched ${tally.forbidden.length} forbidden keys, ${tally.written.length} written ones`)
  for (const fault of tally.faults) console.log(`FAULT    ${fault}`)
  console.log(
    tally.faultCount === 0 ? 'passed' : `${tally.faultCount} faults; replay: --seed ${seed} --first ID --requests 1`,
  )
}
