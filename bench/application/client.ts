/**
 * A client alone: lanes that GET values of 1,536 bytes in a closed loop, and what of this process' CPU that took.
 * `node client.ts OPTIONS-AS-JSON` prints a ClientRound as JSON.
 *
 * undici is met twice: by its `request`, which most people call, and by its `dispatch`, the lowest level it offers, with a
 * handler that does no more than collect a body. undici has a connection for each lane; node-redis and @holdfast/client
 * send together what the lanes ask in one turn, as they do by default.
 */
import { readFileSync } from 'node:fs'
import { type Dispatcher, Pool } from 'undici'
import { createClient } from '../../packages/client/src/index.ts'
import { framework } from '../../test/frameworks/install.ts'
import { KEY_PREFIX, keyOf, STORE, VALUE_BYTES } from '../workload.ts'

export const CLIENTS = ['undici, request', 'undici, dispatch', '@holdfast/client', 'node-redis'] as const
export type ClientName = (typeof CLIENTS)[number]

export interface ClientOptions {
  readonly client: ClientName
  readonly redisPort?: number
  readonly holdfastPort?: number
  readonly authority: string
  readonly certificate: string
  readonly key: string
  readonly keys: number
  readonly warmUp: number
  readonly seconds: number
}

export interface ClientRound {
  /** GETs per second. */
  readonly rate: number
  /** Microseconds of this process' CPU per GET, all threads. */
  readonly cpu: number
}

/** Calls under way at once: what a busy application has. */
const LANES = 16

type Get = (n: number) => Promise<number>

if (import.meta.main) await main(JSON.parse(process.argv[2]!))

async function main(options: ClientOptions): Promise<void> {
  const get = await getOf(options)
  let gets = 0
  const start = performance.now()
  const until = start + (options.warmUp + options.seconds) * 1000
  const lane = async () => {
    while (performance.now() < until) {
      const length = await get(Math.floor(Math.random() * options.keys))
      if (length !== VALUE_BYTES) throw new Error(`${options.client}: a value of ${length} bytes`)
      gets++
    }
  }
  const lanes = Promise.all(Array.from({ length: LANES }, lane))
  await new Promise((resolve) => setTimeout(resolve, options.warmUp * 1000))
  const [before, from, cpu] = [gets, performance.now(), process.cpuUsage()]
  await lanes
  const { user, system } = process.cpuUsage(cpu)
  const count = gets - before
  const round: ClientRound = { rate: (count / (performance.now() - from)) * 1000, cpu: (user + system) / count }
  console.log(JSON.stringify(round))
  process.exit(0)
}

async function getOf(options: ClientOptions): Promise<Get> {
  const [ca, cert, key] = [options.authority, options.certificate, options.key].map((file) => readFileSync(file))
  const url = `https://127.0.0.1:${options.holdfastPort}`
  if (options.client === '@holdfast/client') {
    const store = createClient({ url, tls: { ca: ca!, cert: cert!, key: key! } }).store(STORE)
    return async (n) => (await store.get(keyOf(n)))?.value.length ?? -1
  }
  if (options.client === 'node-redis') {
    const { createClient, RESP_TYPES } = await framework('redis')
    const client = await createClient({
      socket: { host: '127.0.0.1', port: options.redisPort, tls: true, ca },
    }).connect()
    const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    return async (n) => (await binary.get(`key:${String(n).padStart(12, '0')}`))?.length ?? -1
  }
  const pool = new Pool(url, { connections: LANES, connect: { ca, cert, key } })
  if (options.client === 'undici, dispatch') return (n) => dispatch(pool, KEY_PREFIX + keyOf(n))
  return async (n) => {
    const { body } = await pool.request({ method: 'GET', path: KEY_PREFIX + keyOf(n) })
    return (await body.arrayBuffer()).byteLength
  }
}

function dispatch(pool: Pool, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart() {},
      onResponseData(_controller, part) {
        parts.push(part)
      },
      onResponseEnd: () => resolve(Buffer.concat(parts).length),
      onResponseError: (_controller, error) => reject(error),
    }
    pool.dispatch({ method: 'GET', path }, handler)
  })
}
