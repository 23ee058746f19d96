/**
 * The one place where the house is put together: from a checked configuration to a running server, and from a changed one
 * to the same server with other certificates, grants, stores and keys. What opens first closes last, and a start that
 * fails half-way closes what it opened. What can be swapped while it runs is one object, `live`; whoever needs something of
 * it asks at that moment.
 */
import type { IncomingMessage } from 'node:http'
import { hostname } from 'node:os'
import { EngineStorageFull } from '@holdfast/engine'
import type { Logger } from 'pino'
import type { Access } from './access/access.ts'
import { Caller } from './access/caller.ts'
import { Audit, type Sink } from './audit/audit.ts'
import { networkOf } from './audit/network.ts'
import { AuditFile, standardOutput } from './audit/sinks.ts'
import { version } from './common/version.ts'
import { fingerprint } from './config/fingerprint.ts'
import { cautions, type Mode } from './config/rules.ts'
import type { Config } from './config/schema.ts'
import { createAdmin } from './http/admin.ts'
import { listenAdmin } from './http/admin-listener.ts'
import { requestIdOf } from './http/exchange.ts'
import { Health } from './http/health.ts'
import { InstanceMetrics } from './http/instance-metrics.ts'
import { Limits } from './http/limits.ts'
import { createPublicListener, type PublicListener } from './http/listener.ts'
import { Metrics } from './http/metrics.ts'
import type { Peer } from './http/peer.ts'
import { createPublic } from './http/public.ts'
import { Heartbeat, INSTANCES, Records } from './records/index.ts'
import { ExpiryWarnings } from './service/expiry.ts'
import { changesBetween, expiring, readMaterial, waitingBetween } from './service/material.ts'
import { type Reloaded, Reloader, type Source } from './service/reloader.ts'
import { checkCapabilities, storageOf } from './service/storage.ts'
import { storeSpace } from './stores/rules.ts'
import { Store } from './stores/service.ts'

export interface Running {
  /** Ports that listen, also where the configuration said 0. */
  readonly ports: { readonly public: number; readonly basic?: number; readonly admin: number }
  /** Reads the configuration and all files anew, soon; what comes of it is told in the log, the metrics and the audit. */
  reload(): void
  /** Stops in order: no new requests, those in flight finished within the drain time. `cause` goes into the audit. */
  close(cause: string): Promise<void>
  /** Leaves word in the audit that a fault ends the process. Returns at once, and never throws. */
  fell(): void
}

/**
 * Resolves when every listener accepts. Rejects with errors made to be read, or with a fault. Without a `source` it is
 * never reloaded.
 */
export async function compose(config: Config, mode: Mode, log: Logger, source?: Source): Promise<Running> {
  await using opened = new AsyncDisposableStack()
  const storage = await storageOf(config, log)
  checkCapabilities(config, storage.capabilities)
  const { audit, reopenAudit } = openAudit(config, opened)
  const started = config
  const done = (outcome: 'done' | 'failed') => instance.reloaded(outcome)
  const reloader = source && new Reloader({ source, take, log, audit, reopenAudit, done })
  await reloader?.follow(config)
  let live = await readMaterial(config, mode)
  const engine = opened.adopt(storage.make(live.cassandra), (engine) => engine.close())
  opened.defer(() => reloader?.stop())
  if (!mode.development) for (const caution of cautions(config)) log.warn(caution)
  const spaces = [...config.stores.map(storeSpace), INSTANCES]
  const records = await Records.open(engine, [{ room: 'stores', keyset: live.keyset, spaces }])
  if (records.behind !== undefined) {
    log.warn(
      { keyId: records.behind },
      'the keyset is an old copy, from before this key was promoted: bring the newest',
    )
  }
  const makeStores = ({ stores }: Config) =>
    stores.map((rules) => new Store(rules, records.cells(storeSpace(rules).id), audit, config.timeouts))
  const stores = makeStores(config)
  const heartbeat = opened.adopt(
    new Heartbeat({
      records,
      describe: () => ({ host: hostname(), pid: process.pid, version, configuration: fingerprint(live.config) }),
      failed: (err) => {
        // Told by the floor of free space.
        if (!(err instanceof EngineStorageFull)) log.warn({ err }, 'the other instances cannot be told of this one')
      },
    }),
    (heartbeat) => heartbeat.stop(),
  )
  // Before anything listens, so that no instance serves that `keys promote` does not see.
  await heartbeat.start()

  const health = new Health(engine)
  const limits = opened.adopt(new Limits(config.limits), (limits) => limits.stop())
  const metrics = new Metrics({ ...named(config), version, limits })
  const { registry } = metrics
  const certificates = () => expiring(live)
  const warnings = opened.adopt(new ExpiryWarnings(certificates, log), (warnings) => warnings.stop())
  const instance = await InstanceMetrics.register({ registry, engine, records, audit, certificates })
  const fault = (err: unknown, requestId: string) => log.error({ err, requestId }, 'fault in a request')
  const guardOf = <Name extends 'public' | 'basic' | 'admin'>(listener: Name) => ({
    listener,
    audit,
    handshakes: config.limits.handshakes,
    onRefused: (rule: Parameters<InstanceMetrics['handshakeRefused']>[1]) => instance.handshakeRefused(listener, rule),
  })

  const { host, port, hosts } = config.admin
  const admin = opened.adopt(
    await listenAdmin(createAdmin({ health, registry, hosts, fault }), {
      host,
      port,
      tls: live.tls.admin?.options,
      guard: guardOf('admin'),
      timeouts: config.timeouts,
    }),
    (admin) => admin.close(),
  )
  const pages = await createPublic({ health, version, base: config.base, fault })
  opened.defer(() => pages.close())

  const listeners = new Map<'public' | 'basic', PublicListener>()
  opened.defer(async () => {
    await Promise.all(Array.from(listeners.values(), (listener) => listener.drain(config.timeouts.drain)))
  })
  /** With secrets, requests prove who sent them; with certificates, connections do. */
  async function listen(name: 'public' | 'basic', { port, host }: Config['listen']) {
    const isBasic = name === 'basic'
    const listener = createPublicListener({
      tls: live.tls[name]!.options,
      guard: { ...guardOf(name), ...(!isBasic && { identify: (socket) => live.access.identify(socket) }) },
      front: {
        base: config.base,
        stores,
        keyLimit: config.limits.keyBytes,
        limits,
        metrics,
        ...(isBasic && { identify: (req, peer) => identifyBasic(live.access, audit, req, peer) }),
        fallback: (req, res) => pages.routing(req, res),
        fault,
      },
      again: ({ socket, proof }) =>
        isBasic ? live.access.identifyBasic(proof, socket.remoteAddress) : live.access.identify(socket),
      limits,
      metrics,
      timeouts: config.timeouts,
      headBytes: config.limits.headBytes,
      connections: config.limits.connections,
    })
    const listens = await listener.listen(port, host)
    listeners.set(name, listener)
    return listens
  }
  const ports = {
    public: await listen('public', config.listen),
    ...(config.basicListen && { basic: await listen('basic', config.basicListen) }),
    admin: admin.port,
  }

  /** All that can fail comes first; then everything is swapped, in one turn; then open connections are judged. */
  async function take(config: Config, stopped: AbortSignal): Promise<Reloaded> {
    const next = await readMaterial(config, mode, live, stopped)
    checkCapabilities(config, engine.capabilities)
    const changed = changesBetween(live, next)
    await records.adopt(next.keyset, config.stores.map(storeSpace))
    live = next
    if (live.cassandra !== undefined) engine.renew?.(live.cassandra)
    metrics.know(named(config))
    const stores = makeStores(config)
    if (live.tls.admin !== undefined) admin.renew(live.tls.admin.options)
    await Promise.all(Array.from(listeners, ([name, listener]) => listener.reload(next.tls[name]!.options, stores)))
    warnings.check()
    if (changed.includes('keyset')) await heartbeat.beat()
    return { changed, waiting: waitingBetween(started, config) }
  }
  limits.start()
  if (!mode.development) warnings.start()
  reloader?.start()
  health.started()
  audit.record({ event: 'start', version })
  const closing = opened.move()
  return {
    ports,
    reload: () => reloader?.ask('SIGHUP'),
    async close(cause) {
      health.stopping()
      audit.record({ event: 'stop', cause })
      void reloader?.stop()
      await closing.disposeAsync()
    },
    fell() {
      audit.record({ event: 'stop', cause: 'fault' })
      audit.flush()
    },
  }
}

/** What gets labels of its own in the metrics. */
function named({ stores, grants }: Config) {
  return { stores: stores.map(({ path }) => path), callers: grants.flatMap(({ callers }) => callers) }
}

function openAudit({ audit }: Config, opened: AsyncDisposableStack): { audit: Audit; reopenAudit: () => void } {
  let sink: Sink = standardOutput
  let reopenAudit = () => {}
  if (audit.file !== undefined) {
    const file = opened.adopt(new AuditFile(audit.file), (file) => file.close())
    sink = (line) => file.write(line)
    reopenAudit = () => file.reopen()
  }
  return { audit: opened.adopt(new Audit(sink), (audit) => audit.flush()), reopenAudit }
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
