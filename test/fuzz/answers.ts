/**
 * Reads what a server sent on one connection, strictly: anything that RFC 9112 would not let a careful client accept is a
 * fault of the server. Knows only the framing that Holdfast uses, which is Content-Length, and no body for 1xx, 204 and
 * HEAD.
 */

export interface Answer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

const STATUS_LINE = /^HTTP\/1\.1 ([1-5][0-9]{2}) [ -~]*$/
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?([\t -~]*)$/

export class Malformed extends Error {
  override readonly name = 'Malformed'
}

export class AnswerReader {
  #text = ''
  #headOnlyFirst: boolean
  readonly answers: Answer[] = []
  /** Interim answers (100 Continue). */
  interim = 0

  constructor(headOnlyFirst = false) {
    this.#headOnlyFirst = headOnlyFirst
  }

  /** Bytes of an answer that is not complete yet. */
  get rest(): string {
    return this.#text
  }

  /** True after an answer that said that it was the last. */
  get closing(): boolean {
    return this.answers.at(-1)?.headers.get('connection')?.toLowerCase() === 'close'
  }

  /** Takes what arrived; throws {@link Malformed}. */
  push(chunk: Buffer): void {
    this.#text += chunk.toString('latin1')
    while (this.#one()) {}
  }

  #one(): boolean {
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return false
    const [line, ...fields] = this.#text.slice(0, end).split('\r\n')
    const status = Number(STATUS_LINE.exec(line as string)?.[1] ?? fail(`status line ${JSON.stringify(line)}`))
    const headers = new Map<string, string>()
    for (const field of fields) {
      const [, name, value] = FIELD.exec(field) ?? fail(`field ${JSON.stringify(field)}`)
      if (headers.has(name!.toLowerCase())) fail(`field ${name} twice`)
      headers.set(name!.toLowerCase(), value!)
    }
    const headOnly = status < 200 || status === 204 || (this.#headOnlyFirst && this.answers.length === 0)
    const length = headOnly ? 0 : lengthOf(headers, status)
    if (this.#text.length < end + 4 + length) return false
    const body = this.#text.slice(end + 4, end + 4 + length)
    this.#text = this.#text.slice(end + 4 + length)
    if (status < 200) this.interim++
    else this.answers.push({ status, headers, body })
    return true
  }
}

function lengthOf(headers: ReadonlyMap<string, string>, status: number): number {
  const length = headers.get('content-length')
  if (length === undefined || !/^[0-9]+$/.test(length)) fail(`${status} with Content-Length ${length}`)
  return Number(length)
}

function fail(what: string): never {
  throw new Malformed(what)
}
