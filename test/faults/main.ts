/**
 * `npm run faults [-- --shape 1+1 --runs 8 --seed S --only cut,kill-node --keep FOLDER]`: a real Cassandra of two datacenters
 * under load and faults, one kind a run, and each run's history judged. A seed decides the load and the fault of a run;
 * how they interleave is the machine's, so every run keeps its history, and
 * `npm run faults -- --judge FILE` judges a kept one again. `--broken NAME` (or `all`) makes one mistake (broken.ts) and fails
 * unless it is found.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { makeKeyspace } from '../cassandra/keyspaces.ts'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { SHAPES, type Shape } from '../cluster/shapes.ts'
import { Random } from '../fuzz/random.ts'
import { isBreakage, SHOWS_UNDER } from './broken.ts'
import { parse } from './events.ts'
import { type Complaint, judge } from './judge.ts'
import { KINDS, lackingKind, WAN_DELAY_MS } from './kinds.ts'
import { Load } from './load.ts'
import { Recorder } from './recorder.ts'
import { headerOf, Scene } from './scene.ts'
import { BREAKAGES, type Breakage } from './simulated/instance.ts'
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
type Floor = typeof FLOOR
/** Where something is to be found, nothing has to be proved. */
const FEW: Floor = { definite: 500, ends: 50, looksAfterEnds: 0 }
/** Many reads of few keys: what is wrong between two reads of one key shows. */
const CROWD = { clients: 48, keys: 6, pause: 3 }

const USAGE = `usage: npm run faults -- [--shape 1+1|3+1] [--runs N] [--seed N] [--keep FOLDER] [--judge FILE]
  [--only ${Object.keys(KINDS).join()}]
  [--broken all|NAME,NAME: ${BREAKAGES.join()}]`

async function run(scene: Scene, kind: string, seed: number, file: string, floor = FLOOR, crowd = LOAD) {
  const recorder = new Recorder(headerOf(scene.cluster, seed, kind), file)
  const load = new Load(recorder, [...scene.doors.values()], { ...crowd, seed })
  scene.recorder = recorder
  scene.load = load
  load.start()
  await sleep(WARM_UP_MS)
  await KINDS[kind]!(scene, new Random(seed))
  await sleep(AFTER_MS)
  // Of pending ends, none comes after it.
  while (tally(recorder.history()).ends < floor.ends) await sleep(1000)
  await load.stop()
  recorder.mark('healed', 'everything runs, and the network is whole')
  await sleep(recorder.header.healing + 100)
  await load.inspect(LOOKS, LOOK_PATIENCE_MS)
  const history = recorder.history()
  const counted = tally(history)
  const complaints = judge(history)
  console.log(`  ${JSON.stringify(counted)}`)
  for (const name of Object.keys(floor) as (keyof Floor)[]) {
    if (counted[name] < floor[name])
      throw new Error(`${name}: ${counted[name]}, at least ${floor[name]} prove something`)
  }
  return complaints
}

function tell(complaints: readonly Complaint[], file: string): void {
  for (const { rule, why, story } of complaints.slice(0, 5)) console.error(`\n(${rule}) ${why}\n${story}`)
  console.error(`\n${complaints.length} complaints; the history is in ${file}`)
}

const text = { type: 'string' } as const
const OPTIONS = {
  shape: { type: 'string', default: '1+1' },
  runs: text,
  seed: { type: 'string', default: String(Date.now() % 1e9) },
  only: text,
  keep: { type: 'string', default: resolve(import.meta.dirname, '../../.holdfast/faults') },
  judge: text,
  broken: text,
} as const

interface Settings {
  readonly shape: Shape
  readonly kinds: readonly string[]
  readonly runs: number
  readonly seed: number
  readonly keep: string
}

function rejudge(file: string): number {
  const history = parse(readFileSync(file, 'utf8'))
  const complaints = judge(history)
  console.log(JSON.stringify(tally(history)))
  if (complaints.length > 0) tell(complaints, file)
  return complaints.length === 0 ? 0 : 1
}

/** How many runs broke a promise. */
async function runAll(cluster: Cluster, { shape, kinds, runs, seed, keep }: Settings): Promise<number> {
  const scene = await Scene.make(cluster, await makeKeyspace(cluster), undefined)
  let failed = 0
  try {
    for (let i = 0; i < runs; i++) {
      const kind = kinds[i % kinds.length]!
      const file = join(keep, `${seed + i}-${kind}.jsonl`)
      console.log(`run ${i + 1}: npm run faults -- --shape ${shape} --only ${kind} --seed ${seed + i}`)
      const complaints = await run(scene, kind, seed + i, file)
      if (complaints.length === 0) continue
      failed++
      tell(complaints, file)
    }
  } finally {
    await scene.close()
  }
  console.log(failed === 0 ? 'every promise holds' : `${failed} of ${runs} runs broke a promise`)
  return failed
}

/** How many mistakes were not found, in up to so many runs each. */
async function runBroken(
  cluster: Cluster,
  names: readonly Breakage[],
  { runs, seed, keep }: Settings,
): Promise<number> {
  const missed: string[] = []
  for (const name of names) {
    const kind = SHOWS_UNDER[name]
    let found: Complaint | undefined
    const scene = await Scene.make(cluster, await makeKeyspace(cluster), name)
    for (let i = 0; i < runs && found === undefined; i++) {
      console.log(`${name}: ${kind}, seed ${seed + i}`)
      found = (await run(scene, kind, seed + i, join(keep, `broken-${seed + i}.jsonl`), FEW, CROWD))[0]
    }
    await scene.close()
    console.log(found === undefined ? '  NOT FOUND' : `  found: (${found.rule}) ${found.why}`)
    if (found === undefined) missed.push(name)
  }
  return missed.length
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS })
  if (values.judge !== undefined) return rejudge(values.judge)
  const { keep, broken } = values
  const shape = values.shape as Shape
  const size: number = SHAPES[shape]?.[0] ?? 0
  const kinds = values.only?.split(',') ?? Object.keys(KINDS).filter((kind) => lackingKind(kind, size) === undefined)
  const runs = Number(values.runs ?? (broken === undefined ? kinds.length : 3))
  const seed = Number(values.seed)
  const why = kinds.map((kind) => (KINDS[kind] === undefined ? `no fault is named ${kind}` : lackingKind(kind, size)))
  const names = broken === 'all' ? BREAKAGES : (broken?.split(',') ?? [])
  const wrong = [...why, ...names.map((name) => (isBreakage(name) ? undefined : `no mistake is named ${name}`))].find(
    Boolean,
  )
  if (size === 0 || !(runs >= 1) || !(seed >= 0) || wrong !== undefined) {
    console.error(USAGE)
    if (wrong !== undefined) console.error(wrong)
    return 2
  }
  mkdirSync(keep, { recursive: true })
  console.log(`seed ${seed}, shape ${shape}`)
  await using cluster = await startCluster({ shape, wanDelayMs: WAN_DELAY_MS, hintWindowMs: HINT_WINDOW_MS })
  const settings = { shape, kinds, runs, seed, keep }
  const failures =
    broken === undefined
      ? await runAll(cluster, settings)
      : await runBroken(cluster, names.filter(isBreakage), settings)
  return failures === 0 ? 0 : 1
}

process.exit(await main())
