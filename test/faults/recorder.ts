/**
 * Writes a history down while it happens: each event gets the moment of this process's monotonic clock and, if there is a
 * file, its line at once. A beginning is recorded before its request leaves, an answer after it came, so an operation
 * happened between its two moments, if it did.
 */
import { appendFileSync, writeFileSync } from 'node:fs'
import type { Answer, Begin, Event, Header, History, Mark } from './events.ts'

/** Events that are kept back before they are written, so that recording costs little. */
const BATCH = 200

export class Recorder {
  readonly #header: Header
  readonly #events: Event[] = []
  readonly #file: string | undefined
  #written = 0
  #operations = 0

  constructor(header: Header, file?: string) {
    this.#header = header
    this.#file = file
    if (file !== undefined) writeFileSync(file, `${JSON.stringify(header)}\n`, { mode: 0o600 })
  }

  get header(): Header {
    return this.#header
  }

  /** How many began. */
  get operations(): number {
    return this.#operations
  }

  /** The number of the operation. */
  begin(event: Omit<Begin, 'at' | 'begin'>): number {
    const begin = ++this.#operations
    this.#add({ at: performance.now(), begin, ...event })
    return begin
  }

  answer(operation: number, told: Answer): void {
    this.#add({ at: performance.now(), answer: operation, told })
  }

  mark(mark: Mark['mark'], what: string): void {
    this.#add({ at: performance.now(), mark, what })
  }

  history(): History {
    this.#flush()
    return { header: this.#header, events: [...this.#events] }
  }

  #add(event: Event): void {
    this.#events.push(event)
    if (this.#events.length - this.#written >= BATCH) this.#flush()
  }

  #flush(): void {
    if (this.#file === undefined) return
    const lines = this.#events.slice(this.#written).map((event) => `${JSON.stringify(event)}\n`)
    appendFileSync(this.#file, lines.join(''))
    this.#written = this.#events.length
  }
}
