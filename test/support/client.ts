/** A client on its own connections: undici with a certificate, sending targets as they are given, byte for byte. */
import { type Dispatcher, Pool } from 'undici'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

interface AskOptions {
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
}

export class Client {
  readonly #pool: Pool

  /** `connect`: options of `tls.connect`. */
  constructor(origin: string, connect: object, connections: number) {
    this.#pool = new Pool(origin, { connect, connections, pipelining: 1 })
  }

  /** `path` is sent as it is. */
  async ask(method: string, path: string, { headers, body }: AskOptions = {}): Promise<Answer> {
    const answer = await this.#pool.request({
      method: method as Dispatcher.HttpMethod,
      path,
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
    })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    return { status: answer.statusCode, headers: answer.headers, body: bytes }
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask('GET', path, { headers })
  }

  put(path: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask('PUT', path, { body, headers })
  }

  delete(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask('DELETE', path, { headers })
  }

  /** Cuts whatever is open. */
  close(): Promise<void> {
    return this.#pool.destroy()
  }
}
