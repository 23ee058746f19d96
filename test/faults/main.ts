/**
 * `npm run faults [-- --shape 1+1 --runs 8 --seed S --only cut,kill-node --keep FOLDER]`: a real Cassandra of two datacenters
 * under load and faults, one kind a run, and each run's history judged. A seed decides the load and the fault of a run;
 * how they interleave is the machine's, so a run that fails keeps its history, and
 * `npm run faults -- --judge FILE` judges a kept one again.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { makeKeyspace } from '../cassandra/keyspaces.ts'
import { startCluster } from '../cluster/cluster.ts'
import { SHAPES, type Shape } from '../cluster/shapes.ts'
import { Random } from '../fuzz/random.ts'
import { parse } from './events.ts'
import { type Complaint, judge } from './judge.ts'
import { KINDS, lackingKind, WAN_DELAY_MS } from './kinds.ts'
import { Load } from './load.ts'
import { Recorder } from './recorder.ts'
import { headerOf, Scene } from './scene.ts'
import { tally } from './tally.ts'

/** Shorter than a cut, so that what is seen through owes nothing to hints. */
const HINT_WINDOW_MS = 5_000
const LOAD = { clients: 16, keys: 24, pause: 25 }
const WARM_UP_MS = 4_000
const AFTER_MS = 6_000
const LOOKS = 3
const LOOK_PATIENCE_MS = 60_000
/** Of a run, or it proves nothing. */
const FLOOR = { definite: 2000, ends: 200, looksAfterEnds: LOOKS }

async function run(scene: Scene, kind: string, seed: number, file: string): Promise<Complaint[]> {
  const recorder = new Recorder(headerOf(scene.cluster, seed, kind), file)
  const load = new Load(recorder, [...scene.doors.values()], { ...LOAD, seed })
  scene.recorder = recorder
  scene.load = load
  load.start()
  await sleep(WARM_UP_MS)
  await KINDS[kind]!(scene, new Random(seed))
  await sleep(AFTER_MS)
  // Of pending ends, none comes after it.
  while (tally(recorder.history()).ends < FLOOR.ends) await sleep(1000)
  await load.stop()
  recorder.mark('healed', 'everything runs, and the network is whole')
  await sleep(recorder.header.healing + 100)
  await load.inspect(LOOKS, LOOK_PATIENCE_MS)
  const history = recorder.history()
  const counted = tally(history)
  const complaints = judge(history)
  console.log(`  ${JSON.stringify(counted)}`)
  for (const name of Object.keys(FLOOR) as (keyof typeof FLOOR)[]) {
    if (counted[name] < FLOOR[name])
      throw new Error(`${name}: ${counted[name]}, at least ${FLOOR[name]} prove something`)
  }
  return complaints
}

function tell(complaints: readonly Complaint[], file: string): void {
  for (const { rule, why, story } of complaints.slice(0, 5)) console.error(`\n(${rule}) ${why}\n${story}`)
  console.error(`\n${complaints.length} complaints; the history is in ${file}`)
}

async function main(): Promise<number> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      shape: { type: 'string', default: '1+1' },
      runs: text,
      seed: { type: 'string', default: String(Date.now() % 1e9) },
      only: { type: 'string', default: Object.keys(KINDS).join() },
      keep: { type: 'string', default: resolve(import.meta.dirname, '../../.holdfast/faults') },
      judge: text,
    },
  })
  if (values.judge !== undefined) {
    const history = parse(readFileSync(values.judge, 'utf8'))
    const complaints = judge(history)
    console.log(JSON.stringify(tally(history)))
    if (complaints.length > 0) tell(complaints, values.judge)
    return complaints.length === 0 ? 0 : 1
  }
  const kinds = values.only.split(',')
  const runs = Number(values.runs ?? kinds.length)
  const seed = Number(values.seed)
  const why = kinds
    .map((kind) => (KINDS[kind] === undefined ? `no fault is named ${kind}` : lackingKind(kind)))
    .find(Boolean)
  if (!Object.hasOwn(SHAPES, values.shape) || !(runs >= 1) || !(seed >= 0) || why !== undefined) {
    console.error(
      `usage: npm run faults -- [--shape 1+1] [--runs 8] [--seed 1] [--only ${Object.keys(KINDS).join()}] [--keep FOLDER] [--judge FILE]`,
    )
    if (why !== undefined) console.error(why)
    return 2
  }
  mkdirSync(values.keep, { recursive: true })
  console.log(`${runs} runs on ${values.shape}, seed ${seed}`)
  await using cluster = await startCluster({
    ...{ shape: values.shape as Shape, wanDelayMs: WAN_DELAY_MS, hintWindowMs: HINT_WINDOW_MS },
  })
  const scene = await Scene.make(cluster, await makeKeyspace(cluster))
  let failed = 0
  try {
    for (let i = 0; i < runs; i++) {
      const kind = kinds[i % kinds.length]!
      const file = join(values.keep, `${seed + i}-${kind}.jsonl`)
      console.log(
        `run ${i + 1}: ${kind}, seed ${seed + i} (npm run faults -- --shape ${values.shape} --only ${kind} --seed ${seed + i})`,
      )
      const complaints = await run(scene, kind, seed + i, file)
      if (complaints.length === 0) continue
      failed++
      tell(complaints, file)
    }
  } finally {
    await scene.close()
  }
  console.log(failed === 0 ? 'every promise holds' : `${failed} of ${runs} runs broke a promise`)
  return failed === 0 ? 0 : 1
}

process.exit(await main())
