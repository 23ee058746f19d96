/**
 * Problems as they go over the wire: `application/problem+json` (RFC 9457), pretty-printed with two spaces and a trailing
 * newline, members in Kask's order (type, title, detail, instance) and then ours (code, status). `instance` is the request
 * id and never the path, because the path is a secret.
 *
 * Everything but the request id is rendered once, at start-up: a refusal has to be much cheaper than what it refuses.
 */
import { STATUS_CODES } from 'node:http'
import { PROBLEM_CODES, PROBLEMS, type ProblemCode, problemType } from '../common/problems.ts'

interface Rendered {
  readonly status: number
  readonly before: string
  readonly after: string
  /** Bytes of the body: the texts are ASCII, and an id has 36 characters. */
  readonly length: string
  readonly retryAfter: string | undefined
}

const ID_LENGTH = 36

function render(code: ProblemCode): Rendered {
  const { status, title, detail, retryAfter } = PROBLEMS[code]
  const instance = 'urn:uuid:'
  const whole = JSON.stringify({ type: problemType(code), title, detail, instance, code, status }, null, 2)
  const cut = whole.indexOf(instance) + instance.length
  const before = whole.slice(0, cut)
  const after = `${whole.slice(cut)}\n`
  return {
    status,
    before,
    after,
    length: String(Buffer.byteLength(before) + ID_LENGTH + Buffer.byteLength(after)),
    retryAfter: retryAfter === undefined ? undefined : String(retryAfter),
  }
}

const rendered = new Map<ProblemCode, Rendered>(PROBLEM_CODES.map((code) => [code, render(code)]))

/** The body of a problem. `requestId` is a UUID. */
export function problemBody(code: ProblemCode, requestId: string): string {
  const { before, after } = rendered.get(code)!
  return before + requestId + after
}

/** Headers of a problem, flat as `writeHead` takes them; the array is the caller's to extend. */
export function problemHeaders(code: ProblemCode): string[] {
  const { length, retryAfter } = rendered.get(code)!
  const headers = [
    'Content-Type',
    'application/problem+json',
    'Content-Length',
    length,
    'X-Content-Type-Options',
    'nosniff',
    'Cache-Control',
    'no-store',
  ]
  if (retryAfter !== undefined) headers.push('Retry-After', retryAfter)
  return headers
}

/** A whole answer for a connection whose framing is broken, so that no request object exists; it says that we close. */
export function rawProblem(code: ProblemCode, requestId: string): string {
  const headers = problemHeaders(code)
  const { status } = PROBLEMS[code]
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nDate: ${new Date().toUTCString()}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${head}Connection: close\r\n\r\n${problemBody(code, requestId)}`
}
