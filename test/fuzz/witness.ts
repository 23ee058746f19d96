/**
 * A well-behaved client amid the attacks: another caller, from another address, that writes, reads, ends and asks again
 * all the while, on a kept connection and now and then on a new one. Each answer must be exactly right; how long the
 * slowest took is the figure.
 */
import { canary } from './canary.ts'

/** What it needs of a client; {@link ../support/client.ts} is one. */
interface Asks {
  ask(method: string, path: string, options?: { body?: string }): Promise<{ status: number; body: Buffer }>
  close(): Promise<void>
}

/** Requests before the witness takes a new connection. */
const PER_CONNECTION = 400

export class Witness {
  readonly faults: string[] = []
  /** Ms of each request. */
  readonly latencies: number[] = []
  readonly #connect: () => Asks
  readonly #store: string
  readonly #running: Promise<void>
  #stopped = false

  /** `owner`: the first of the numbers that its canaries carry; no attack may have them. */
  constructor(connect: () => Asks, store: string, owner: number) {
    this.#connect = connect
    this.#store = store
    this.#running = this.#run(owner)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #run(owner: number): Promise<void> {
    let client = this.#connect()
    for (let round = 0; !this.#stopped; round++) {
      if (round % (PER_CONNECTION / 4) === PER_CONNECTION / 4 - 1) {
        await client.close()
        client = this.#connect()
      }
      const path = `/${this.#store}/v1/${canary('key', owner + round)}`
      const value = canary('value', owner + round)
      await this.#ask(client, 'PUT', path, 201, '', value)
      await this.#ask(client, 'GET', path, 200, value)
      await this.#ask(client, 'DELETE', path, 204, '')
      await this.#ask(client, 'GET', path, 404)
    }
    await client.close()
  }

  async #ask(
    client: Asks,
    method: string,
    path: string,
    status: number,
    answer?: string,
    body?: string,
  ): Promise<void> {
    const before = performance.now()
    try {
      const got = await client.ask(method, path, body === undefined ? {} : { body })
      if (got.status !== status) this.faults.push(`${method}: ${got.status} instead of ${status}`)
      else if (answer !== undefined && got.body.toString() !== answer) this.faults.push(`${method}: another body`)
    } catch (error) {
      this.faults.push(`${method}: ${error}`)
    }
    this.latencies.push(performance.now() - before)
  }
}

/** The value below which the share `p` of the numbers lies. */
export function percentile(numbers: readonly number[], p: number): number {
  const sorted = Float64Array.from(numbers).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN
}
