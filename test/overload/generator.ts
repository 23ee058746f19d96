/**
 * The load generator: a process of its own, so that its work is not the server's nor the test's, on raw TLS sockets, so
 * that it costs little beside what it measures. It opens its connections once and then plays phases (./load.ts) one after
 * the other. Each connection carries one request at a time, as the pools of real clients do; nobody heeds Retry-After.
 *
 * Latency is from the moment the request is handed to the socket until its answer is complete. What is due is sent once
 * in a millisecond, so that the rest of the time is there for the answers.
 */
import type { OnReadOpts } from 'node:net'
import { type ConnectionOptions, connect, createSecureContext, type TLSSocket } from 'node:tls'
import { Random } from '../fuzz/random.ts'
import type { Figures, Offer, Outcome, Phase, Setup } from './load.ts'

/** Keys that are asked for, and bytes of a value that is written. */
const KEYS = 500
const VALUE_BYTES = 1_500
const FILLER = 'v'.repeat(VALUE_BYTES - 16)
/** Ms after the end of a phase by which everything sent must be answered. */
const PATIENCE_MS = 5_000
const REFUSAL = /\r\nRetry-After: [1-9]\d*\r\n[\s\S]*"code": "overloaded",\n {2}"status": 503\n}\n$/
const LATE = /"code": "(?:unavailable|unconfirmed)"/

let host = ''
let written = Date.now() * 1000
const lines = new Map<string, Line[]>()

/** One connection, read without streams: into a buffer of its own, which each answer overwrites. */
class Line {
  readonly socket: TLSSocket
  load: Load | undefined
  sentAt = 0
  /** Bytes of the answer that are still to come after its head. */
  #left = 0
  #text = ''

  /** `ready` is called for the answer to whatever is sent outside a load. */
  constructor(to: ConnectionOptions, ready: () => void) {
    const buffer = Buffer.allocUnsafe(16_384)
    const onread: OnReadOpts = {
      buffer,
      callback: (size) => {
        if (this.load === undefined) ready()
        else this.#take(buffer, size)
        return true
      },
    }
    // The types of tls.connect leave out `onread`, which its documentation passes on to the socket.
    const options: ConnectionOptions & { onread: OnReadOpts } = { ...to, onread }
    this.socket = connect(options)
    this.socket.setNoDelay(true)
    this.socket.on('error', () => {})
    this.socket.on('close', () => this.load?.faults.push('a connection closed'))
  }

  send(load: Load, bytes: string): void {
    this.load = load
    this.sentAt = performance.now()
    this.socket.write(bytes, 'latin1')
  }

  #take(buffer: Buffer, size: number): void {
    if (this.#left > 0) this.#left -= size
    else {
      // Of a problem all is kept, of a value the head.
      this.#text += buffer.toString('latin1', 0, Math.min(size, 1_000))
      const end = this.#text.indexOf('\r\n\r\n')
      if (end < 0) return
      const at = this.#text.indexOf('Content-Length: ')
      const length = at < 0 || at > end ? 0 : Number.parseInt(this.#text.slice(at + 16, at + 24), 10)
      this.#left = end + 4 + length - size
    }
    if (this.#left > 0) return
    const { load } = this
    const text = this.#text
    this.load = undefined
    this.#text = ''
    load!.answered(this, text, performance.now())
  }
}

/** One offer as it is carried out. */
class Load {
  readonly offer: Offer
  readonly faults: string[] = []
  readonly #free: Line[]
  readonly #served: number[] = []
  readonly #refused: number[] = []
  readonly #random: Random
  readonly #from: number
  readonly #until: number
  readonly #connections: number
  #offered = 0
  #unsent = 0
  #late = 0
  #next: number

  constructor(offer: Offer, phase: Phase, index: number, now: number) {
    this.offer = offer
    this.#free = lines.get(offer.caller)!.slice(0, offer.connections)
    this.#connections = this.#free.length
    this.#random = new Random(phase.seed, index)
    this.#from = now + phase.warmUp * 1000
    this.#until = this.#from + phase.seconds * 1000
    this.#next = now
  }

  /** Requests that are not answered. */
  get waiting(): number {
    return this.#connections - this.#free.length
  }

  /** Sends what is due. */
  turn(now: number): void {
    if (now >= this.#until) return
    const { rate } = this.offer
    if (rate === 'closed') {
      for (let line = this.#free.pop(); line !== undefined; line = this.#free.pop()) this.#send(line)
      return
    }
    while (this.#next <= now) {
      this.#next += (-Math.log(1 - this.#random.fraction()) * 1000) / rate
      const line = this.#free.shift()
      if (now >= this.#from) {
        this.#offered++
        if (line === undefined) this.#unsent++
      }
      if (line !== undefined) this.#send(line)
    }
  }

  answered(line: Line, text: string, now: number): void {
    this.#free.push(line)
    const counts = line.sentAt >= this.#from && line.sentAt < this.#until
    const status = text.slice(9, 12)
    const due = this.offer.request === 'get' ? '200' : '201'
    if (status === due || (status === '503' && REFUSAL.test(text))) {
      if (counts) (status === due ? this.#served : this.#refused).push(now - line.sentAt)
    } else if (LATE.test(text)) this.#late++
    else this.faults.push(text)
    if (this.offer.rate === 'closed') this.turn(now)
  }

  outcome(): Outcome {
    if (this.waiting > 0) this.faults.push(`${this.waiting} requests without an answer`)
    return {
      caller: this.offer.caller,
      offered: this.#offered,
      served: figures(this.#served),
      refused: figures(this.#refused),
      unsent: this.#unsent,
      late: this.#late,
      faults: this.faults.slice(0, 5),
    }
  }

  #send(line: Line): void {
    const head = `/sessions/v1/key-${this.#random.between(0, KEYS - 1)} HTTP/1.1\r\nHost: ${host}\r\n`
    if (this.offer.request === 'get') line.send(this, `GET ${head}\r\n`)
    // Never the value that is there already, since that would not be written.
    else line.send(this, `PUT ${head}Content-Length: ${VALUE_BYTES}\r\n\r\n${String(++written).padEnd(16)}${FILLER}`)
  }
}

function figures(ms: number[]): Figures {
  const sorted = Float64Array.from(ms).sort()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}

async function open({ port, authority, callers }: Setup): Promise<void> {
  host = `localhost:${port}`
  for (const { name, certificate, key, connections } of callers) {
    const secureContext = createSecureContext({ ca: authority, cert: certificate, key })
    const opened: Line[] = []
    // One after the other, since the server bounds handshakes; with a first request, since it closes silent connections.
    for (let n = 0; n < connections; n++) {
      await new Promise<void>((ready) => {
        const line = new Line({ host: '127.0.0.1', port, servername: 'localhost', secureContext }, ready)
        line.socket.write(`GET /nowhere HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
        opened.push(line)
      })
    }
    lines.set(name, opened)
  }
}

function play(phase: Phase): Promise<Outcome[]> {
  const started = performance.now()
  const loads = phase.offers.map((offer, index) => new Load(offer, phase, index, started))
  const end = started + (phase.warmUp + phase.seconds) * 1000
  return new Promise((resolve) => {
    const turn = () => {
      const now = performance.now()
      for (const load of loads) load.turn(now)
      const over = now >= end && (now >= end + PATIENCE_MS || loads.every((load) => load.waiting === 0))
      if (over) resolve(loads.map((load) => load.outcome()))
      else setTimeout(turn, 1)
    }
    turn()
  })
}

process.on('message', async (message: { setup?: Setup; phase?: Phase }) => {
  if (message.setup !== undefined) await open(message.setup)
  process.send!(message.phase === undefined ? 'ready' : await play(message.phase))
})
