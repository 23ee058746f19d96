/**
 * The faults, each as it is done to a scene and undone again; drawn by the run's seed. When one resolves, everything runs and
 * the network is whole.
 */
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../fuzz/random.ts'
import type { Scene } from './scene.ts'

export type Kind = (scene: Scene, random: Random) => Promise<void>

const SECOND = 1000
/** Longer than the hint window of a run's cluster. */
const CUT_S = [18, 24] as const
const SHORT_S = [3, 8] as const
const SKEW_S = 10
const SLOW_MS = 150

async function pause(random: Random, [low, high]: readonly [number, number]): Promise<void> {
  await sleep(random.between(low * SECOND, high * SECOND))
}

/** The datacenters do not reach each other; an instance dies meanwhile. */
async function cut(scene: Scene, random: Random): Promise<void> {
  scene.fault('the datacenters are cut off from each other')
  await scene.cluster.cut()
  await pause(random, SHORT_S)
  const instance = random.pick([...scene.doors.keys()])
  scene.note(`instance ${instance} is killed`)
  await scene.kill(instance)
  await pause(random, CUT_S)
  await scene.cluster.heal()
  await scene.start(instance)
}

/** Cut and whole again, several times, faster than nodes notice. */
async function flutter(scene: Scene, random: Random): Promise<void> {
  for (let i = 0; i < 4; i++) {
    scene.fault('the datacenters are cut off for a moment')
    await scene.cluster.cut()
    await sleep(random.between(200, 3000))
    await scene.cluster.heal()
    await sleep(random.between(200, 3000))
  }
}

async function slowLink(scene: Scene, random: Random): Promise<void> {
  scene.fault('the line between the datacenters is slow')
  await scene.cluster.delay(SLOW_MS)
  await pause(random, [10, 15])
  await scene.cluster.delay(WAN_DELAY_MS)
}

async function killNode(scene: Scene, random: Random): Promise<void> {
  const { name } = random.pick(scene.cluster.nodes)
  scene.fault(`node ${name} is killed`)
  await scene.cluster.kill(name)
  await pause(random, SHORT_S)
  await scene.cluster.start(name)
}

async function pauseNode(scene: Scene, random: Random): Promise<void> {
  const { name } = random.pick(scene.cluster.nodes)
  scene.fault(`node ${name} is paused`)
  scene.cluster.pause(name)
  await pause(random, [5, 15])
  scene.cluster.resume(name)
}

async function killInstances(scene: Scene, random: Random): Promise<void> {
  for (let i = 0; i < 4; i++) {
    const instance = random.pick([...scene.doors.keys()])
    scene.fault(`instance ${instance} is killed`)
    await scene.kill(instance)
    await pause(random, [1, 3])
    await scene.start(instance)
    await pause(random, [1, 3])
  }
}

/** Instances whose clocks are 10 s ahead and behind, with right ones beside them. */
async function skewInstances(scene: Scene, random: Random): Promise<void> {
  const skews = new Map(
    [...scene.doors.keys()].filter((name) => name.endsWith('.2')).map((name, i) => [name, i % 2 === 0]),
  )
  for (const [instance, isAhead] of skews) {
    scene.fault(`the clock of instance ${instance} is ${isAhead ? 'ahead' : 'behind'}`)
    await scene.kill(instance)
    await scene.start(instance, isAhead ? SKEW_S : -SKEW_S)
  }
  await pause(random, [12, 18])
  for (const instance of skews.keys()) {
    await scene.kill(instance)
    await scene.start(instance)
  }
}

/** Node after node and instance after instance, in order. */
async function rollingRestart(scene: Scene): Promise<void> {
  for (const { name } of scene.cluster.nodes) {
    scene.fault(`node ${name} is restarted`)
    await scene.cluster.stop(name)
    await scene.cluster.start(name)
    await sleep(2 * SECOND)
  }
  for (const instance of [...scene.doors.keys()]) {
    await scene.kill(instance)
    await scene.start(instance)
  }
}

/** One way, in ms. */
export const WAN_DELAY_MS = 15

export const KINDS: Readonly<Record<string, Kind>> = {
  cut,
  flutter,
  'slow-link': slowLink,
  'kill-node': killNode,
  'pause-node': pauseNode,
  'kill-instances': killInstances,
  'skew-instances': skewInstances,
  'rolling-restart': rollingRestart,
}

/** Why a kind cannot be had here. */
export function lackingKind(kind: string): string | undefined {
  const missing = kind === 'skew-instances' && !existsSync('/usr/bin/faketime')
  return missing ? 'libfaketime; on Debian: apt-get install -y --no-install-recommends faketime' : undefined
}
