/**
 * The audit log: who ended what and why, who was refused and by which rule. One JSON line an event, written before
 * `record` returns.
 *
 * Guarantees: every ending is written, however many there are. Refusals are bounded, so that whoever can only knock
 * cannot fill a disk: in each window of ten seconds the first ten alike are written and the others are counted, and the
 * counts are written when the window ends. Alike means the same event and the same of everything but fingerprint,
 * detail, key id and request id; at most 256 such classes are told apart in a window, and what comes beyond shares one.
 *
 * It never throws: a logout must not fail for lack of a record. A line that the sink refuses is handed to the
 * second sink, and counted (`failed`) so that somebody is told. What must be recorded *before* it is answered needs more
 * than this, and no room asks for it yet.
 */
import { type AuditEvent, EVENTS, type EventName, type Field, fieldsOf } from './events.ts'

/** Takes one line with its line feed; throws if it could not keep it. */
export type Sink = (line: string) => void

/** Length of a window, in ms. */
export const WINDOW_MS = 10_000
/** Lines of one class that a window writes. */
export const LINES_PER_CLASS = 10
/** Classes that a window tells apart. */
export const CLASSES = 256

/** What two refusals must share to be alike. */
const CLASS_FIELDS: readonly Field[] = ['listener', 'caller', 'network', 'rule', 'store', 'operation', 'cause']

/** A refusal's shared fields, and how many of its kind came. */
interface Class {
  readonly shared: Record<string, string | number>
  seen: number
}

const FIELDS_OF = new Map((Object.keys(EVENTS) as EventName[]).map((event) => [event, fieldsOf(event)]))

export class Audit {
  readonly #sink: Sink
  readonly #fallback: Sink
  readonly #now: () => number
  #classes = new Map<string, Class>()
  #window: NodeJS.Timeout | undefined
  #failed = 0

  /** `fallback` takes the lines that `sink` throws on; standard error unless said otherwise. `now` gives Unix ms. */
  constructor(sink: Sink, options: { readonly fallback?: Sink; readonly now?: () => number } = {}) {
    this.#sink = sink
    this.#fallback = options.fallback ?? ((line) => process.stderr.write(line))
    this.#now = options.now ?? Date.now
  }

  /** Lines that the sink refused since start. More than 0 means that somebody must look after the audit log. */
  get failed(): number {
    return this.#failed
  }

  /** Writes one line, or counts it if it is one refusal too many. Never throws. */
  record(event: AuditEvent): void {
    if (EVENTS[event.event].bounded && !this.#admit(event)) return
    this.#write(event)
  }

  /** Writes the counts of what was held back and was not told yet. */
  flush(): void {
    clearTimeout(this.#window)
    this.#window = undefined
    const classes = this.#classes
    this.#classes = new Map()
    for (const { shared, seen } of classes.values()) {
      if (seen <= LINES_PER_CLASS) continue
      const count = seen - LINES_PER_CLASS
      this.#write({ ...shared, event: 'suppressed', count, seconds: WINDOW_MS / 1000 } as AuditEvent)
    }
  }

  #admit(event: AuditEvent): boolean {
    this.#window ??= setTimeout(() => this.flush(), WINDOW_MS).unref()
    const fields = event as unknown as Partial<Record<Field, string>>
    let shared: Class['shared'] = { of: event.event }
    for (const field of CLASS_FIELDS) if (fields[field] !== undefined) shared[field] = fields[field]
    let name = JSON.stringify(shared)
    if (!this.#classes.has(name) && this.#classes.size >= CLASSES) {
      shared = { of: event.event }
      name = event.event
    }
    let known = this.#classes.get(name)
    if (known === undefined) {
      known = { shared, seen: 0 }
      this.#classes.set(name, known)
    }
    known.seen++
    return known.seen <= LINES_PER_CLASS
  }

  #write(event: AuditEvent): void {
    const fields = event as unknown as Partial<Record<Field, string | number>>
    const line: Record<string, unknown> = {
      audit: true,
      time: new Date(this.#now()).toISOString(),
      event: event.event,
    }
    for (const field of FIELDS_OF.get(event.event) ?? []) if (fields[field] !== undefined) line[field] = fields[field]
    const text = `${JSON.stringify(line)}\n`
    try {
      this.#sink(text)
    } catch {
      this.#failed++
      try {
        this.#fallback(text)
      } catch {
        // Both are gone; `failed` says so, and the request must still be answered.
      }
    }
  }
}
