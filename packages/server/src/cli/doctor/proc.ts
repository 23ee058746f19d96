/**
 * The process that listens on a port, as Linux shows it in /proc. What may not be seen is `undefined`, never guessed: of
 * another user's process the kernel shows its limits and its user, not its environment nor its open files.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { isForbidden } from './finding.ts'

/** A socket that listens. */
interface Listening {
  readonly port: number
  readonly uid: number
  readonly inode: string
}

export interface Process {
  readonly pid: number
  readonly uid: number
  readonly groups: readonly number[]
  /** Node's own options on the command line. */
  readonly options: readonly string[]
  readonly environment: Readonly<Record<string, string>> | undefined
  /** Ports of TCP that it listens on. */
  readonly ports: readonly number[]
  /** Soft limits; Infinity = unlimited. */
  readonly limits: { readonly openFiles: number; readonly coreBytes: number }
  /** Its control group, as a path below /sys/fs/cgroup. */
  readonly group: string | undefined
}

/** State LISTEN in the kernel's table. */
const LISTEN = '0A'

/** `root` is /proc. Throws if it is not there, as on another system than Linux. */
export function listening(root: string): Listening[] {
  return ['tcp', 'tcp6'].flatMap((name) => {
    const table = readFileSync(join(root, 'net', name), 'utf8')
    return table
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === LISTEN)
      .map((fields) => ({
        port: Number.parseInt(fields[1]!.split(':').at(-1)!, 16),
        uid: Number(fields[7]),
        inode: fields[9]!,
      }))
  })
}

/** The process that holds a socket; undefined if this user may not see it. */
export function processWith(inode: string, root: string): Process | undefined {
  for (const name of readdirSync(root)) {
    if (!/^\d+$/.test(name)) continue
    const sockets = socketsOf(join(root, name))
    if (sockets?.has(inode)) return read(Number(name), sockets, root)
  }
  return undefined
}

function read(pid: number, sockets: ReadonlySet<string>, root: string): Process {
  const file = (name: string) => readFileSync(join(root, String(pid), name), 'utf8')
  const status = file('status')
  const numbers = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)![1]!.split(/\s+/).map(Number)
  const limits = file('limits')
  const limit = (name: string) => {
    const soft = new RegExp(`^${name} +(\\S+)`, 'm').exec(limits)?.[1]
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
  }
  const words = file('cmdline').split('\0')
  const program = words.findIndex((word, index) => index > 0 && /(main\.[jt]s|holdfast)$/.test(word))
  return {
    pid,
    uid: numbers('Uid')[1]!,
    groups: [numbers('Gid')[1]!, ...numbers('Groups')],
    options: words.slice(1, Math.max(1, program)).filter((word) => word.startsWith('-')),
    environment: unlessForbidden(() => environmentIn(file('environ'))),
    ports: listening(root).flatMap(({ port, inode }) => (sockets.has(inode) ? [port] : [])),
    limits: { openFiles: limit('Max open files'), coreBytes: limit('Max core file size') },
    group: /^0::(.*)$/m.exec(file('cgroup'))?.[1],
  }
}

function environmentIn(text: string): Record<string, string> {
  const entries = text.split('\0').filter((entry) => entry.includes('='))
  return Object.fromEntries(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.replace(/^[^=]*=/, '')]))
}

/** Inodes of the sockets that a process holds. */
function socketsOf(folder: string): Set<string> | undefined {
  return unlessForbidden(() => {
    const links = readdirSync(join(folder, 'fd')).flatMap((fd) => {
      try {
        return [readlinkSync(join(folder, 'fd', fd))]
      } catch {
        // Closed since the folder was read.
        return []
      }
    })
    return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
  })
}

/** A process that ended meanwhile is one that is not there. */
function unlessForbidden<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (isForbidden(error) || ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined
    throw error
  }
}
