/**
 * Framing of answers: bytes as they come, one answer at a time. It takes only what a Holdfast server sends (HTTP/1.1,
 * `Content-Length` exactly once, no transfer coding) and refuses everything else, because an answer whose end is in doubt
 * could be taken for part of another's. It answers a hostile or broken server: what it lets through is exactly one answer
 * to the one request that was sent, bounded in size.
 */

/** Longest head of an answer, in bytes. */
const MAX_HEAD_BYTES = 16 * 1024
/** Interim answers (1xx) before the real one. */
const MAX_INTERIM = 8
/** Longest body of an answer that brings no value, in bytes. */
const MAX_PROBLEM_BYTES = 64 * 1024
const HEAD =
  /^HTTP\/1\.1 [1-5]\d\d [\t\x20-\x7e\x80-\xff]*\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*$/
const END_OF_HEAD = Buffer.from('\r\n\r\n', 'latin1')
const LENGTH = /^\d{1,10}$/
/** OWS of RFC 9110, and nothing else: `trim` would take a no-break space, too. */
const PADDING = /^[\t ]+|[\t ]+$/g
const NOTHING = Buffer.alloc(0)

export interface Response {
  readonly status: number
  readonly etag: string | undefined
  /** Holdfast-TTL: whole seconds. */
  readonly ttl: string | undefined
  readonly retryAfter: string | undefined
  /** X-Request-ID: of the request that this answers. */
  readonly requestId: string | undefined
  readonly body: Buffer
  /** The connection may carry another request. */
  readonly reusable: boolean
}

/** The bytes are not an answer; the connection is of no use any more. */
export class Malformed extends Error {}
/** An answer, but a larger one than is taken. */
export class TooLarge extends Malformed {}

interface Head {
  status: number
  etag: string | undefined
  ttl: string | undefined
  retryAfter: string | undefined
  requestId: string | undefined
  length: number | undefined
  close: boolean
}

/** Takes the bytes of one answer. */
export class ResponseReader {
  readonly #maxValue: number
  #head: Head | undefined
  #interim = 0
  /** What has come of the head, or of the body once there is a head. */
  #parts: Buffer[] = []
  #size = 0
  /** What followed the answer. */
  rest: Buffer = NOTHING

  /** `maxValue`: largest value that is taken, in bytes. */
  constructor(maxValue: number) {
    this.#maxValue = maxValue
  }

  /** The answer once it is whole; `rest` then holds what came behind it. Throws {@link Malformed}. */
  take(chunk: Buffer): Response | undefined {
    let bytes = chunk
    while (this.#head === undefined) {
      const { head, rest } = this.#takeHead(bytes)
      if (head === undefined) return undefined
      bytes = rest
      if (head.status >= 200) this.#head = head
      else if (head.status === 101 || ++this.#interim > MAX_INTERIM) throw new Malformed('interim answers without end')
    }
    return this.#takeBody(this.#head, bytes)
  }

  #takeHead(bytes: Buffer): { head: Head | undefined; rest: Buffer } {
    const all = this.#parts.length === 0 ? bytes : Buffer.concat([...this.#parts, bytes])
    const end = all.indexOf(END_OF_HEAD)
    if ((end < 0 ? all.length : end) > MAX_HEAD_BYTES) throw new Malformed('the head is too long')
    if (end < 0) {
      this.#parts = [all]
      return { head: undefined, rest: NOTHING }
    }
    this.#parts = []
    return { head: parseHead(all.toString('latin1', 0, end + 2)), rest: all.subarray(end + 4) }
  }

  #takeBody(head: Head, bytes: Buffer): Response | undefined {
    const length = bodyLength(head)
    if (head.status === 200 && length > this.#maxValue) {
      throw new TooLarge(`a value of ${length} bytes, where at most ${this.#maxValue} are taken (maxValue)`)
    }
    if (head.status !== 200 && length > MAX_PROBLEM_BYTES) throw new Malformed('the body is too long')
    const excess = this.#size + bytes.length - length
    if (excess < 0) {
      this.#parts.push(bytes)
      this.#size += bytes.length
      return undefined
    }
    const end = bytes.length - excess
    this.#parts.push(excess === 0 ? bytes : bytes.subarray(0, end))
    this.rest = bytes.subarray(end)
    const { status, etag, ttl, retryAfter, requestId, close } = head
    // Always a copy: a part of what TLS handed out would keep all of it alive.
    const body = length === 0 ? NOTHING : Buffer.concat(this.#parts, length)
    return { status, etag, ttl, retryAfter, requestId, body, reusable: !close }
  }
}

function bodyLength({ status, length }: Head): number {
  if (status === 204 || status === 304) {
    if (length !== undefined && length > 0) throw new Malformed('a body where none may be')
    return 0
  }
  if (length === undefined) throw new Malformed('no Content-Length')
  return length
}

/** The fields that matter here. */
const FIELDS = new Set([
  ...['content-length', 'transfer-encoding', 'connection'],
  ...['etag', 'holdfast-ttl', 'retry-after', 'x-request-id'],
])
/** Others are passed over at once. */
const LENGTHS = new Set([...FIELDS].map(({ length }) => length))

/** The whole form is judged first, so that what follows may look for colons and line ends without care. */
function parseHead(text: string): Head {
  if (!HEAD.test(text)) throw new Malformed('not a head of HTTP/1.1')
  const head: Head = {
    ...{ status: Number(text.slice(9, 12)), etag: undefined, ttl: undefined, retryAfter: undefined },
    ...{ requestId: undefined, length: undefined, close: false },
  }
  for (let at = text.indexOf('\r\n') + 2; at < text.length; ) {
    const colon = text.indexOf(':', at)
    const end = text.indexOf('\r\n', colon)
    const name = LENGTHS.has(colon - at) ? text.slice(at, colon).toLowerCase() : ''
    if (FIELDS.has(name)) setField(head, name, text.slice(colon + 1, end).replace(PADDING, ''))
    at = end + 2
  }
  return head
}

function setField(head: Head, name: string, value: string): void {
  switch (name) {
    case 'content-length':
      if (head.length !== undefined || !LENGTH.test(value)) throw new Malformed('not one Content-Length')
      head.length = Number(value)
      return
    case 'transfer-encoding':
      throw new Malformed('a transfer coding')
    case 'connection':
      if (/(^|,)[\t ]*close[\t ]*(,|$)/i.test(value)) head.close = true
      return
    case 'x-request-id':
      if (head.requestId !== undefined) throw new Malformed('not one X-Request-ID')
      head.requestId = value
      return
    case 'etag':
      head.etag = value
      return
    case 'holdfast-ttl':
      head.ttl = value
      return
    case 'retry-after':
      head.retryAfter = value
  }
}
