/**
 * One node: its folder, its process, and whether it serves. Its settings are written anew at each start, so that it knows the
 * cluster as it is now; its data stays. What it is lies in plain data ({@link Member}), so that another process can go on
 * with it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type cassandra from 'cassandra-driver'
import { clientFiles, makeNodeFile } from './certificates.ts'
import type { Installed } from './get.ts'
import { type JvmOptions, javaCommand } from './jvm.ts'
import { type Endpoint, type Login, loggedIn } from './login.ts'
import { launch, type ProcessId, stateOf } from './processes.ts'
import { CQL_PORT, cassandraYaml, logback, rackProperties, type Yaml } from './settings.ts'
import type { Place } from './shapes.ts'
import { Hopeless, until } from './until.ts'

/** What a test may want otherwise for one node. */
export interface NodeOptions {
  /** Added to its environment: a clock of its own, for instance. */
  readonly env?: Readonly<Record<string, string>>
  /** Put over its cassandra.yaml, setting by setting. */
  readonly yaml?: Yaml
}

export interface Member extends Place, NodeOptions {
  readonly host: string
  readonly replaces?: string | undefined
  readonly process?: ProcessId
}

/** What all nodes of a cluster have in common. */
export interface Common {
  /** Of the cluster; each node has one of its own below. */
  readonly folder: string
  readonly name: string
  readonly seeds: readonly string[]
  readonly hintWindowMs: number
  readonly plaintextToo: boolean
  /** Whether nodes live on when this process ends. */
  readonly outlives: boolean
  readonly jvm: Pick<JvmOptions, 'heapMiB' | 'tuned' | 'ringDelayMs' | 'classes'>
}

/** The first start of a node on two busy cores, with others starting beside it. */
const START_MS = 240_000
const PROBE_MS = 2_000
const LOG_LINES = 25

export function folderOf(common: Pick<Common, 'folder'>, { name }: Pick<Member, 'name'>): string {
  return join(common.folder, 'nodes', name)
}

/** Starts it and does not wait. `enter`: the command that puts a process where the node's address is. */
export async function launchMember(
  installed: Installed,
  common: Common,
  member: Member,
  enter: readonly string[],
): Promise<ProcessId> {
  const folder = folderOf(common, member)
  mkdirSync(join(folder, 'tmp'), { recursive: true, mode: 0o700 })
  const keystore = join(folder, 'node.pem')
  await makeNodeFile(common.folder, keystore, member.host)
  const facts = {
    ...common,
    ...member,
    cluster: common.name,
    keystore,
    truststore: clientFiles(common.folder).authority,
    // A seed would not ask the others for what it lacks.
    seeds: common.seeds.filter((seed) => member.replaces === undefined || seed !== member.host),
  }
  const files = {
    // JSON is YAML.
    'cassandra.yaml': JSON.stringify(cassandraYaml({ ...facts, yaml: member.yaml ?? {} }), null, 2),
    'rack.properties': rackProperties(member.datacenter),
    'logback.xml': logback(folder),
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 })
  return launch([...enter, ...javaCommand(installed, { ...common.jvm, folder, replaces: member.replaces })], {
    env: { ...process.env, ...member.env },
    output: join(folder, 'output.log'),
    outlives: common.outlives,
  })
}

export function endpointOf(common: Pick<Common, 'folder'>, { host, datacenter, yaml }: Member): Endpoint {
  const { enabled = true } = (yaml?.client_encryption_options ?? {}) as { enabled?: boolean }
  return { host, port: CQL_PORT, datacenter, tls: enabled ? clientFiles(common.folder) : undefined }
}

/** Waits until its CQL port is open; fails, with the end of its log, when it ends before. */
export function whenOpen(common: Pick<Common, 'folder'>, member: Member): Promise<true> {
  return until(`the CQL port of ${member.name}`, START_MS, async () => {
    failIfEnded(common, member)
    return (await isOpen(member.host)) ? true : undefined
  })
}

/**
 * Waits until this login works there and, if given, `ask` says yes. The rows of roles come a little later than the port, and word of the other nodes later still.
 */
export function whenServes(
  common: Pick<Common, 'folder'>,
  member: Member,
  login: Login,
  ask?: (client: cassandra.Client) => Promise<boolean>,
): Promise<true> {
  return until(`${member.name} to serve`, START_MS, async () => {
    failIfEnded(common, member)
    const serves = await loggedIn(endpointOf(common, member), login, async (client) => ask?.(client) ?? true)
    return serves || undefined
  })
}

export function isOpen(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: CQL_PORT, timeout: PROBE_MS })
    const answer = (open: boolean) => () => {
      socket.destroy()
      resolve(open)
    }
    socket.on('connect', answer(true)).on('error', answer(false)).on('timeout', answer(false))
  })
}

function failIfEnded(common: Pick<Common, 'folder'>, member: Member): void {
  if (member.process !== undefined && stateOf(member.process) !== 'ended') return
  const folder = folderOf(common, member)
  throw new Hopeless(
    `${member.name} ended; ${folder} says:\n${tail(folder, 'output.log')}${tail(folder, 'system.log')}`,
  )
}

function tail(folder: string, name: string): string {
  try {
    return `${name}:\n${readFileSync(join(folder, name), 'utf8').split('\n').slice(-LOG_LINES).join('\n')}\n`
  } catch {
    return ''
  }
}
