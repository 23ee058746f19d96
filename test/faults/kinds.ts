/**
 * The faults, each as it is done to a scene and undone again; drawn by the run's seed. When one resolves, everything runs and
 * the network is whole.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../fuzz/random.ts'
import { clockOf } from './engine-door.ts'
import type { Scene } from './scene.ts'

export type Kind = (scene: Scene, random: Random) => Promise<void>

const SECOND = 1000
/** Longer than the hint window of a run's cluster. */
const CUT_S = [18, 24] as const
const SHORT_S = [3, 8] as const
const SKEW_S = 10
const SLOW_MS = 150
const DISK_MIB = 700

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

/** A node whose clock is 10 s ahead or behind. */
async function skewNode(scene: Scene, random: Random): Promise<void> {
  const { name } = random.pick(scene.cluster.nodes)
  const seconds = random.pick([SKEW_S, -SKEW_S])
  scene.fault(`the clock of node ${name} is ${seconds} s ahead`)
  await scene.cluster.stop(name)
  await scene.cluster.start(name, { env: clockOf(seconds) })
  await pause(random, [12, 18])
  await scene.cluster.stop(name)
  await scene.cluster.start(name, {})
}

/** A node's file system has no byte left, and later has again. */
async function fillDisk(scene: Scene, random: Random): Promise<void> {
  const { cluster } = scene
  const { name } = random.pick(cluster.nodes)
  const folder = cluster.folderOf(name)
  const aside = `${folder}.aside`
  const ballast = join(folder, 'ballast')
  scene.fault(`node ${name} moves to a small disk`)
  await cluster.stop(name)
  renameSync(folder, aside)
  command('mkdir', folder)
  command('mount', '-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=0700`, 'tmpfs', folder)
  try {
    cpSync(aside, folder, { recursive: true })
    await cluster.start(name)
    scene.note('it is full')
    spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=64k'])
    await pause(random, [12, 18])
    rmSync(ballast)
    // What it does about a full disk is its own affair; whoever looks after it starts it again.
    await cluster.stop(name).catch(() => {})
    rmSync(aside, { recursive: true })
    cpSync(folder, aside, { recursive: true })
  } finally {
    command('umount', '--lazy', folder)
    rmSync(folder, { recursive: true })
    renameSync(aside, folder)
  }
  await cluster.start(name)
}

function command(file: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(file, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`)
}

/** A new node takes the place of one of several in its datacenter, which is lost with all it kept. */
async function replaceNode(scene: Scene, random: Random): Promise<void> {
  const { nodes } = scene.cluster
  const { name } = random.pick(
    nodes.filter(({ datacenter }) => nodes.filter((it) => it.datacenter === datacenter).length > 1),
  )
  scene.fault(`node ${name} is lost, and replaced`)
  await scene.cluster.kill(name)
  await pause(random, SHORT_S)
  await scene.cluster.replace(name)
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
  'skew-node': skewNode,
  'disk-full': fillDisk,
  replace: replaceNode,
  'rolling-restart': rollingRestart,
}

/** Why a kind cannot be had here, with so many nodes in the first datacenter. */
export function lackingKind(kind: string, nodes: number): string | undefined {
  if (kind === 'replace' && nodes === 1) return 'a node that was the only one of its datacenter cannot be replaced'
  const missing = kind.startsWith('skew') && !existsSync('/usr/bin/faketime')
  return missing ? 'libfaketime; on Debian: apt-get install -y --no-install-recommends faketime' : undefined
}
