/**
 * An open-loop load over mutual TLS, in a process of its own: requests are due at random moments (a Poisson process, as
 * independent clients make it) whether or not earlier ones were answered, and latency counts from the moment a request
 * was due. A server that stalls is charged for every request that had to wait meanwhile, also in this program's queue.
 *
 * It spins instead of sleeping, because timers of 1 ms would send in bursts; it needs a core of its own. Of HTTP it
 * understands only what the bench's servers send: a head in one piece and a Content-Length.
 *
 * `node loader.ts OPTIONS-AS-JSON` prints a LoaderResult as JSON.
 */
import { readFileSync } from 'node:fs'
import type { OnReadOpts } from 'node:net'
import { type ConnectionOptions, connect, createSecureContext, type TLSSocket } from 'node:tls'
import { cpuSeconds } from './procfs.ts'
import { CONNECTIONS, KEY_PREFIX, keyOf, VALUE_BYTES } from './workload.ts'

export interface LoaderOptions {
  readonly port: number
  /** Process whose CPU is measured. */
  readonly pid: number
  /** PEM files: the authority of the server, and the client's own certificate and key. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
  /** Requests per second. */
  readonly rate: number
  /** Percent of the requests that write. */
  readonly writes: number
  /** Records to choose from. */
  readonly keys: number
  /** Seconds before and while it measures. */
  readonly warmUp: number
  readonly seconds: number
}

export interface LoaderResult {
  readonly reads: number
  readonly writes: number
  /** Answers 503, in neither of the two, and the codes of their problems. */
  readonly refused: number
  readonly codes: readonly string[]
  /** Microseconds of the server's CPU per request, all threads. */
  readonly cpu: number
  /** Milliseconds, from the moment the request was due; of the reads, and of the writes, if there were any. */
  readonly p50: number
  readonly p99: number
  readonly writeP50: number | null
  readonly writeP99: number | null
  /** How late requests were sent, p99 in milliseconds: what of the latency is this program's own doing, or a busy core's. */
  readonly lateP99: number
}

/** One keep-alive connection with at most one request under way. */
interface Connection {
  readonly socket: TLSSocket
  due: number
  write: boolean
  measured: boolean
  refused: boolean
  /** Bytes of the answer that are still to come; 0 = its head has not come yet. */
  left: number
}

const options: LoaderOptions = JSON.parse(process.argv[2]!)
const host = `127.0.0.1:${options.port}`
const filler = Buffer.alloc(VALUE_BYTES - 16, 'x').toString('latin1')
const stamp = Date.now() % 1e8

const total = Math.ceil((options.warmUp + options.seconds) * options.rate * 1.2) + 1000
const readTimes = new Float64Array(total)
const writeTimes = new Float64Array(total)
const lateness = new Float64Array(total)
let reads = 0
let writes = 0
let refused = 0
const codes = new Set<string>()
let sent = 0
let underWay = 0

/** Moments at which requests were due that found no free connection, first come first served. */
const queue = new Float64Array(total)
let queueHead = 0
let queueTail = 0
/** Free connections, used in turn. */
const free: Connection[] = []

function fail(why: string): never {
  console.error(why)
  process.exit(1)
}

function send(connection: Connection, due: number): void {
  connection.due = due
  connection.measured = due >= measureFrom && due < measureTo
  connection.write = Math.random() * 100 < options.writes
  const path = KEY_PREFIX + keyOf(Math.floor(Math.random() * options.keys))
  const head = `Host: ${host}\r\n`
  const text = connection.write
    ? `PUT ${path} HTTP/1.1\r\n${head}Content-Type: application/octet-stream\r\nContent-Length: ${VALUE_BYTES}\r\n\r\n` +
      String(stamp).padStart(8, '0') +
      String(sent).padStart(8, '0') +
      filler
    : `GET ${path} HTTP/1.1\r\n${head}\r\n`
  connection.socket.write(text, 'latin1')
  if (connection.measured) lateness[sent] = performance.now() - due
  sent += connection.measured ? 1 : 0
  underWay++
}

function finished(connection: Connection): void {
  if (connection.measured) {
    const took = performance.now() - connection.due
    if (connection.refused) refused++
    else if (connection.write) writeTimes[writes++] = took
    else readTimes[reads++] = took
  }
  underWay--
  if (queueHead < queueTail) send(connection, queue[queueHead++]!)
  else free.push(connection)
}

/** `data` is the connection's own receive buffer, overwritten by the next piece. */
function received(connection: Connection, size: number, data: Buffer): void {
  if (connection.left > 0) {
    connection.left -= size
  } else {
    const text = data.toString('latin1', 0, Math.min(size, 2048))
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) fail(`an answer whose head did not come in one piece: ${JSON.stringify(text.slice(0, 200))}`)
    const status = text.slice(9, 12)
    connection.refused = status === '503'
    if (status[0] !== '2' && !connection.refused) fail(`an answer that is neither 2xx nor 503: ${text}`)
    const length = status === '204' ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1])
    if (connection.refused && connection.measured) codes.add(/"code": "(.*?)"/.exec(text)?.[1] ?? 'no code')
    if (status === '200' && length !== VALUE_BYTES) fail(`a read answered with ${length} bytes: ${text.slice(0, end)}`)
    connection.left = end + 4 + length - size
  }
  if (connection.left < 0) fail('more bytes than the answer announced')
  if (connection.left === 0) finished(connection)
}

function open(): Promise<Connection> {
  return new Promise((resolve) => {
    // The types of tls.connect leave out `onread`, which its documentation passes on to the socket.
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
    const connection: Connection = { socket, due: 0, write: false, measured: false, refused: false, left: 0 }
    socket.setNoDelay(true)
    socket.on('error', (error) => fail(`connection: ${error.message}`))
    socket.on('close', () => fail('the server closed a connection'))
  })
}

function percentile(times: Float64Array, count: number, share: number): number {
  return times.subarray(0, count).sort()[Math.min(count - 1, Math.floor(count * share))]!
}

const secureContext = createSecureContext({
  ca: readFileSync(options.authority),
  cert: readFileSync(options.certificate),
  key: readFileSync(options.key),
})
for (let n = 0; n < CONNECTIONS; n++) free.push(await open())

const start = performance.now()
const measureFrom = start + options.warmUp * 1000
const measureTo = measureFrom + options.seconds * 1000
const gap = () => (-Math.log(1 - Math.random()) * 1000) / options.rate
let next = start + gap()
let cpuBefore = 0
let cpuUsed = 0

function tick(): void {
  const now = performance.now()
  if (cpuBefore === 0 && now >= measureFrom) cpuBefore = cpuSeconds(options.pid)
  if (now >= measureTo) {
    cpuUsed ||= cpuSeconds(options.pid) - cpuBefore
    if (underWay > 0 || queueHead < queueTail) setImmediate(tick)
    else report()
    return
  }
  while (next <= now) {
    const connection = free.shift()
    if (connection === undefined) queue[queueTail++] = next
    else send(connection, next)
    next += gap()
  }
  setImmediate(tick)
}

function report(): void {
  const result: LoaderResult = {
    reads,
    writes,
    refused,
    codes: [...codes],
    cpu: (cpuUsed / (reads + writes + refused)) * 1e6,
    p50: percentile(readTimes, reads, 0.5),
    p99: percentile(readTimes, reads, 0.99),
    writeP50: writes === 0 ? null : percentile(writeTimes, writes, 0.5),
    writeP99: writes === 0 ? null : percentile(writeTimes, writes, 0.99),
    lateP99: percentile(lateness, sent, 0.99),
  }
  console.log(JSON.stringify(result))
  process.exit(0)
}

tick()
