/**
 * What a server holds: sockets, files and resident memory as Linux counts them, and, asked through the inspector after a
 * full collection of garbage, live memory and handles. Resident memory says little about leaks, since neither V8 nor
 * malloc gives back what it may need again; live memory says it to the megabyte.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Program } from '../support/process.ts'

export interface Vitals {
  /** MiB in use after a full collection, on the heap and outside it. */
  readonly live: number
  /** MiB. */
  readonly rss: number
  readonly sockets: number
  /** Open files that are no sockets. */
  readonly files: number
  /** Handles and requests that keep Node's event loop, by kind. */
  readonly handles: Readonly<Record<string, number>>
}

/** Options for Node under which {@link Monitor.attach} finds the inspector. */
export const INSPECTABLE = `--import=${resolve(import.meta.dirname, 'inspectable.mjs')}`

const ASK = `(() => {
  const { heapUsed, external } = process.memoryUsage()
  const handles = {}
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1
  return { live: (heapUsed + external) / 1048576, handles }
})()`

export class Monitor {
  readonly #pid: number
  readonly #url: string

  private constructor(pid: number, url: string) {
    this.#pid = pid
    this.#url = url
  }

  /** To a server that runs, and was started with {@link INSPECTABLE}. */
  static async attach(program: Program): Promise<Monitor> {
    program.child.kill('SIGUSR2')
    const url = await program.until('the inspector', ({ stderr }) => /ws:\/\/\S+/.exec(stderr)?.[0])
    return new Monitor(program.child.pid!, url)
  }

  get sockets(): number {
    return this.#descriptors().filter((link) => link.startsWith('socket:')).length
  }

  /** Waits, at most `ms`, until no more than so many sockets are open. */
  async calm(sockets: number, ms: number): Promise<void> {
    const deadline = performance.now() + ms
    while (this.sockets > sockets && performance.now() < deadline) await sleep(200)
  }

  async measure(): Promise<Vitals> {
    const links = this.#descriptors()
    const sockets = links.filter((link) => link.startsWith('socket:')).length
    const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8'))?.[1]) / 1024
    return { ...(await this.#inspect()), rss, sockets, files: links.length - sockets }
  }

  #descriptors(): string[] {
    const folder = `/proc/${this.#pid}/fd`
    return readdirSync(folder).flatMap((fd) => {
      try {
        return [readlinkSync(`${folder}/${fd}`)]
      } catch {
        // Closed since the folder was read.
        return []
      }
    })
  }

  /** Attached only while it asks, so that the server runs as it does without. */
  async #inspect(): Promise<Pick<Vitals, 'live' | 'handles'>> {
    const socket = new WebSocket(this.#url)
    await new Promise((resolve, reject) => {
      socket.onopen = resolve
      socket.onerror = reject
    })
    const call = (method: string, params: object = {}) =>
      // biome-ignore lint/suspicious/noExplicitAny: whatever the inspector answers
      new Promise<any>((resolve) => {
        socket.onmessage = ({ data }) => resolve(JSON.parse(String(data)).result)
        socket.send(JSON.stringify({ id: 1, method, params }))
      })
    // Twice: what the first frees may have held more, through finalizers.
    await call('HeapProfiler.collectGarbage')
    await call('HeapProfiler.collectGarbage')
    const { result } = await call('Runtime.evaluate', { expression: ASK, returnByValue: true })
    socket.close()
    return result.value
  }
}
