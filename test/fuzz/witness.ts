/**
 * A well-behaved client amid the attacks: another caller, from another address, on a thread of its own, that writes, reads,
 * ends and asks again all the while, on a kept connection and now and then on a new one. Each answer must be exactly
 * right; how long the slowest took is the figure.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Client } from '../support/client.ts'
import { canary } from './canary.ts'

export interface WitnessOptions {
  readonly origin: string
  /** Options of `tls.connect`. */
  readonly connect: object
  readonly store: string
  /** First of the numbers that its canaries carry; no attack may have them. */
  readonly owner: number
}

export interface Testimony {
  readonly faults: readonly string[]
  /** Ms of each request. */
  readonly latencies: readonly number[]
}

/** Sets the witness to work; the result ends its work and says what it saw. */
export function watch(options: WitnessOptions): () => Promise<Testimony> {
  const worker = new Worker(new URL(import.meta.url), { workerData: options })
  const testimony = new Promise<Testimony>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  return () => {
    worker.postMessage('stop')
    return testimony
  }
}

/** Rounds of four requests before the witness takes a new connection. */
const ROUNDS = 100

async function work({ origin, connect, store, owner }: WitnessOptions): Promise<Testimony> {
  const faults: string[] = []
  const latencies: number[] = []
  let stopped = false
  parentPort!.once('message', () => {
    stopped = true
  })
  let client = new Client(origin, connect, 1)

  const ask = async (method: string, path: string, status: number, answer?: string, body?: string) => {
    const before = performance.now()
    try {
      const got = await client.ask(method, path, body === undefined ? {} : { body })
      if (got.status !== status) faults.push(`${method}: ${got.status} instead of ${status} ${got.body}`)
      else if (answer !== undefined && got.body.toString() !== answer) faults.push(`${method}: another body`)
    } catch (error) {
      faults.push(`${method}: ${error}`)
    }
    latencies.push(performance.now() - before)
  }

  for (let round = 0; !stopped; round++) {
    if (round % ROUNDS === ROUNDS - 1) {
      await client.close()
      client = new Client(origin, connect, 1)
    }
    const path = `/${store}/v1/${canary('key', owner + round)}`
    const value = canary('value', owner + round)
    await ask('PUT', path, 201, '', value)
    await ask('GET', path, 200, value)
    await ask('DELETE', path, 204, '')
    await ask('GET', path, 404)
  }
  await client.close()
  return { faults, latencies }
}

if (!isMainThread) parentPort!.postMessage(await work(workerData as WitnessOptions))
