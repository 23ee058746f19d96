/**
 * Reading a body, bounded: by the store's limit, by the bytes that all bodies in flight may have, and in time by the
 * server's request timeout. A body that is too large by its own declaration is refused before a byte of it is read, and a
 * client that waits for `100 Continue` gets its final status instead.
 */
import type { IncomingMessage } from 'node:http'
import type { ProblemCode } from '../common/problems.ts'

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
  const declared = req.headers['content-length'] !== undefined
  const chunks: Buffer[] = []
  let length = 0
  let stop!: (why: ProblemCode) => void
  const body = new Promise<Buffer | ProblemCode>((resolve) => {
    const finish = (result: Buffer | ProblemCode) => {
      req.removeListener('data', take)
      chunks.length = 0
      req.resume()
      resolve(result)
    }
    const take = (chunk: Buffer) => {
      length += chunk.length
      if (length > limit) finish('value-too-large')
      else if (!declared && !reserve(chunk.length)) finish('overloaded')
      else chunks.push(chunk)
    }
    stop = finish
    req.on('data', take)
    req.on('end', () => finish(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
    // The client is gone; there is nobody to read the answer.
    req.on('error', () => finish('bad_request'))
    req.on('close', () => finish('bad_request'))
  })
  return { body, stop }
}
