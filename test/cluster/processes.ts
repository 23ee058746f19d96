/**
 * Processes known by number *and* time of start, so that whoever reads them from a file later never signals a stranger that got
 * the number since. A process either dies with the one that launched it (the kernel sees to that, also after `kill -9`), or
 * lives on until somebody ends it. Linux only.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { until } from './until.ts'

export interface ProcessId {
  readonly pid: number
  /** In clock ticks since the machine started. */
  readonly started: number
}

export type ProcessState = 'running' | 'paused' | 'ended'

export interface LaunchOptions {
  readonly env?: NodeJS.ProcessEnv
  /** File for what it prints; what was there is kept. */
  readonly output: string
  /** Whether it lives on when this process ends. */
  readonly outlives: boolean
}

/** In a session of its own, so that Ctrl-C is for its owner alone. `setpriv` becomes the command, so the number is its own. */
export function launch(command: readonly string[], { env = process.env, output, outlives }: LaunchOptions): ProcessId {
  const [file, ...args] = outlives ? command : ['setpriv', '--pdeathsig', 'KILL', ...command]
  const descriptor = openSync(output, 'a', 0o600)
  try {
    const child = spawn(file!, args, { env, detached: true, stdio: ['ignore', descriptor, descriptor] })
    child.on('error', () => {})
    child.unref()
    if (child.pid === undefined) throw new Error(`${file} could not be started: is it installed?`)
    return { pid: child.pid, started: look(child.pid)?.started ?? 0 }
  } finally {
    closeSync(descriptor)
  }
}

export function stateOf(id: ProcessId): ProcessState {
  const seen = look(id.pid)
  if (seen === undefined || seen.started !== id.started || 'ZX'.includes(seen.state)) return 'ended'
  return seen.state === 'T' ? 'paused' : 'running'
}

/** Does nothing to one that has ended. */
export function signal(id: ProcessId, name: NodeJS.Signals): void {
  if (stateOf(id) !== 'ended') process.kill(id.pid, name)
}

/** Sends the signal, wakes it if it is paused, and waits for its end; after so long it is killed. */
export async function end(id: ProcessId, name: 'SIGTERM' | 'SIGKILL', patienceMs = 30_000): Promise<void> {
  signal(id, name)
  signal(id, 'SIGCONT')
  const ended = async () => (stateOf(id) === 'ended' ? true : undefined)
  await until(`the end of process ${id.pid}`, patienceMs, ended).catch((error) => {
    if (name === 'SIGKILL') throw error
    return end(id, 'SIGKILL')
  })
}

/** Bytes that it holds in memory. */
export function memoryOf(id: ProcessId): number {
  if (stateOf(id) === 'ended') return 0
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${id.pid}/status`, 'latin1'))?.[1]
  return Number(kilobytes ?? 0) * 1024
}

function look(pid: number): { state: string; started: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name before the state may hold spaces and brackets.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0]!, started: Number(fields[19]) }
  } catch {
    return undefined
  }
}
