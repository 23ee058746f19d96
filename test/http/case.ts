/**
 * The shape of the tables: a case is a few requests on one key, in order, with what each must be answered. A case says
 * nothing about who sends it, so that every client can be driven through the same tables.
 *
 * In a target `{key}` is a key that no other case and no other client has; in a header `{etag}` is the ETag that the case
 * was answered last and `{old}` the one before.
 */
import type { ProblemCode } from '../../packages/server/src/common/problems.ts'
import type { CallerName } from '../support/site.ts'

/** Who sends a request; `basic` is on the basic listener. */
export type Sender = CallerName | 'basic'

export interface Step {
  /** Method, one space, and the target as it goes over the wire. */
  readonly send: string
  readonly headers?: Readonly<Record<string, string>>
  /** Text goes out one byte a character. */
  readonly body?: string | Buffer
  /** Without a length, in chunks. */
  readonly chunked?: boolean
  /** `all` if not said. */
  readonly as?: Sender
  readonly status: number
  /** The answer is this problem, member by member. */
  readonly code?: ProblemCode
  /** The answer is this value, byte for byte. */
  readonly value?: string | Buffer
  /** Headers of the answer; `null` = must be absent. */
  readonly answered?: Readonly<Record<string, string | RegExp | null>>
}

export interface Case {
  readonly title: string
  readonly steps: readonly Step[]
  /** Clients that cannot send this, each with the reason; a raw TLS socket sends it in their place. */
  readonly cannot?: Readonly<Partial<Record<'undici' | 'curl', string>>>
}

export const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
