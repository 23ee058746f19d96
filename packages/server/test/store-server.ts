/**
 * The public listener, whole, over the memory engine: real TLS, real certificates, sealed records. For tests of HTTP.
 *
 * Stores: `sessions` (final, atomic, up to a day, 1,000 bytes), `echoseen` (reusable, atomic), `plain` (reusable, not
 * atomic). Callers: `all` may do everything, `reader`, `writer` and `ender` one thing each in `sessions`, `nobody` has no
 * grant, `faraway` has grants from another network only, and `basic:legacy` everything, by a secret.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { EngineUnavailable } from '@holdfast/engine'
import { Access } from '../src/access/access.ts'
import { readAuthorities } from '../src/access/authorities.ts'
import { Caller, type Operation } from '../src/access/caller.ts'
import { Audit } from '../src/audit/audit.ts'
import { inDays, issue, makeAuthority } from '../src/cli/pki.ts'
import { MemoryEngine } from '../src/engines/memory/memory-engine.ts'
import { Health } from '../src/http/health.ts'
import { type LimitFigures, Limits } from '../src/http/limits.ts'
import { createPublicListener, type PublicListener, type PublicListenerOptions } from '../src/http/listener.ts'
import { Metrics } from '../src/http/metrics.ts'
import { createPublic } from '../src/http/public.ts'
import { readListenerTls } from '../src/http/tls.ts'
import { Keyset, Records } from '../src/records/index.ts'
import { type StoreRules, storeSpace } from '../src/stores/rules.ts'
import { Store } from '../src/stores/service.ts'

const DAY = 86_400
const rules: StoreRules = {
  path: 'sessions',
  final: true,
  atomic: 'datacenter',
  ttl: DAY,
  maxTtl: DAY,
  maxValue: 1000,
  logout: 'everywhere',
  skipUnchanged: 0.9,
}
export const STORES: readonly StoreRules[] = [
  rules,
  { ...rules, path: 'echoseen', final: false },
  { ...rules, path: 'plain', final: false, atomic: 'no' },
]
const ALL: Operation[] = ['read', 'write', 'end']
const SECRET = Buffer.alloc(32, 7).toString('base64url')
export const BASIC = `Basic ${Buffer.from(`legacy:${SECRET}`).toString('base64')}`

const spiffe = (name: string) => `spiffe://example.org/${name}`
const paths = STORES.map(({ path }) => path)
const GRANTS = [
  { callers: [spiffe('all'), 'basic:legacy'], stores: paths, operations: ALL },
  { callers: [spiffe('reader')], stores: ['sessions'], operations: ['read' as const] },
  { callers: [spiffe('writer')], stores: ['sessions'], operations: ['write' as const] },
  { callers: [spiffe('ender')], stores: ['sessions'], operations: ['end' as const] },
  { callers: [spiffe('faraway')], stores: paths, operations: ALL, networks: ['192.0.2.0/24'] },
]

export const LIMITS: LimitFigures = {
  requests: 1024,
  requestsPerCaller: 512,
  requestsSaturated: 64,
  connections: 1000,
  connectionsPerCaller: 1000,
  bodyBytes: 100_000,
  bodyBytesPerCaller: 50_000,
}
export const TIMEOUTS: PublicListenerOptions['timeouts'] = { head: 10_000, request: 30_000, keepAlive: 300_000 }

/** A memory engine that can be told to fail, or to wait, at the next calls. */
export class ShakyEngine extends MemoryEngine {
  /** Called before each get, put, take and end; what it throws is the call's fault. */
  before: (call: 'get' | 'put' | 'take' | 'end') => Promise<void> | void = () => {}

  override async get(...args: Parameters<MemoryEngine['get']>) {
    await this.before('get')
    return super.get(...args)
  }
  override async put(...args: Parameters<MemoryEngine['put']>) {
    await this.before('put')
    return super.put(...args)
  }
  override async take(...args: Parameters<MemoryEngine['take']>) {
    await this.before('take')
    return super.take(...args)
  }
  override async end(...args: Parameters<MemoryEngine['end']>) {
    await this.before('end')
    return super.end(...args)
  }
  override async health() {
    try {
      await this.before('get')
      return { ok: true as const }
    } catch (error) {
      if (error instanceof EngineUnavailable) return { ok: false as const, problem: error.message }
      throw error
    }
  }
}

const folder = mkdtempSync(join(tmpdir(), 'holdfast-http-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const soon = { notAfter: inDays(1) }
const authority = await makeAuthority('test', soon)
const put = (name: string, text: string) => {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return join(folder, name)
}
const pair = await issue({
  authority,
  name: 'server',
  ips: ['127.0.0.1'],
  dns: ['localhost'],
  usages: ['server'],
  ...soon,
})
const files = {
  certificate: put('server.pem', pair.certificate),
  key: put('server-key.pem', pair.key),
  minVersion: 'TLSv1.3' as const,
}
const authorities = await readAuthorities([
  { name: 'test', certificate: put('ca.pem', authority.certificate), vouchesFor: ['spiffe://example.org'] },
])
const shown = new Map<string, ConnectionOptions>([['', { ca: authority.certificate }]])
for (const name of ['all', 'reader', 'writer', 'ender', 'nobody', 'faraway']) {
  const { certificate, key } = await issue({ authority, name, uris: [spiffe(name)], usages: ['client'], ...soon })
  shown.set(name, { ca: authority.certificate, cert: certificate, key })
}

/** What a caller shows; `''` shows nothing. */
export function identity(name: string): ConnectionOptions {
  return shown.get(name)!
}

export interface TestServer {
  readonly port: number
  readonly listener: PublicListener
  readonly engine: ShakyEngine
  readonly limits: Limits
  readonly metrics: Metrics
  readonly health: Health
  /** Lines of the audit log. */
  readonly audit: Record<string, unknown>[]
  readonly faults: unknown[]
  close(): Promise<void>
}

export interface TestServerOptions {
  readonly limits?: Partial<LimitFigures>
  readonly timeouts?: Partial<PublicListenerOptions['timeouts']>
  readonly stores?: readonly StoreRules[]
  /** Callers prove themselves by a secret with each request. */
  readonly basic?: boolean
  /** Connections that nobody has proven to be theirs, at most. */
  readonly handshakes?: number
  readonly base?: string
  readonly engine?: ShakyEngine
}

export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { basic = false, base = '/', stores: ruled = STORES, engine = new ShakyEngine() } = options
  const lines: Record<string, unknown>[] = []
  const faults: unknown[] = []
  const audit = new Audit((line) => lines.push(JSON.parse(line)))
  const access = new Access({
    grants: GRANTS,
    authorities,
    basic: [{ name: 'legacy', secretSha256: createHash('sha256').update(SECRET).digest('hex') }],
  })
  const keyset = Keyset.generate('stores')
  const records = await Records.open(engine, [{ room: 'stores', keyset, spaces: ruled.map(storeSpace) }])
  const engineTimeouts = { read: 2000, write: 2000, end: 1000 }
  const stores = ruled.map((rules) => new Store(rules, records.cells(storeSpace(rules).id), audit, engineTimeouts))
  const figures = { ...LIMITS, ...options.limits }
  const limits = new Limits(figures)
  const metrics = new Metrics({
    stores: ruled.map(({ path }) => path),
    callers: GRANTS.flatMap(({ callers }) => callers),
    version: '1.2.3',
    limits,
  })
  const health = new Health(engine)
  const fault = (error: unknown) => faults.push(error)
  const rest = await createPublic({ health, version: '1.2.3', base, fault })
  const { options: tls } = readListenerTls('listen', {
    files,
    ...(basic ? {} : { authorities }),
    handshakeTimeout: 5000,
  })
  const listener = createPublicListener({
    tls,
    guard: {
      listener: basic ? 'basic' : 'public',
      ...(basic ? {} : { identify: (socket: TLSSocket) => access.identify(socket) }),
      audit,
      handshakes: options.handshakes ?? 64,
    },
    front: {
      base,
      stores,
      keyLimit: 4096,
      limits,
      metrics,
      fallback: (req, res) => rest.routing(req, res),
      fault,
      ...(basic && {
        identify: (req) => {
          const found = access.identifyBasic(req.headers.authorization, req.socket.remoteAddress)
          if (found instanceof Caller) return found
          audit.record({ event: 'request-refused', listener: 'basic', rule: found.refused })
          return undefined
        },
      }),
    },
    again: ({ socket, proof }) => (basic ? access.identifyBasic(proof, socket.remoteAddress) : access.identify(socket)),
    limits,
    metrics,
    timeouts: { ...TIMEOUTS, ...options.timeouts },
    headBytes: 16_384,
    connections: figures.connections,
  })
  const port = await listener.listen(0, '127.0.0.1')
  health.started()
  const close = async () => {
    await listener.drain(0)
    await rest.close()
    audit.flush()
  }
  return { port, listener, engine, limits, metrics, health, audit: lines, faults, close }
}

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** One connection on which bytes are sent as they are, and answers are read in order. */
export class Wire {
  readonly socket: TLSSocket
  #received = Buffer.alloc(0)
  #ended = false
  #news: () => void = () => {}

  private constructor(socket: TLSSocket) {
    this.socket = socket
    const wake = () => this.#news()
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#ended = true
      wake()
    })
    socket.on('end', () => {
      this.#ended = true
      wake()
    })
  }

  static async open(port: number, name = 'all', from: { localAddress?: string } = {}): Promise<Wire> {
    const socket = connect({ port, host: '127.0.0.1', ...identity(name), ...from })
    socket.setNoDelay(true)
    await once(socket, 'secureConnect')
    return new Wire(socket)
  }

  /** Text goes out as latin1: one character a byte. */
  send(data: string | Buffer): this {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data)
    return this
  }

  /** Sends a request with its Host and, if it has a body, its Content-Length. */
  request(method: string, target: string, headers: Record<string, string> = {}, body?: string | Buffer): this {
    const bytes = body === undefined ? undefined : Buffer.from(body as string, 'latin1')
    const all = { Host: 'localhost', ...headers, ...(bytes && { 'Content-Length': String(bytes.length) }) }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    this.send(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`)
    return bytes === undefined ? this : this.send(bytes)
  }

  /** The next answer, interim ones too; `headOnly` for HEAD. Fails if the connection ends before it. */
  async answer(headOnly = false): Promise<RawAnswer> {
    for (;;) {
      const end = this.#received.indexOf('\r\n\r\n')
      if (end >= 0) {
        const [first, ...lines] = this.#received.subarray(0, end).toString('latin1').split('\r\n')
        const headers = Object.fromEntries(
          lines.map((line) => [
            line.slice(0, line.indexOf(':')).toLowerCase(),
            line.slice(line.indexOf(':') + 1).trim(),
          ]),
        )
        const length = headOnly ? 0 : Number(headers['content-length'] ?? 0)
        const rest = this.#received.subarray(end + 4)
        if (rest.length >= length) {
          this.#received = rest.subarray(length)
          return { status: Number(first!.split(' ')[1]), headers, body: Buffer.from(rest.subarray(0, length)) }
        }
      }
      if (this.#ended) throw new Error(`closed after ${JSON.stringify(this.#received.toString('latin1'))}`)
      await this.#more()
    }
  }

  /** Resolves when the server has closed the connection; fails if it sends something more. */
  async closed(): Promise<void> {
    while (!this.#ended) await this.#more()
    if (this.#received.length > 0) throw new Error(`more came: ${JSON.stringify(this.#received.toString('latin1'))}`)
  }

  destroy(): void {
    this.socket.destroy()
  }

  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`nothing came for 10 s after ${JSON.stringify(this.#received.toString('latin1'))}`))
      }, 10_000)
      this.#news = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
