/** What all checks look at, found out once: the configuration, what its files hold, and the server that runs with it. */
import type { Authority } from '../../access/authorities.ts'
import { loadPlaced, type Placed } from '../../config/load.ts'
import type { Config } from '../../config/schema.ts'
import type { Keyset } from '../../records/index.ts'
import { examine } from '../config/examine.ts'
import { type Answer, askAdmin } from './admin-client.ts'
import { listening, type Process, processWith } from './proc.ts'

/** The server of this configuration, by its admin listener. */
type Server =
  /** `admin.port` is 0, or this is not Linux. */
  | { readonly state: 'unknown'; readonly why: string }
  | { readonly state: 'none' }
  | {
      readonly state: 'running'
      /** The user whose process listens. */
      readonly uid: number
      /** Undefined if this user may not see which it is. */
      readonly process: Process | undefined
      /** What it answers, or why it does not. */
      readonly ready: Answer | Error
      readonly metrics: Answer | Error
    }

/** Where the system describes itself. */
export interface System {
  readonly proc: string
  readonly sys: string
}

export interface Facts {
  /** The configuration file, as it was named. */
  readonly file: string
  readonly config: Config
  readonly place: Placed['place']
  /** What a start would refuse. */
  readonly refused: readonly unknown[]
  readonly authorities: readonly Authority[]
  readonly keyset: Keyset | undefined
  readonly server: Server
  /** Names and addresses by which clients reach the server, as far as somebody said so. */
  readonly names: readonly string[]
  readonly system: System
  /** Unix ms. */
  readonly now: number
}

const LINUX: System = { proc: '/proc', sys: '/sys' }

/** Rejects with `ConfigError` if the configuration itself is wrong. */
export async function gather(file: string, names: readonly string[] = [], system = LINUX): Promise<Facts> {
  const placed = loadPlaced(file)
  const { config } = placed
  const [examined, server] = await Promise.all([examine(config), findServer(config, system)])
  return { file, ...placed, ...examined, server, names, system, now: Date.now() }
}

/** Who uses the files: the server's user if one runs, else whoever is asking. Root asks for somebody else. */
export function userOf({ server }: Pick<Facts, 'server'>): number | undefined {
  if (server.state === 'running') return server.uid
  const uid = process.geteuid!()
  return uid === 0 ? undefined : uid
}

async function findServer({ admin }: Config, { proc }: System): Promise<Server> {
  if (admin.port === 0) return { state: 'unknown', why: 'admin.port is 0, so a server cannot be found' }
  let found: ReturnType<typeof listening>[number] | undefined
  try {
    found = listening(proc).find(({ port }) => port === admin.port)
  } catch {
    return { state: 'unknown', why: 'this system has no /proc' }
  }
  if (found === undefined) return { state: 'none' }
  const [ready, metrics] = await Promise.all(
    ['/readyz?verbose', '/metrics'].map((path) => askAdmin(admin, path).catch((error: Error) => error)),
  )
  return { state: 'running', uid: found.uid, process: processWith(found.inode, proc), ready: ready!, metrics: metrics! }
}
