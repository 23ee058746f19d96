/**
 * A cluster that runs: what it is, and what can be done to it. Everything it knows lies in a file of its folder ({@link State}),
 * written at each change, so that another process can go on with it.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type cassandra from 'cassandra-driver'
import { addressOf, loopbackSubnet, nextAddress } from './addresses.ts'
import { clientFiles, makeClientFiles } from './certificates.ts'
import { prepare } from './classes.ts'
import type { ClusterOptions } from './cluster.ts'
import { type Login, loggedIn } from './login.ts'
import type { Common, Member, NodeOptions } from './member.ts'
import * as members from './member.ts'
import { commandWan, enter, makeNetwork, setAddress } from './network.ts'
import { end, launch, memoryOf, type ProcessId, type ProcessState, signal, stateOf } from './processes.ts'
import { DEFAULT_USER, knows, reachesAll, setUp } from './set-up.ts'
import { CQL_PORT } from './settings.ts'
import { placesOf, replication, type Shape } from './shapes.ts'
import { type State, writeState } from './state.ts'

export interface Node {
  /** `dc1-2`: the second of the first datacenter, which is named `dc1`. */
  readonly name: string
  readonly datacenter: string
  readonly host: string
  readonly port: number
}

export interface NodeStatus extends Node {
  readonly state: ProcessState
  readonly pid: number | undefined
  /** Whether its CQL port answers. */
  readonly serves: boolean
  /** Bytes. */
  readonly memory: number
}

export interface CqlOptions {
  readonly params?: readonly unknown[]
  /** One of the driver's `types.consistencies`; LOCAL_ONE unless given. */
  readonly consistency?: cassandra.types.consistencies
  /** The node that is asked: the first unless given. */
  readonly node?: string
}

const HEAP_MIB = { '1': 512, '1+1': 512, '3+1': 384 }
const RING_DELAY_MS = { '1': 1000, '1+1': 1000, '3+1': 5000 }

export class Cluster implements AsyncDisposable {
  readonly folder: string
  readonly #temporary: boolean
  #state: State

  /** For `startCluster` and `openCluster`. */
  constructor(folder: string, state: State, temporary: boolean) {
    this.folder = folder
    this.#state = state
    this.#temporary = temporary
  }

  get shape(): Shape {
    return this.#state.shape
  }

  get nodes(): Node[] {
    return this.#state.members.map(({ name, datacenter, host }) => ({ name, datacenter, host, port: CQL_PORT }))
  }

  /** May do everything, and needs the nodes of one datacenter only to do it. */
  get superuser(): Login {
    return this.#state.superuser
  }

  /** Paths of PEM files: the authority of nodes and clients, and a pair that makes one a client. */
  get authority(): string {
    return clientFiles(this.folder).authority
  }

  get clientCertificate(): string {
    return clientFiles(this.folder).clientCertificate
  }

  get clientKey(): string {
    return clientFiles(this.folder).clientKey
  }

  /** Where a node keeps its data, settings and logs. */
  folderOf(name: string): string {
    return members.folderOf(this, this.#member(name))
  }

  status(): Promise<NodeStatus[]> {
    return Promise.all(
      this.nodes.map(async (node) => {
        const { process } = this.#member(node.name)
        const state = process === undefined ? 'ended' : stateOf(process)
        const memory = process === undefined ? 0 : memoryOf(process)
        return {
          ...node,
          state,
          pid: process?.pid,
          memory,
          serves: state === 'running' && (await members.isOpen(node.host)),
        }
      }),
    )
  }

  /** For `startCluster`: all nodes at once, then what is needed before anybody may use them. */
  async boot({ loopback, wanDelayMs = 0, nodes = {} }: ClusterOptions): Promise<void> {
    const { shape } = this
    this.#set({})
    await makeClientFiles(this.folder)
    const places = placesOf(shape)
    const run = (command: readonly string[]) => this.#help(command)
    const network = onLoopback({ shape, loopback })
      ? undefined
      : await makeNetwork({ folder: this.folder, run, wanDelayMs, places })
    const subnet = network?.subnet ?? (await loopbackSubnet())
    const all = places.map((place) => ({ ...place, ...nodes[place.name], host: addressOf(subnet, place) }))
    for (const member of all) if (network !== undefined) setAddress(network, member, member.host)
    this.#set({ network, members: all })
    await Promise.all(all.map(({ name }) => this.#launch(name)))
    const launched = this.#state.members
    await Promise.all(launched.map((member) => members.whenOpen(this, member)))
    await members.whenServes(this, launched[0]!, DEFAULT_USER, (client) => knows(client, launched.length - 1))
    await setUp(members.endpointOf(this, launched[0]!), this.superuser, replication(shape))
    await Promise.all(launched.map((member) => members.whenServes(this, member, this.superuser, reachesAll)))
  }

  get canBeCut(): boolean {
    return this.#state.network !== undefined
  }

  get isCut(): boolean {
    return this.#state.isCut
  }

  /** From now on no packet passes between the datacenters; those under way are lost. Clients still reach every node. */
  async cut(): Promise<void> {
    await this.#wan('cut')
    this.#set({ isCut: true })
  }

  async heal(): Promise<void> {
    await this.#wan('heal')
    this.#set({ isCut: false })
  }

  /** How long a packet takes between the datacenters from now on, one way. */
  async delay(ms: number): Promise<void> {
    await this.#wan(`delay ${ms}`)
  }

  /** SIGSTOP: it answers nothing, and its connections stay open. */
  pause(name: string): void {
    signal(this.#running(name), 'SIGSTOP')
  }

  resume(name: string): void {
    signal(this.#running(name), 'SIGCONT')
  }

  /** SIGKILL: as a crash of the program, not of the machine. */
  async kill(name: string): Promise<void> {
    await end(this.#running(name), 'SIGKILL')
  }

  /** In order: it tells the others and writes its memory to disk, which takes seconds. */
  async stop(name: string): Promise<void> {
    await end(this.#running(name), 'SIGTERM')
  }

  /** Starts a node that has ended, with these options instead of its own if given; resolves when it serves. */
  async start(name: string, options?: NodeOptions): Promise<void> {
    if (this.#isRunning(name)) throw new Error(`${name} is running already`)
    if (options !== undefined) this.#change(name, { env: {}, yaml: {}, ...options })
    await this.#launch(name)
    await members.whenServes(this, this.#member(name), this.superuser)
  }

  /**
   * A new node at another address takes the place and the name of one that is gone for good: kills it if it runs, drops all it
   * kept. The new one copies what the others have; resolves when it serves. What only the lost one had is lost.
   */
  async replace(name: string): Promise<void> {
    if (this.#isRunning(name)) await this.kill(name)
    rmSync(this.folderOf(name), { recursive: true, force: true })
    // One that was to take the place and never served is no part of the ring.
    const { datacenter, host: last, replaces = last } = this.#member(name)
    const host = nextAddress(this.nodes.filter((node) => node.datacenter === datacenter).map((node) => node.host))
    this.#change(name, { host, replaces })
    if (this.#state.network !== undefined) setAddress(this.#state.network, this.#member(name), host)
    await this.#launch(name)
    await members.whenServes(this, this.#member(name), this.superuser)
    this.#change(name, { replaces: undefined })
  }

  /** Asks one node, by a connection of its own: for set-up, and to look at one node. */
  async cql(statement: string, { params = [], consistency, node }: CqlOptions = {}): Promise<cassandra.types.Row[]> {
    const endpoint = members.endpointOf(this, node === undefined ? this.#state.members[0]! : this.#member(node))
    return loggedIn(endpoint, this.superuser, async (client) => {
      const options = { prepare: params.length > 0, ...(consistency === undefined ? {} : { consistency }) }
      return (await client.execute(statement, [...params], options)).rows ?? []
    })
  }

  /** Ends every process of it, at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    const nodes = this.#state.members.flatMap(({ process }) => process ?? [])
    await Promise.all([...nodes, ...this.#state.helpers].map((id) => end(id, 'SIGKILL')))
    if (this.#temporary) this.#clear()
  }

  /** Ends it, and removes its folder. */
  async remove(): Promise<void> {
    await this[Symbol.asyncDispose]()
    this.#clear()
  }

  #clear(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #wan(command: string): Promise<void> {
    if (!this.canBeCut) throw new Error('this cluster is on loopback: there is no line between datacenters')
    await commandWan(this.folder, command)
  }

  /** Starts a process of the network. */
  #help(command: readonly string[]): ProcessId {
    const id = launch(command, { output: join(this.folder, 'network.log'), outlives: this.#state.outlives })
    this.#set({ helpers: [...this.#state.helpers, id] })
    return id
  }

  async #launch(name: string): Promise<void> {
    const { network } = this.#state
    const place = network === undefined ? [] : enter(network, name)
    const { installed, classes } = await prepare()
    const process = await members.launchMember(installed, this.#common(classes), this.#member(name), place)
    this.#change(name, { process })
  }

  #common(classes: string): Common {
    const { shape, name, hintWindowMs, outlives, tuned, plaintextToo, members: all } = this.#state
    const heapMiB = tuned === 'run' ? 1024 : HEAP_MIB[shape]
    return {
      ...{ folder: this.folder, name, hintWindowMs, outlives, plaintextToo },
      seeds: all.map(({ host }) => host),
      jvm: { heapMiB, tuned, ringDelayMs: RING_DELAY_MS[shape], classes: { from: classes } },
    }
  }

  #member(name: string): Member {
    const found = this.#state.members.find((member) => member.name === name)
    if (found !== undefined) return found
    throw new Error(`there is no node "${name}"; there are ${this.nodes.map((node) => node.name).join(', ')}`)
  }

  #isRunning(name: string): boolean {
    const { process } = this.#member(name)
    return process !== undefined && stateOf(process) !== 'ended'
  }

  #running(name: string): ProcessId {
    if (!this.#isRunning(name)) throw new Error(`${name} is not running`)
    return this.#member(name).process!
  }

  #change(name: string, change: Partial<Member>): void {
    this.#set({ members: this.#state.members.map((it) => (it.name === name ? { ...it, ...change } : it)) })
  }

  #set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change }
    writeState(this.folder, this.#state)
  }
}

/** Whether such a cluster has no network of its own. */
export function onLoopback({
  shape,
  loopback,
}: Pick<ClusterOptions, 'shape'> & { loopback?: boolean | undefined }): boolean {
  return loopback === true || shape === '1'
}
