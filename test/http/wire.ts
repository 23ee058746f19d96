/**
 * A client that is nothing but a TLS socket: it sends the bytes that it is given, when it is told to, and reads answers
 * strictly, one after the other. It can send what no HTTP client would, and see what they hide.
 */
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { type Answer, AnswerReader } from '../fuzz/answers.ts'

/** What any answer may take, in ms: only a hang reaches it. */
const PATIENCE_MS = 20_000

export class Wire {
  readonly #socket: TLSSocket
  readonly #reader: AnswerReader
  /** When the connection ended, on `performance.now()`. */
  endedAt: number | undefined
  #taken = 0
  #fault: Error | undefined
  #news = Promise.withResolvers<void>()

  private constructor(socket: TLSSocket, headOnlyFirst: boolean) {
    this.#socket = socket
    this.#reader = new AnswerReader(headOnlyFirst)
    socket.on('data', (chunk) => {
      try {
        this.#reader.push(chunk)
      } catch (error) {
        this.#fault = error as Error
      }
      this.#tell()
    })
    for (const event of ['end', 'close'] as const) {
      socket.on(event, () => {
        this.endedAt ??= performance.now()
        this.#tell()
      })
    }
    // A reset is an end like any other; who waits for an answer is told that none came.
    socket.on('error', () => {})
  }

  /** `headOnlyFirst`: the first request will be HEAD, so its answer has no body. */
  static open(options: ConnectionOptions, headOnlyFirst = false): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect(options, () => resolve(new Wire(socket.removeListener('error', reject), headOnlyFirst)))
      socket.setNoDelay(true).once('error', reject)
    })
  }

  /** Text goes out one byte a character. */
  send(data: string | Buffer): this {
    this.#socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
    return this
  }

  /** The next final answer. */
  answer(): Promise<Answer> {
    return this.#until('an answer', () => {
      const found = this.#reader.answers[this.#taken]
      if (found !== undefined) this.#taken++
      return found
    })
  }

  /** Resolves when `100 Continue` has come, so many times in all. */
  async continued(times = 1): Promise<void> {
    await this.#until('100 Continue', () => this.#reader.interim >= times || undefined)
  }

  /** Resolves when the server has closed the connection; fails if anything more came before. */
  async closed(): Promise<void> {
    await this.#until('the end', () => this.endedAt)
    const { answers, rest } = this.#reader
    if (answers.length > this.#taken || rest !== '') throw new Error(`more came: ${JSON.stringify(rest)}`)
  }

  /** Interim answers so far. */
  get interim(): number {
    return this.#reader.interim
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  async #until<T>(what: string, find: () => T | undefined): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no sign of ${what} for ${PATIENCE_MS} ms`)), PATIENCE_MS)
    })
    try {
      for (;;) {
        const found = find()
        if (found !== undefined) return found
        if (this.#fault !== undefined) throw this.#fault
        if (this.endedAt !== undefined)
          throw new Error(`closed without ${what}, after ${JSON.stringify(this.#reader.rest)}`)
        await Promise.race([this.#news.promise, late])
      }
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The bytes of a request without a body; `headers` come after Host, each line whole. */
export function head(method: string, target: string, ...headers: string[]): string {
  return [`${method} ${target} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n')
}
