/**
 * Reading a body, bounded: by the store's limit, by the bytes that all bodies in flight may have, and in time by the
 * server's request timeout. A body that is too large by its own declaration is refused before a byte of it is read, and a
 * client that waits for `100 Continue` gets its final status instead.
 *
 * A body is kept in one buffer, and what was reserved for it is that buffer's size: its declared length, or for a chunked
 * one what it has grown to. Pieces are not kept, because a client makes them as small as it likes, and each costs hundreds
 * of bytes. Nothing is allocated before the first of them.
 */
import type { IncomingMessage } from 'node:http'
import type { ProblemCode } from '../common/problems.ts'

/** The first buffer of a body whose length is not known; it grows by doubling. */
const FIRST = 1024
const NOTHING = Buffer.alloc(0)

/** Takes room for so many bytes; false = there is none. */
export type Reserve = (bytes: number) => boolean

/** Whether a request has a body, by its framing: `Content-Length: 0` is none. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  return (length !== undefined && Number(length) !== 0) || headers['transfer-encoding'] !== undefined
}

/** Whether the body is refused without reading it. Of a chunked one nothing is known yet. */
export function refuseDeclared(
  { headers }: IncomingMessage,
  limit: number,
  reserve: Reserve,
): 'value-too-large' | 'overloaded' | undefined {
  const length = headers['content-length']
  if (length === undefined) return undefined
  if (Number(length) > limit) return 'value-too-large'
  return reserve(Number(length)) ? undefined : 'overloaded'
}

export interface Reading {
  readonly body: Promise<Buffer | ProblemCode>
  /** Gives up: the body will not come. */
  stop(why: ProblemCode): void
}

/** Reads the body; what it does not take of it is thrown away as it comes. */
export function readBody(req: IncomingMessage, limit: number, reserve: Reserve): Reading {
  const { 'content-length': declared } = req.headers
  const expected = declared === undefined ? undefined : Number(declared)
  let buffer: Buffer = NOTHING
  let length = 0
  let stop!: (why: ProblemCode) => void
  const body = new Promise<Buffer | ProblemCode>((resolve) => {
    const finish = (result: Buffer | ProblemCode) => {
      req.removeListener('data', take)
      buffer = NOTHING
      req.resume()
      resolve(result)
    }
    const take = (chunk: Buffer) => {
      const end = length + chunk.length
      if (end > limit) return finish('value-too-large')
      if (chunk.length === expected) buffer = chunk
      else {
        if (end > buffer.length) {
          const size = expected ?? Math.min(limit, Math.max(FIRST, end, 2 * buffer.length))
          if (expected === undefined && !reserve(size - buffer.length)) return finish('overloaded')
          const grown = Buffer.allocUnsafeSlow(size)
          buffer.copy(grown)
          buffer = grown
        }
        chunk.copy(buffer, length)
      }
      length = end
    }
    stop = finish
    req.on('data', take)
    req.on('end', () => finish(buffer.subarray(0, length)))
    // The client is gone; there is nobody to read the answer.
    req.on('error', () => finish('bad_request'))
    req.on('close', () => finish('bad_request'))
  })
  return { body, stop }
}
