/**
 * The machine under a measurement: which core a process has, and how much of the cores went to somebody else meanwhile.
 * A latency says something about a server only if the server had its core.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Cores of the server and of its load. */
export const SERVER_CORE = 0
export const LOAD_CORE = 1

export const canPin: boolean = availableParallelism() >= 2 && hasTaskset()

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A command that runs this one on a core; the same command where we cannot choose. */
export const pinned = (core: number, command: readonly string[]): string[] =>
  canPin ? ['taskset', '-c', String(core), ...command] : [...command]

/** Moves a process with all its threads. */
export function pin(core: number, pid: number): void {
  if (canPin) execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' })
}

/** Ticks of CPU (10 ms) that these processes used, all threads (proc(5): fields 14 and 15). */
function used(pids: readonly number[]): number {
  return pids
    .map((pid) => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' '))
    .reduce((sum, fields) => sum + Number(fields[11]) + Number(fields[12]), 0)
}

/** Ticks that the two cores spent on programs, ours or not, and that a hypervisor took from them. */
function spent(): number {
  const lines = readFileSync('/proc/stat', 'latin1').split('\n')
  return [SERVER_CORE, LOAD_CORE]
    .map((core) => lines.find((line) => line.startsWith(`cpu${core} `))?.split(' ') ?? [])
    .reduce((sum, [, user, nice, system, , , , , steal]) => sum + [user, nice, system, steal].reduce(add, 0), 0)
}

const add = (sum: number, ticks: string | undefined): number => sum + Number(ticks ?? 0)

/** Starts to watch; the result says how many cores, of two, went to others since, on average. */
export function watchOthers(pids: readonly number[]): () => number {
  const at = performance.now()
  const before = spent() - used(pids)
  return () => ((spent() - used(pids) - before) * 10) / (performance.now() - at)
}
