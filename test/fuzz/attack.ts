/**
 * What one attack is: bytes and pauses for one connection, and what may come back. An attack says as much as it can know
 * about the answer; everything that holds for every answer (a status of the error table, no word of another request) is
 * judged in judge.ts and needs no saying here.
 */
import { canary } from './canary.ts'
import type { Random } from './random.ts'

/** Bytes to send, milliseconds to wait, a wait for one more answer, the end of our half, or a TCP reset. */
export type Step = Buffer | number | 'answer' | 'half-close' | 'reset'

export interface Attack {
  readonly shape: string
  readonly steps: readonly Step[]
  /** The most answers that these bytes deserve: one more means that a hidden request was executed. */
  readonly answers: number
  /** Statuses that the first answer may have. Absent: any documented one, or none at all and a closed connection. */
  readonly expect?: readonly number[]
  /** The first answer has a head only. */
  readonly head?: boolean
  /** The request is complete and well framed, so the connection can carry the next attack. */
  readonly tidy?: boolean
  /** Keys that must not have been written when the run is over. */
  readonly forbidden?: readonly string[]
  /** Keys that must be there when the run is over if the last answer was 201: shows that the search would find one. */
  readonly written?: readonly string[]
  /** The server itself must cut the connection within its own timeouts: the attacker never ends its half. */
  readonly stalls?: boolean
  /** The attacker reads nothing until its steps are done. */
  readonly deaf?: boolean
  /** Below HTTP: the steps are sent over TCP before any handshake, or damage the records of a finished one. */
  readonly below?: 'tcp' | 'records'
}

/** What an attack may aim at. */
export interface Target {
  /** host:port as it belongs in a Host field. */
  readonly authority: string
  /** A final store with small values, a reusable one, and one with the largest permitted values. */
  readonly stores: { readonly final: string; readonly reusable: string; readonly large: string }
  readonly limits: {
    readonly keyBytes: number
    readonly headBytes: number
    readonly small: number
    readonly large: number
  }
  /** Keys of the reusable store that are there from the start and must be there, unchanged, at the end. */
  readonly guards: readonly string[]
}

/** Makes one attack. `id` is the attack's number, and the name of its canaries. */
export type Shape = (random: Random, id: number, target: Target) => Omit<Attack, 'shape'>

const CRLF = '\r\n'

export interface RequestParts {
  method?: string
  path: string
  version?: string
  headers?: readonly string[]
  body?: Buffer | string
}

/** The bytes of a request (latin1). Adds Host and, for a body, Content-Length, unless the headers already say so. */
export function request(target: Target, parts: RequestParts): Buffer {
  const headers = [...(parts.headers ?? [])]
  const has = (name: string) => headers.some((header) => header.toLowerCase().startsWith(name))
  const body = Buffer.from(parts.body ?? '')
  if (!has('host')) headers.unshift(`Host: ${target.authority}`)
  if (parts.body !== undefined && !has('content-length') && !has('transfer-encoding')) {
    headers.push(`Content-Length: ${body.length}`)
  }
  const line = `${parts.method ?? 'GET'} ${parts.path} ${parts.version ?? 'HTTP/1.1'}`
  return Buffer.concat([Buffer.from([line, ...headers, '', ''].join(CRLF), 'latin1'), body])
}

/** Path of a fresh key of this attack in a store. `part` tells apart several keys of one attack. */
export const ownPath = (store: string, id: number, part = ''): string => `/${store}/v1/${part}${canary('key', id)}`

/** A value that only this attack may ever see again. */
export const ownValue = (id: number): string => `value ${canary('value', id)}`

/** A body in chunks of at most `size` bytes. */
export function chunked(body: string, size = body.length): string {
  let out = ''
  for (let at = 0; at < body.length; at += size) {
    const part = body.slice(at, at + size)
    out += `${part.length.toString(16)}${CRLF}${part}${CRLF}`
  }
  return `${out}0${CRLF}${CRLF}`
}
