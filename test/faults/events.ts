/**
 * What many clients of several instances in several datacenters asked and were told, as lines of JSON, one an event, so
 * that a history can be kept, judged again and read by a person.
 *
 * The first line names the datacenters and the stores with their rules. Then come beginnings (`begin`, with the number of
 * the operation), ends (`answer`, with the same number) and marks of what the run did to the machines. A beginning without
 * an end is an operation whose answer was lost. `at` is ms on one machine's monotonic clock. Values are the numbers of the
 * writes that wrote them (../history/values.ts), so the same number is never written twice.
 *
 * Parsing refuses what is not such a history: a verdict on a file that was cut, mixed or edited would mean nothing. The last
 * line may be torn, as a crash leaves it.
 */
import type { Action } from '../history/cell.ts'

export interface StoreRules {
  readonly final: boolean
  readonly atomic: 'no' | 'datacenter' | 'global'
  readonly logout: 'everywhere' | 'local'
}

export interface Header {
  readonly history: 1
  readonly datacenters: readonly string[]
  readonly stores: Readonly<Record<string, StoreRules>>
  /** Ms that clocks of instances may be apart, for what expires. */
  readonly clocksApart: number
  /** Ms from a `healed` mark to the moment when all that was pending is over everywhere. */
  readonly healing: number
  readonly seed?: number
  readonly note?: string
}

/** What the client was told: the status, with the code of a 503 and the number of the value of a 200; or nothing. */
export type Answer =
  | { readonly status: number; readonly code?: string; readonly value?: number }
  | { readonly lost: string }

export interface Begin {
  readonly at: number
  readonly begin: number
  readonly client: string
  readonly dc: string
  readonly instance: string
  readonly store: string
  readonly key: string
  readonly action: Action
  /** Seconds that a put asked for. */
  readonly ttl?: number
}

export interface End {
  readonly at: number
  readonly answer: number
  readonly told: Answer
}

/** `fault` and `healed` matter to the verdict, all others are for people. */
export interface Mark {
  readonly at: number
  readonly mark: 'fault' | 'healed' | 'note'
  readonly what: string
}

export type Event = Begin | End | Mark

export interface History {
  readonly header: Header
  readonly events: readonly Event[]
}

/** One operation, its two events together. `ended` is Infinity if nothing was told. */
export interface Operation extends Omit<Begin, 'at' | 'begin'> {
  readonly id: number
  readonly began: number
  readonly ended: number
  readonly told: Answer
}

export function write({ header, events }: History): string {
  return [header, ...events].map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** Throws, with the number of the line, for what is no history. */
export function parse(text: string): History {
  const lines = text.split('\n')
  // What follows the last line feed is nothing, or a line that was torn.
  lines.pop()
  const parsed = lines.map((line, i) => {
    try {
      return JSON.parse(line)
    } catch {
      throw new Error(`line ${i + 1} is not JSON`)
    }
  })
  const [header, ...events] = parsed
  if (header?.history !== 1) throw new Error('line 1 is not the header of a history that this version reads')
  const history: History = { header, events }
  operationsOf(history)
  return history
}

/** Operations in the order of their beginnings. Throws for events that do not belong together. */
export function operationsOf({ header, events }: History): Operation[] {
  const operations = new Map<number, Operation>()
  const written = new Set<number>()
  let latest = Number.NEGATIVE_INFINITY
  for (const [i, event] of events.entries()) {
    const fail = (why: string) => new Error(`line ${i + 2}: ${why}`)
    if (!Number.isFinite(event.at) || event.at < latest) throw fail('its moment is before that of the line above')
    latest = event.at
    if ('begin' in event) {
      const { at, begin: id, ...rest } = event
      if (operations.has(id)) throw fail(`operation ${id} began before`)
      if (!header.datacenters.includes(rest.dc)) throw fail(`no datacenter is named ${rest.dc}`)
      if (header.stores[rest.store] === undefined) throw fail(`no store is named ${rest.store}`)
      if (rest.action.kind === 'put') {
        if (written.has(rest.action.write)) throw fail(`${rest.action.write} was written before`)
        written.add(rest.action.write)
      }
      operations.set(id, { ...rest, id, began: at, ended: Number.POSITIVE_INFINITY, told: { lost: 'nothing yet' } })
    } else if ('answer' in event) {
      const begun = operations.get(event.answer)
      if (begun === undefined) throw fail(`operation ${event.answer} never began`)
      if (Number.isFinite(begun.ended)) throw fail(`operation ${event.answer} was answered before`)
      operations.set(event.answer, { ...begun, ended: event.at, told: event.told })
    } else if (!('mark' in event)) throw fail('it is neither a beginning, nor an answer, nor a mark')
  }
  return [...operations.values()]
}
