/** What a process holds, as Linux counts it: resident memory, sockets and other open files. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Vitals {
  /** MiB. */
  readonly rss: number
  readonly sockets: number
  /** Open files that are no sockets. */
  readonly files: number
}

export function vitals(pid: number): Vitals {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      // Closed since the folder was read.
      return []
    }
  })
  const sockets = links.filter((link) => link.startsWith('socket:')).length
  return { rss: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024, sockets, files: links.length - sockets }
}

/** Waits, at most `ms`, for the process to hold what `calm` accepts; what it holds then. */
export async function settled(pid: number, ms: number, calm: (now: Vitals) => boolean): Promise<Vitals> {
  const deadline = performance.now() + ms
  for (;;) {
    const now = vitals(pid)
    if (calm(now) || performance.now() > deadline) return now
    await sleep(200)
  }
}
