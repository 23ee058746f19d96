/**
 * What a run plays on: a cluster, its instances (two in each datacenter, each a process), and the load that asks them. Faults
 * (kinds.ts) are done to it.
 */
import type { Space } from '@holdfast/engine'
import type { Keyspace } from '../cassandra/keyspaces.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { EngineDoor } from './engine-door.ts'
import type { Header, StoreRules } from './events.ts'
import type { Load } from './load.ts'
import type { Recorder } from './recorder.ts'
import type { Breakage } from './simulated/instance.ts'

const DAY_SECONDS = 86_400
/** Ms after the network is whole by which every pending end is through: nodes find each other, then instances look. */
const HEALING_MS = 30_000
const INSTANCES = 2

export const STORES: Readonly<Record<string, StoreRules>> = {
  'store:sessions': { final: true, atomic: 'no', logout: 'everywhere' },
  'store:logins': { final: true, atomic: 'datacenter', logout: 'everywhere' },
  'store:codes': { final: true, atomic: 'global', logout: 'everywhere' },
  'store:cache': { final: false, atomic: 'no', logout: 'everywhere' },
  'store:counts': { final: false, atomic: 'datacenter', logout: 'everywhere' },
  'store:passwords': { final: false, atomic: 'global', logout: 'everywhere' },
}

const SPACES = Object.entries(STORES).map(([id, { final, atomic }]): Space => {
  return { id, shape: 'cell', final, atomic, longestTtl: DAY_SECONDS, maxSize: 1_000_000 }
})

export function headerOf(cluster: Cluster, seed: number, note: string): Header {
  const datacenters = [...new Set(cluster.nodes.map(({ datacenter }) => datacenter))]
  return { history: 1, datacenters, stores: STORES, clocksApart: 25_000, healing: HEALING_MS, seed, note }
}

export class Scene {
  readonly cluster: Cluster
  readonly doors = new Map<string, EngineDoor>()
  readonly #keyspace: Keyspace
  readonly #broken: Breakage | undefined
  load: Load | undefined
  recorder: Recorder | undefined

  private constructor(cluster: Cluster, keyspace: Keyspace, broken: Breakage | undefined) {
    this.cluster = cluster
    this.#keyspace = keyspace
    this.#broken = broken
  }

  static async make(cluster: Cluster, keyspace: Keyspace, broken: Breakage | undefined): Promise<Scene> {
    const scene = new Scene(cluster, keyspace, broken)
    for (const dc of new Set(cluster.nodes.map(({ datacenter }) => datacenter))) {
      for (let n = 1; n <= INSTANCES; n++) await scene.start(`${dc}.${n}`)
    }
    return scene
  }

  /** `dc1.2`: the second of that datacenter. `skew`: seconds that its clock is ahead. */
  async start(instance: string, skew?: number): Promise<void> {
    const dc = instance.split('.')[0]!
    const clock = skew === undefined ? {} : { skew }
    const options = this.#keyspace.optionsIn(dc)
    const door = await EngineDoor.start({ dc, instance, options, spaces: SPACES, broken: this.#broken, ...clock })
    this.doors.set(instance, door)
    this.load?.add(door)
  }

  async kill(instance: string): Promise<void> {
    await this.doors.get(instance)!.kill()
    this.load?.remove(instance)
  }

  fault(what: string): void {
    this.recorder!.mark('fault', what)
  }

  note(what: string): void {
    this.recorder!.mark('note', what)
  }

  async close(): Promise<void> {
    await Promise.all([...this.doors.values()].map((door) => door.close()))
  }
}
