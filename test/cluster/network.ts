/**
 * A network of its own for a cluster of two datacenters, in network namespaces: each node has one, each datacenter a router,
 * the routers are joined by a line with a delay that can be cut ({@link commandWan}). This machine reaches each datacenter's
 * router directly, so clients reach every node, also while the line between the datacenters is cut:
 *
 *     this machine ── router dc1 ── dc1-1, dc1-2, dc1-3        K.2 ── K.1 ── K.65, K.66, K.67
 *           │             ║ (wan.py)                                   ║
 *           └──────── router dc2 ── dc2-1                      K.6 ── K.5 ── K.129
 *
 * Namespaces have no names: each lives as long as a process that sleeps in it, and its cables go with it. So nothing of it is left
 * when those processes end, whatever happened. Needs root; touches no firewall and no setting outside its namespaces.
 * K is one of the subnets that are set aside for tests of networks (RFC 2544).
 */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { ProcessId } from './processes.ts'
import type { Place } from './shapes.ts'
import { until } from './until.ts'

export interface Network {
  readonly subnet: string
  /** The processes that keep the namespaces, by the name of a node or, for its router, of a datacenter. */
  readonly namespaces: Readonly<Record<string, ProcessId>>
}

export interface NetworkOptions {
  /** For the control socket. */
  readonly folder: string
  /** Starts a process that lives as long as the network; whoever asks for the network ends it. */
  readonly run: (command: readonly string[]) => ProcessId
  /** One way. */
  readonly wanDelayMs: number
  /** Of two datacenters. */
  readonly places: readonly Place[]
}

const READY_MS = 10_000
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'

/** Why there can be no network here, or undefined. */
export function lackingNetwork(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  if (!existsSync('/dev/net/tun'))
    return 'there is no /dev/net/tun: load the module tun, or give the device to the container'
  const packages = { ip: 'iproute2', nsenter: 'util-linux', [PYTHON]: 'python3' }
  const missing = Object.entries(packages).filter(([command]) => spawnSync(command, ['-V']).error !== undefined)
  if (missing.length === 0) return undefined
  const [commands, names] = [0, 1].map((i) => missing.map((entry) => entry[i]).join(' '))
  return `not found: ${commands}; on Debian: apt-get install -y --no-install-recommends ${names}`
}

export async function makeNetwork({ folder, run, wanDelayMs, places }: NetworkOptions): Promise<Network> {
  const routers = [...new Set(places.map(({ datacenter }) => datacenter))]
  const namespaces: Record<string, ProcessId> = {}
  for (const name of [...routers, ...places.map((place) => place.name)]) {
    const id = run(['unshare', '--net', 'sleep', 'infinity'])
    await until(`a namespace for ${name}`, READY_MS, async () => (isApart(id) ? true : undefined))
    namespaces[name] = id
  }
  const subnet = joinRouters(routers.map((name) => namespaces[name]!))
  for (const { name, datacenter } of places) {
    const cable = `link add ${name} type veth peer name wire netns ${namespaces[name]!.pid}`
    ip(namespaces[datacenter]!, [cable, `link set ${name} up`])
    ip(namespaces[name]!, ['link set lo up', 'link set wire up'])
  }
  const pids = routers.map((name) => String(namespaces[name]!.pid))
  run([PYTHON, join(import.meta.dirname, 'wan.py'), controlSocket(folder), String(wanDelayMs), ...pids])
  await until('the line between the datacenters', READY_MS, async () => {
    await commandWan(folder, `delay ${wanDelayMs}`)
    return true
  })
  for (const [i, name] of routers.entries()) {
    ip(namespaces[name]!, ['link set wan up', `route add ${quarter(subnet, 1 - i)} dev wan`])
  }
  return { subnet, namespaces }
}

/** Gives a node this address, and no other. */
export function setAddress({ subnet, namespaces }: Network, place: Place, host: string): void {
  const router = routerAddress(subnet, place.datacenterIndex)
  ip(namespaces[place.name]!, [
    'addr flush dev wire',
    `addr add ${host}/32 dev wire`,
    `route replace default via ${router} dev wire onlink`,
  ])
  ip(namespaces[place.datacenter]!, [`route flush dev ${place.name}`, `route add ${host}/32 dev ${place.name}`])
}

/** What puts a command where a node is. It becomes the command. */
export function enter({ namespaces }: Network, name: string): string[] {
  return ['nsenter', `--net=${pathOf(namespaces[name]!)}`]
}

/** `cut`, `heal` or `delay MS`: see wan.py. */
export async function commandWan(folder: string, command: string): Promise<void> {
  const socket = connect(controlSocket(folder))
  socket.write(`${command}\n`)
  const answer = await text(socket)
  if (answer !== 'ok\n') throw new Error(`the line between the datacenters did not take "${command}": ${answer}`)
}

/** Name of the cable from this machine to the router of a datacenter. */
export function cableOf(subnet: string, datacenterIndex: number): string {
  const [, second, third] = subnet.split('.').map(Number) as [number, number, number]
  return `hf${(second - 18) * 256 + third}-${datacenterIndex + 1}`
}

/** Cables from this machine to both routers, on a subnet that nobody else here has: the kernel refuses a name twice. */
function joinRouters(routers: readonly ProcessId[]): string {
  let subnet = randomSubnet()
  while (existsSync(`/sys/class/net/${cableOf(subnet, 0)}`)) subnet = randomSubnet()
  for (const [i, router] of routers.entries()) {
    const cable = cableOf(subnet, i)
    ip(undefined, [`link add ${cable} type veth peer name home netns ${router.pid}`])
    ip(router, ['link set lo up', `addr add ${routerAddress(subnet, i)}/30 dev home`, 'link set home up'])
    ip(undefined, [
      `addr add ${subnet}.${4 * i + 2}/30 dev ${cable}`,
      `link set ${cable} up`,
      `route add ${quarter(subnet, i)} via ${routerAddress(subnet, i)}`,
    ])
    inside(router, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
  }
  return subnet
}

function randomSubnet(): string {
  return `198.${18 + randomInt(2)}.${randomInt(256)}`
}

function routerAddress(subnet: string, datacenterIndex: number): string {
  return `${subnet}.${4 * datacenterIndex + 1}`
}

/** Of a datacenter: see addresses.ts. */
function quarter(subnet: string, datacenterIndex: number): string {
  return `${subnet}.${(datacenterIndex + 1) * 64}/26`
}

function controlSocket(folder: string): string {
  return join(folder, 'wan.sock')
}

function ip(namespace: ProcessId | undefined, commands: readonly string[]): void {
  inside(namespace, ['ip', '-batch', '-'], commands.join('\n'))
}

function inside(namespace: ProcessId | undefined, command: readonly string[], input = ''): void {
  const [file, ...args] = namespace === undefined ? command : ['nsenter', `--net=${pathOf(namespace)}`, ...command]
  const { status, stderr } = spawnSync(file!, args, { encoding: 'utf8', input })
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}\n${input}`)
}

function pathOf(namespace: ProcessId): string {
  return `/proc/${namespace.pid}/ns/net`
}

/** Whether that process has left our namespace for its own. */
function isApart(id: ProcessId): boolean {
  return readlinkSync(pathOf(id)) !== readlinkSync('/proc/self/ns/net')
}
