/**
 * A load over mutual TLS from a process of its own: requests at a given rate over a given number of keep-alive
 * connections, at most one under way on each, as a client's pool sends them. A request that is due while every
 * connection is busy is not sent and is counted as such: a pool that is exhausted fails by itself. Latency counts from the
 * moment a request is handed to its socket. Clients here are rude: they never wait for what Retry-After asks.
 *
 * Rate 0 is a closed loop: each connection sends again as soon as it is answered.
 *
 * `node loader.ts OPTIONS-AS-JSON` prints a LoadResult as JSON.
 */
import { readFileSync } from 'node:fs'
import type { OnReadOpts } from 'node:net'
import { type ConnectionOptions, connect, createSecureContext, type TLSSocket } from 'node:tls'

export interface LoadOptions {
  readonly port: number
  /** PEM files. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
  readonly method: 'GET' | 'PUT'
  /** Keys `PREFIX0` … are asked for. */
  readonly prefix: string
  readonly keys: number
  readonly connections: number
  /** Requests per second; 0 = closed loop. */
  readonly rate: number
  /** Seconds before and while it measures. */
  readonly warmUp: number
  readonly seconds: number
}

interface Latencies {
  readonly count: number
  /** Ms; 0 if there were none. */
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface LoadResult {
  readonly accepted: Latencies
  readonly refused: Latencies
  /** Refusals without a Retry-After of whole seconds or without the problem's body. */
  readonly badRefusals: number
  /** Due while no connection was free. */
  readonly notSent: number
  /** Accepted per second. */
  readonly throughput: number
}

interface Connection {
  readonly socket: TLSSocket
  sentAt: number
  measured: boolean
  accepted: boolean
  /** Bytes of the answer still to come; 0 = its head has not come yet. */
  left: number
}

const options: LoadOptions = JSON.parse(process.argv[2]!)
const value = 'x'.repeat(1536 - 16)
const accepted: number[] = []
const refused: number[] = []
const free: Connection[] = []
let badRefusals = 0
let notSent = 0
let serial = 0

function fail(why: string): never {
  console.error(why)
  process.exit(1)
}

function send(connection: Connection, now: number): void {
  connection.sentAt = now
  connection.measured = now >= measureFrom && now < measureTo
  const head = `${options.method} ${options.prefix}${Math.floor(Math.random() * options.keys)} HTTP/1.1\r\nHost: localhost\r\n`
  const body = options.method === 'GET' ? '' : String(++serial).padStart(16, '0') + value
  const length = options.method === 'GET' ? '' : `Content-Length: ${body.length}\r\n`
  connection.socket.write(`${head}${length}\r\n${body}`, 'latin1')
}

function finished(connection: Connection): void {
  const now = performance.now()
  if (connection.measured) (connection.accepted ? accepted : refused).push(now - connection.sentAt)
  if (options.rate === 0 && now < measureTo) send(connection, now)
  else free.push(connection)
}

function received(connection: Connection, size: number, data: Buffer): void {
  if (connection.left > 0) {
    connection.left -= size
  } else {
    const text = data.toString('latin1', 0, size)
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) fail(`an answer whose head did not come in one piece: ${text}`)
    const status = text.slice(9, 12)
    if (status !== '503' && status[0] !== '2') fail(`an answer that is neither a success nor a refusal: ${text}`)
    connection.accepted = status !== '503'
    if (!connection.accepted) {
      const asked = /\r\nretry-after: [1-9]\d*\r\n/i.test(text) && text.includes('"code": "overloaded"')
      if (!asked) badRefusals++
    }
    connection.left = end + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0) - size
  }
  if (connection.left === 0) finished(connection)
}

function open(): Promise<Connection> {
  return new Promise((resolve) => {
    const onread: OnReadOpts = {
      buffer: Buffer.allocUnsafe(16_384),
      callback: (size, data) => {
        received(connection, size, data as Buffer)
        return true
      },
    }
    const to: ConnectionOptions & { onread: OnReadOpts } = {
      host: '127.0.0.1',
      port: options.port,
      secureContext,
      onread,
    }
    const socket = connect(to, () => resolve(connection))
    const connection: Connection = { socket, sentAt: 0, measured: false, accepted: false, left: 0 }
    socket.setNoDelay(true)
    socket.on('error', (error) => fail(`connection: ${error.message}`))
    socket.on('close', () => fail('the server closed a connection'))
  })
}

function latencies(times: number[]): Latencies {
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  return { count: times.length, p50: at(0.5), p99: at(0.99), max: times.at(-1) ?? 0 }
}

const secureContext = createSecureContext({
  ca: readFileSync(options.authority),
  cert: readFileSync(options.certificate),
  key: readFileSync(options.key),
})
free.push(...(await Promise.all(Array.from({ length: options.connections }, open))))

const start = performance.now()
const measureFrom = start + options.warmUp * 1000
const measureTo = measureFrom + options.seconds * 1000
/** Moments between arrivals of independent clients: a Poisson process. */
const gap = () => (-Math.log(1 - Math.random()) * 1000) / options.rate
let next = start + gap()

/** Spins, because timers of 1 ms would send in bursts; so this program needs a core of its own. */
function tick(): void {
  const now = performance.now()
  if (now >= measureTo) {
    if (free.length < options.connections) setImmediate(tick)
    else report()
    return
  }
  while (options.rate > 0 && next <= now) {
    const connection = free.shift()
    if (connection !== undefined) send(connection, performance.now())
    else if (next >= measureFrom) notSent++
    next += gap()
  }
  setImmediate(tick)
}

function report(): void {
  const throughput = accepted.length / options.seconds
  const result: LoadResult = {
    accepted: latencies(accepted),
    refused: latencies(refused),
    ...{ badRefusals, notSent, throughput },
  }
  console.log(JSON.stringify(result))
  process.exit(0)
}

if (options.rate === 0) for (const connection of free.splice(0)) send(connection, performance.now())
tick()
