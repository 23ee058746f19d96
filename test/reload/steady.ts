/**
 * Steady load: connections that are kept open and ask every so often, each for a key of its own that it also writes. Every
 * request is counted, and whatever is not the very answer that is due is a failure: another status, an older value, a
 * connection that ended. Nothing is asked twice and no connection is opened again, so nothing is hidden.
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { ConnectionOptions } from 'node:tls'
import { head, Wire } from '../http/wire.ts'

export interface Asker {
  readonly name: string
  readonly door: ConnectionOptions
  readonly connections: number
  /** Header lines of every request. */
  readonly headers?: readonly string[]
}

/** Between an answer and the next request on a connection, in ms. */
const PAUSE_MS = 40
/** Every so many requests one is a write. */
const WRITE_EVERY = 4

export class Steady {
  /** Of all that failed, in words. */
  readonly failures: string[] = []
  /** Requests that were answered as they should be. */
  answered = 0
  /** The longest wait for an answer, in ms. */
  slowest = 0
  readonly #lanes: Lane[]
  #stopped = false

  private constructor(lanes: Lane[]) {
    this.#lanes = lanes
    for (const lane of lanes) lane.running = this.#run(lane)
  }

  static async start(askers: readonly Asker[]): Promise<Steady> {
    const lanes = askers.flatMap((asker) => Array.from({ length: asker.connections }, (_, n) => ({ asker, n })))
    return new Steady(
      await Promise.all(
        lanes.map(async ({ asker, n }) => {
          const { door, headers = [] } = asker
          return { name: `${asker.name}-${n}`, headers, wire: await Wire.open(door), next: undefined, running: nobody }
        }),
      ),
    )
  }

  get connections(): number {
    return this.#lanes.filter(({ wire }) => wire.endedAt === undefined).length
  }

  /** Every connection goes over to a new one between two of its requests, as a client does whose certificate changed. */
  async move(doors: Readonly<Record<string, ConnectionOptions>>): Promise<void> {
    await Promise.all(
      this.#lanes.map(async (lane) => {
        const door = doors[lane.name.replace(/-\d+$/, '')]
        if (door === undefined) return
        const moved = Promise.withResolvers<void>()
        lane.next = { wire: await Wire.open(door), moved: moved.resolve }
        await Promise.race([moved.promise, lane.running])
      }),
    )
  }

  /** Resolves when on every connection so many more requests were answered, or one failed. */
  async more(requests = 3): Promise<void> {
    const enough = this.answered + requests * this.#lanes.length
    while (this.answered < enough && this.failures.length === 0) await pause(10)
  }

  /** Lets every request be answered, then closes the connections. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#lanes.map(({ running }) => running))
    for (const { wire } of this.#lanes) wire.destroy()
  }

  async #run(lane: Lane): Promise<void> {
    let value = ''
    try {
      for (let n = 0; !this.#stopped; n++) {
        const writes = n % WRITE_EVERY === 0
        if (writes) value = `${lane.name} ${n}`
        const lines = [...lane.headers, ...(writes ? [`Content-Length: ${value.length}`] : [])]
        const request = head(writes ? 'PUT' : 'GET', `/sessions/v1/${lane.name}`, ...lines)
        const before = performance.now()
        const { status, body } = await lane.wire.send(writes ? request + value : request).answer()
        this.slowest = Math.max(this.slowest, performance.now() - before)
        const due = writes ? status === 201 : status === 200 && body === value
        if (due) this.answered++
        else this.failures.push(`${lane.name}, request ${n}: ${status} ${body}`)
        if (lane.next !== undefined) {
          lane.wire.destroy()
          lane.wire = lane.next.wire
          lane.next.moved()
          lane.next = undefined
        }
        await pause(PAUSE_MS * (0.5 + Math.random()))
      }
    } catch (error) {
      this.failures.push(`${lane.name}: ${(error as Error).message}`)
    }
  }
}

interface Lane {
  readonly name: string
  readonly headers: readonly string[]
  wire: Wire
  next: { readonly wire: Wire; readonly moved: () => void } | undefined
  running: Promise<void>
}

const nobody = Promise.resolve()
