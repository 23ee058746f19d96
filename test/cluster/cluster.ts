/**
 * A real Cassandra for tests: `await using cluster = await startCluster({ shape: '1' })`. When the promise resolves every node
 * serves: TLS with certificates on both sides, passwords, a superuser of its own name. The cluster ends with the process that
 * started it, however that ends, unless it was told to outlive it; then {@link openCluster} finds it by its folder.
 *
 * It is small and on one machine: it shows what Cassandra answers, not how fast it can be.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { prepare } from './classes.ts'
import type { NodeOptions } from './member.ts'
import { lackingNetwork } from './network.ts'
import { Cluster, onLoopback } from './running.ts'
import { placesOf, type Shape } from './shapes.ts'
import { hasState, readState, type State } from './state.ts'

export type { Cluster, CqlOptions, Node, NodeStatus } from './running.ts'

export interface ClusterOptions {
  /** Nodes in each datacenter. */
  readonly shape: Shape
  /** How long a packet takes between two datacenters, one way; 0 unless given. */
  readonly wanDelayMs?: number
  /** Two datacenters without a network of their own, so without root; nothing can be cut. One datacenter needs none. */
  readonly loopback?: boolean
  /** Until when a node that is down is told later what it missed: Cassandra's three hours unless given. */
  readonly hintWindowMs?: number
  /** `run` for measuring: compiled as in production, and with a heap of a gigabyte. */
  readonly tuned?: 'start' | 'run'
  /** The CQL ports take plaintext besides TLS: for measuring what TLS costs. */
  readonly plaintextToo?: boolean
  /** By the name of a node. */
  readonly nodes?: Readonly<Record<string, NodeOptions>>
  /** Where all of it is kept, and stays; else in a temporary folder that goes with the cluster. */
  readonly folder?: string
  /** Lives on when this process ends. Needs a folder. */
  readonly outlives?: boolean
}

const HOUR_MS = 3_600_000

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { shape, hintWindowMs = 3 * HOUR_MS, tuned = 'start', plaintextToo = false, outlives = false } = options
  check(options)
  await prepare()
  const folder = resolve(options.folder ?? mkdtempSync(join(tmpdir(), 'holdfast-cluster-')))
  if (hasState(folder)) throw new Error(`${folder} holds a cluster already: end that, or choose another folder`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const state: State = {
    ...{
      shape,
      hintWindowMs,
      tuned,
      plaintextToo,
      outlives,
      network: undefined,
      isCut: false,
      helpers: [],
      members: [],
    },
    name: `holdfast-${randomBytes(4).toString('hex')}`,
    superuser: { username: 'cluster_admin', password: randomBytes(24).toString('base64url') },
  }
  const cluster = new Cluster(folder, state, options.folder === undefined)
  try {
    await cluster.boot(options)
    return cluster
  } catch (error) {
    await cluster[Symbol.asyncDispose]()
    throw error
  }
}

/** A cluster that outlived the process that started it. */
export function openCluster(folder: string): Cluster {
  if (!hasState(folder)) throw new Error(`there is no cluster in ${folder}`)
  return new Cluster(resolve(folder), readState(folder), false)
}

function check({ shape, loopback, wanDelayMs, nodes = {}, outlives, folder }: ClusterOptions): void {
  const names = placesOf(shape).map(({ name }) => name)
  const stranger = Object.keys(nodes).find((name) => !names.includes(name))
  if (stranger !== undefined) throw new Error(`shape ${shape} has no node ${stranger}; it has ${names.join(', ')}`)
  if (outlives && folder === undefined) throw new Error('a cluster that outlives its process needs a folder')
  if (onLoopback({ shape, loopback })) {
    if (wanDelayMs !== undefined) throw new Error('on loopback there is no line between datacenters, so no delay of it')
  } else {
    const why = lackingNetwork()
    if (why !== undefined) throw new Error(`two datacenters need a network of their own, or loopback: ${why}`)
  }
}
