/**
 * What a store sees of a request and gives back. The routes are a function from one to the other, so they can be read
 * and tested without a socket; http/ alone knows node's request objects, and writes an answer in one go.
 */
import type { Caller } from '../access/caller.ts'
import type { ProblemCode } from '../common/problems.ts'

/** Who asks, for decisions, deadlines and the audit. */
export interface Act {
  readonly caller: Caller
  /** A UUID. */
  readonly requestId: string
  /** When the request's head had arrived, on `performance.now()`. */
  readonly startedAt: number
}

export interface StoreRequest extends Act {
  readonly method: string
  /** The target after `/{store}/v1/`: one character a byte, still escaped; a key and maybe a `?` with a query. */
  readonly rawKey: string
  /** A header by its lower-case name; repeated ones joined by a comma. */
  header(name: string): string | undefined
  /** The whole body, or why it was not read: `value-too-large` past `limit` bytes, `overloaded`, `request-timeout`, … */
  body(limit: number): Promise<Buffer | ProblemCode>
}

/** A success. */
export interface Reply {
  readonly status: 200 | 201 | 204
  /** Name, value, name, value, …: as `writeHead` takes them. */
  readonly headers: string[]
  readonly body: Buffer | undefined
  /** For the metrics: `unchanged` is a write that was there already. */
  readonly outcome: 'ok' | 'unchanged'
}

export type StoreAnswer = Reply | ProblemCode
