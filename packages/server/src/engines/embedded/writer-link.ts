/**
 * The serving thread's side of the writer: what waits, what was handed over, and what a caller may conclude when no
 * answer comes.
 *
 * Writes of one turn of the event loop go over as one message. The queue is bounded; a write that finds it full is refused
 * at once as `EngineUnavailable`, like one whose deadline passes before it was handed over. From then on nobody can call
 * it back: without an answer by its deadline, or when the writer dies, it is `EngineUnconfirmed`. It keeps its place in
 * the queue until the writer answers, so that a stuck disk cannot pile up work without end.
 */
import { Worker } from 'node:worker_threads'
import { type Deadline, EngineStorageFull, EngineUnavailable, EngineUnconfirmed } from '@holdfast/engine'
import { describeSpace } from './free-space.ts'
import { pack } from './pack.ts'
import {
  type FromWriter,
  NO_FIGURES,
  type Outcome,
  type ToWriter,
  toMonotonic,
  type Write,
  type WriterFigures,
  type WriterOptions,
} from './protocol.ts'

/** Answers that a caller of the link sees; the others become errors. */
export type Answer = Exclude<Outcome, 'full' | 'unavailable' | 'unconfirmed'>
type WithoutId<T> = T extends unknown ? Omit<T, 'id' | 'deadline'> : never
export type NewWrite = WithoutId<Write>

interface Waiting {
  readonly bytes: number
  readonly deadline: Deadline
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
  settled: boolean
}

const QUEUE_WRITES = 10_000
const QUEUE_BYTES = 64 * 1024 * 1024
const BATCH_WRITES = 1000
const CLOSE_MS = 5000
// A worker's file is not found by import rewriting: its name follows that of this module, source or built.
const WRITER = new URL(import.meta.url.endsWith('.ts') ? './writer.ts' : './writer.js', import.meta.url)

export class WriterLink {
  figures = NO_FIGURES
  readonly #file: string
  readonly #floorChanged: (figures: WriterFigures) => void
  readonly #worker: Worker
  readonly #handed = new Map<number, Waiting>()
  readonly #ready: Promise<void>
  #toHand: Write[] = []
  #bytes = 0
  #lastId = 0
  #gone = ''
  #closing: Promise<void> | undefined
  #settleReady!: { resolve: () => void; reject: (error: Error) => void }
  #pings: (() => void)[] = []
  #idle: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY

  /** `floorChanged` is called with the figures whenever another floor holds. */
  constructor(options: WriterOptions, floorChanged: (figures: WriterFigures) => void = () => {}) {
    this.#file = options.file
    this.#floorChanged = floorChanged
    this.#ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject }
    })
    this.#worker = new Worker(WRITER, { workerData: options, name: 'holdfast-writer' })
    this.#worker.on('message', (message: FromWriter) => this.#hear(message))
    this.#worker.on('error', () => this.#lose('the writer thread failed'))
    this.#worker.on('exit', () => this.#lose('the writer thread ended'))
  }

  /** Resolves once the writer has opened the file. */
  ready(): Promise<void> {
    return this.#ready
  }

  write(write: NewWrite, bytes: number, deadline: Deadline): Promise<Answer> {
    if (this.#gone !== '') return Promise.reject(new EngineUnavailable(this.#gone))
    if (this.#closing !== undefined) return Promise.reject(new EngineUnavailable('the engine is closed'))
    if (performance.now() > deadline)
      return Promise.reject(new EngineUnavailable('the deadline passed before the call'))
    const crowded = this.#handed.size >= QUEUE_WRITES || (this.#bytes + bytes > QUEUE_BYTES && this.#handed.size > 0)
    if (crowded) return Promise.reject(new EngineUnavailable('too many writes are waiting'))
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      this.#handed.set(id, { bytes, deadline, resolve, reject, settled: false })
      this.#bytes += bytes
      if (this.#toHand.push({ ...write, id, deadline: toMonotonic(deadline) }) === 1) setImmediate(this.#hand)
    })
  }

  sweep(now: number): void {
    this.#say({ kind: 'sweep', now })
  }

  /** '' if the writer answers within `ms` and its last commit did not fail; else what is wrong. */
  async check(ms: number): Promise<string> {
    if (this.#gone !== '') return this.#gone
    const answered = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), ms)
      this.#pings.push(() => {
        clearTimeout(timer)
        resolve(true)
      })
    })
    this.#say({ kind: 'ping' })
    if (!(await answered)) return `the writer has not answered for ${ms} ms`
    return this.#gone || this.figures.fault
  }

  /** Waits for the writes in hand, then ends the writer. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#handed.size > 0 && this.#gone === '') {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
        setTimeout(resolve, CLOSE_MS).unref()
      })
    }
    if (this.#gone !== '') return
    const exited = new Promise((resolve) => this.#worker.once('exit', resolve))
    this.#say({ kind: 'close' })
    const timer = setTimeout(() => this.#worker.terminate(), CLOSE_MS)
    await exited
    clearTimeout(timer)
  }

  readonly #hand = (): void => {
    const now = performance.now()
    const batch: Write[] = []
    for (const write of this.#toHand.splice(0)) {
      const waiting = this.#handed.get(write.id)
      if (waiting === undefined) continue
      if (now > waiting.deadline) {
        this.#done(write.id, waiting)
        waiting.reject(new EngineUnavailable('the deadline passed before the write was handed over'))
        continue
      }
      this.#watch(waiting.deadline)
      batch.push(write)
    }
    for (let start = 0; start < batch.length; start += BATCH_WRITES) {
      const packed = pack(batch.slice(start, start + BATCH_WRITES))
      this.#worker.postMessage({ kind: 'writes', writes: packed.writes } satisfies ToWriter, [packed.bytes])
    }
  }

  #say(message: ToWriter): void {
    if (this.#gone === '') this.#worker.postMessage(message)
  }

  #hear({ kind, answers, figures }: FromWriter): void {
    const before = this.figures.floor
    this.figures = figures
    if (figures.floor !== before) this.#floorChanged(figures)
    if (kind === 'ready') this.#settleReady.resolve()
    if (kind === 'pong') for (const ping of this.#pings.splice(0)) ping()
    for (const [id, outcome] of answers) {
      const waiting = this.#handed.get(id)
      if (waiting === undefined) continue
      this.#done(id, waiting)
      if (waiting.settled) continue
      if (outcome === 'full') waiting.reject(new EngineStorageFull(describeSpace(this.#file, figures)))
      else if (outcome === 'unavailable') waiting.reject(new EngineUnavailable(figures.fault || 'the file is busy'))
      else if (outcome === 'unconfirmed') waiting.reject(new EngineUnconfirmed('the commit failed'))
      else waiting.resolve(outcome)
    }
  }

  /** The writer is gone: what it had may have happened, what it had not did not. */
  #lose(why: string): void {
    if (this.#gone !== '') return
    this.#gone = this.#closing === undefined ? why : 'the engine is closed'
    this.#settleReady.reject(new EngineUnavailable(why))
    const kept = new Set(this.#toHand.map((write) => write.id))
    this.#toHand = []
    for (const [id, waiting] of this.#handed) {
      this.#done(id, waiting)
      if (waiting.settled) continue
      waiting.reject(kept.has(id) ? new EngineUnavailable(why) : new EngineUnconfirmed(why))
    }
    for (const ping of this.#pings.splice(0)) ping()
  }

  #done(id: number, waiting: Waiting): void {
    this.#handed.delete(id)
    this.#bytes -= waiting.bytes
    if (this.#handed.size > 0) return
    this.#idle?.()
    clearTimeout(this.#timer)
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  /** One timer serves all: it is set to the earliest deadline. */
  #watch(deadline: Deadline): void {
    if (deadline >= this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = deadline
    const ms = Math.min(Math.max(1, Math.ceil(deadline - performance.now())), 0x7fffffff)
    this.#timer = setTimeout(this.#expire, ms)
  }

  readonly #expire = (): void => {
    const now = performance.now()
    let next = Number.POSITIVE_INFINITY
    for (const waiting of this.#handed.values()) {
      if (waiting.settled) continue
      if (now < waiting.deadline) {
        next = Math.min(next, waiting.deadline)
        continue
      }
      waiting.settled = true
      waiting.reject(new EngineUnconfirmed('no answer by the deadline'))
    }
    this.#timerAt = Number.POSITIVE_INFINITY
    if (next !== Number.POSITIVE_INFINITY) this.#watch(next)
  }
}
