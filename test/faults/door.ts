/**
 * A way to one instance, for the load: it asks for one thing and tells what it was told. Behind it stands a server and an
 * ordinary client of it that never retries, so that an operation happened once at most; or an engine alone (engine-door.ts).
 */
import { createClient, HoldfastError, type TlsOptions } from '@holdfast/client'
import type { Action } from '../history/cell.ts'
import { valueFor, writeIn } from '../history/values.ts'
import type { Answer } from './events.ts'

export interface Question {
  readonly store: string
  readonly key: string
  readonly action: Action
  /** Of the value that a condition names. */
  readonly only: string
}

export interface Told {
  readonly told: Answer
  /** By which a condition names the value that was written or read. */
  readonly tag?: string | undefined
}

export interface Door {
  readonly dc: string
  readonly instance: string
  ask(question: Question): Promise<Told>
  close(): Promise<void>
}

export interface ServerOptions {
  readonly dc: string
  readonly instance: string
  readonly url: string
  readonly tls: TlsOptions
  readonly connections: number
  /** Ms after which an operation is given up. */
  readonly timeout: number
}

export function serverDoor({ dc, instance, ...options }: ServerOptions): Door {
  const client = createClient({ ...options, retries: 0 })
  const ask = async ({ store, key, action, only }: Question): Promise<Told> => {
    const place = client.store(store)
    if (action.kind === 'end') {
      await place.end(key)
      return { told: { status: 204 } }
    }
    if (action.kind === 'put') {
      const condition =
        action.only === undefined ? {} : action.only === 'absent' ? { ifAbsent: true } : { ifMatch: only }
      const { etag } = await place.put(key, valueFor(action.write), condition)
      return { told: { status: 201 }, tag: etag }
    }
    const found = await place[action.kind](key)
    return found === undefined ? { told: { status: 404 } } : { told: toldOf(found.value), tag: found.etag }
  }
  const fault = (error: unknown): Told => {
    if (!(error instanceof HoldfastError)) throw error
    const { answered, code } = error
    return { told: answered === undefined || code === 'gateway' ? { lost: code } : { status: answered, code } }
  }
  return { dc, instance, ask: (question) => ask(question).catch(fault), close: () => client.close() }
}

/** A value that no write wrote has no number, which the checker refuses. */
export function toldOf(value: Buffer): Answer {
  try {
    return { status: 200, value: writeIn(value) }
  } catch (error) {
    return { status: 200, code: (error as Error).message }
  }
}
