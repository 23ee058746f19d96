/**
 * One client on one connection, which does one thing at a time and reports what it was told. It never retries, so that
 * each operation happened at most once; an answer that did not come in full is `unknown`.
 *
 * An answer that no sound server gives (500, a torn value, a status that the operation does not have) is thrown.
 */
import { Client, type Dispatcher } from 'undici'
import type { Action, Outcome } from '../history/cell.ts'
import { valueFor, writeIn } from '../history/values.ts'

export interface Identity {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** The entity tags of writes, as far as some client learned them: shared by all clients of a run. */
export class Tags {
  readonly #byWrite = new Map<number, string>()

  learn(write: number, tag: unknown): void {
    if (typeof tag !== 'string') throw new Error(`the answer for write ${write} has no ETag`)
    const known = this.#byWrite.get(write)
    if (known !== undefined && known !== tag) throw new Error(`write ${write} had the tag ${known} and now ${tag}`)
    this.#byWrite.set(write, tag)
  }

  /** A tag that no write has, if it is not known. */
  of(write: number): string {
    return this.#byWrite.get(write) ?? '"none"'
  }

  knows(write: number): boolean {
    return this.#byWrite.has(write)
  }
}

/** `nothing`: certainly not done, so that it belongs in no history. */
export type Report = Outcome | 'nothing'

const OUTCOMES: Readonly<Record<Action['kind'], Readonly<Record<number, Report>>>> = {
  get: { 404: 'gone', 503: 'nothing' },
  put: { 201: 'written', 409: 'ended', 412: 'failed' },
  take: { 404: 'gone' },
  end: { 204: 'done' },
}

export class StoreClient {
  readonly #client: Client
  readonly #tags: Tags

  constructor(origin: string, identity: Identity, tags: Tags) {
    this.#client = new Client(origin, { connect: identity, pipelining: 1, keepAliveTimeout: 60_000 })
    this.#tags = tags
  }

  /** `path`: of the key, with its store. */
  async run(path: string, action: Action): Promise<Report> {
    const request = this.#request(action)
    let answer: Dispatcher.ResponseData
    let body: Buffer
    try {
      answer = await this.#client.request({ path, ...request })
      body = Buffer.from(await answer.body.arrayBuffer())
    } catch {
      return 'unknown'
    }
    const { statusCode: status } = answer
    if (status === 200 && (action.kind === 'get' || action.kind === 'take')) {
      const value = writeIn(body)
      this.#tags.learn(value, answer.headers.etag)
      return { value }
    }
    if (status === 201 && action.kind === 'put') this.#tags.learn(action.write, answer.headers.etag)
    const outcome = OUTCOMES[action.kind][status]
    if (outcome !== undefined) return outcome
    if (status === 503)
      return (JSON.parse(body.toString()) as { code: string }).code === 'unconfirmed' ? 'unknown' : 'nothing'
    throw new Error(`${action.kind} was answered ${status}: ${body.toString()}`)
  }

  #request(action: Action): Omit<Dispatcher.RequestOptions, 'path' | 'origin'> {
    switch (action.kind) {
      case 'get':
        return { method: 'GET' }
      case 'end':
        return { method: 'DELETE' }
      case 'take':
        return { method: 'DELETE', headers: { prefer: 'return=representation' } }
      case 'put':
        return { method: 'PUT', body: valueFor(action.write), headers: this.#condition(action.only) }
    }
  }

  #condition(only: 'absent' | number | undefined): Record<string, string> {
    if (only === undefined) return {}
    return only === 'absent' ? { 'if-none-match': '*' } : { 'if-match': this.#tags.of(only) }
  }

  /** Gives the connection up at once; what is under way is `unknown`. */
  async destroy(): Promise<void> {
    await this.#client.destroy()
  }
}
