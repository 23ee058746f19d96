/**
 * The one place where the house is put together: from a checked configuration to a running server. What opens first
 * closes last, and a start that fails half-way closes what it opened.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Engine } from '@holdfast/engine'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Access } from './access/access.ts'
import { type Authority, readAuthorities } from './access/authorities.ts'
import { Caller } from './access/caller.ts'
import { Audit, type Sink } from './audit/audit.ts'
import { networkOf } from './audit/network.ts'
import { AuditFile, standardOutput } from './audit/sinks.ts'
import { version } from './common/version.ts'
import { ConfigError } from './config/problems.ts'
import type { Mode } from './config/rules.ts'
import type { Config } from './config/schema.ts'
import { EmbeddedEngine } from './engines/embedded/embedded-engine.ts'
import { MemoryEngine } from './engines/memory/memory-engine.ts'
import { createAdmin } from './http/admin.ts'
import { requestIdOf } from './http/exchange.ts'
import { Health } from './http/health.ts'
import { InstanceMetrics } from './http/instance-metrics.ts'
import { Limits } from './http/limits.ts'
import { createPublicListener, type PublicListener } from './http/listener.ts'
import { Metrics } from './http/metrics.ts'
import type { Peer } from './http/peer.ts'
import { createPublic } from './http/public.ts'
import { type ListenerTls, readListenerTls } from './http/tls.ts'
import { type Keyset, loadKeysetFile, Records, readPassphraseFile } from './records/index.ts'
import { storeSpace } from './stores/rules.ts'
import { Store } from './stores/service.ts'

export interface Running {
  /** Ports that listen, also where the configuration said 0. */
  readonly ports: { readonly public: number; readonly basic?: number; readonly admin: number }
  /** Stops in order: no new requests, those in flight finished within the drain time. `cause` goes into the audit. */
  close(cause: string): Promise<void>
}

/** Resolves when every listener accepts. Rejects with errors made to be read, or with a fault. */
export async function compose(config: Config, mode: Mode, log: Logger): Promise<Running> {
  await using opened = new AsyncDisposableStack()
  const authorities = await readAuthorities(config.authorities, mode)
  const tls = readTls(config, mode, authorities)
  const audit = openAudit(config, opened)
  const keyset = await loadKeyset(config)
  const engine = opened.adopt(makeEngine(config), (engine) => engine.close())
  checkCapabilities(config, engine)
  const spaces = config.stores.map(storeSpace)
  const records = await Records.open(engine, [{ room: 'stores', keyset, spaces }])
  const stores = config.stores.map((rules, index) => {
    return new Store(rules, records.cells(spaces[index]!.id), audit, config.timeouts)
  })

  const access = new Access({ grants: config.grants, authorities, basic: config.basic })
  const health = new Health(engine)
  const limits = opened.adopt(new Limits(config.limits), (limits) => limits.stop())
  const metrics = new Metrics({
    stores: config.stores.map((store) => store.path),
    callers: config.grants.flatMap((grant) => grant.callers),
    version,
    limits,
  })
  const certificates = [
    ...Object.entries(tls).map(([listener, { expires }]) => ({ name: `listener ${listener}`, expires })),
    ...authorities.map(({ name, expires }) => ({ name: `authority ${name}`, expires })),
  ]
  const { registry } = metrics
  const instance = await InstanceMetrics.register({ registry, engine, records, audit, certificates })
  const fault = (err: unknown, requestId: string) => log.error({ err, requestId }, 'fault in a request')

  const admin = createAdmin({ health, registry, hosts: config.admin.hosts, fault })
  const adminPort = await listenAdmin(admin, config, tls.admin, opened)

  const pages = await createPublic({ health, version, base: config.base, fault })
  opened.defer(() => pages.close())
  const listeners: PublicListener[] = []
  opened.defer(async () => {
    await Promise.all(listeners.map((listener) => listener.drain(config.timeouts.drain)))
  })
  /** With secrets, requests prove who sent them; with certificates, connections do. */
  async function listen(name: 'public' | 'basic', options: ServerOptions, { port, host }: Config['listen']) {
    const isBasic = name === 'basic'
    const listener = createPublicListener({
      tls: options,
      guard: {
        listener: name,
        ...(!isBasic && { identify: (socket) => access.identify(socket) }),
        audit,
        handshakes: config.limits.handshakes,
        onRefused: (rule) => instance.handshakeRefused(name, rule),
      },
      front: {
        base: config.base,
        stores,
        keyLimit: config.limits.keyBytes,
        limits,
        metrics,
        ...(isBasic && { identify: (req, peer) => identifyBasic(access, audit, req, peer) }),
        fallback: (req, res) => pages.routing(req, res),
        fault,
      },
      limits,
      metrics,
      timeouts: config.timeouts,
      headBytes: config.limits.headBytes,
      connections: config.limits.connections,
    })
    const listens = await listener.listen(port, host)
    listeners.push(listener)
    return listens
  }
  const ports = {
    public: await listen('public', tls.public.options, config.listen),
    ...(tls.basic && config.basicListen && { basic: await listen('basic', tls.basic.options, config.basicListen) }),
    admin: adminPort,
  }

  limits.start()
  health.started()
  audit.record({ event: 'start', version })
  const closing = opened.move()
  return {
    ports,
    async close(cause) {
      health.stopping()
      audit.record({ event: 'stop', cause })
      await closing.disposeAsync()
    },
  }
}

/** The TLS of every listener that has any, by its name. */
function readTls(config: Config, { development }: Mode, authorities: readonly Authority[]) {
  const { listen, basicListen, admin, timeouts } = config
  const common = { handshakeTimeout: timeouts.handshake, development }
  const { certificate, key } = admin
  return {
    public: readListenerTls('listen', { ...common, files: listen, authorities }),
    ...(basicListen && { basic: readListenerTls('basicListen', { ...common, files: basicListen }) }),
    ...(certificate !== undefined &&
      key !== undefined && {
        admin: readListenerTls('admin', { ...common, files: { certificate, key, minVersion: 'TLSv1.3' } }),
      }),
  }
}

/** Plain HTTP where there is no TLS, which the configuration allows on loopback alone. Resolves with the port. */
async function listenAdmin(
  app: FastifyInstance,
  { admin, timeouts }: Config,
  tls: ListenerTls | undefined,
  opened: AsyncDisposableStack,
): Promise<number> {
  await app.ready()
  opened.defer(() => app.close())
  const serve: RequestListener = (req, res) => app.routing(req, res)
  const options = { headersTimeout: timeouts.head, requestTimeout: timeouts.request }
  const server =
    tls === undefined ? createServer(options, serve) : createSecureServer({ ...options, ...tls.options }, serve)
  server.listen(admin.port, admin.host)
  await once(server, 'listening')
  opened.defer(async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  return (server.address() as AddressInfo).port
}

function openAudit({ audit }: Config, opened: AsyncDisposableStack): Audit {
  let sink: Sink = standardOutput
  if (audit.file !== undefined) {
    const file = opened.adopt(new AuditFile(audit.file), (file) => file.close())
    sink = (line) => file.write(line)
  }
  return opened.adopt(new Audit(sink), (audit) => audit.flush())
}

async function loadKeyset({ keys }: Config): Promise<Keyset> {
  const { file, passphraseFile } = keys.stores
  if (passphraseFile === undefined) return loadKeysetFile(file, 'stores', 'unwrapped')
  return loadKeysetFile(file, 'stores', { passphrase: await readPassphraseFile(passphraseFile) })
}

function makeEngine({ engine }: Config): Engine {
  return engine.embedded === undefined ? new MemoryEngine() : new EmbeddedEngine(engine.embedded)
}

/** What the engine cannot hold is an error of the configuration, told before anything is opened. */
function checkCapabilities({ stores }: Config, { capabilities }: Engine): void {
  const problems = stores.flatMap((rules, index) => {
    const { maxSize } = storeSpace(rules)
    if (maxSize <= capabilities.maxSize) return []
    return [
      `stores[${index}].maxValue: engine ${capabilities.name} holds at most ${capabilities.maxSize} bytes, sealed`,
    ]
  })
  if (problems.length > 0) throw new ConfigError(problems)
}

/** Who sent a request on the basic listener; a refusal is audited. */
function identifyBasic(access: Access, audit: Audit, req: IncomingMessage, { socket }: Peer): Caller | undefined {
  const caller = access.identifyBasic(req.headers.authorization, socket.remoteAddress)
  if (caller instanceof Caller) return caller
  const network = networkOf(socket.remoteAddress)
  audit.record({
    event: 'request-refused',
    listener: 'basic',
    rule: caller.refused,
    network,
    requestId: requestIdOf(req),
  })
  return undefined
}
