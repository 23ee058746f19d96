/**
 * The one place where the house is put together: from a checked configuration to a running server. What opens first
 * closes last, and a start that fails half-way closes what it opened.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Engine } from '@holdfast/engine'
import type { Logger } from 'pino'
import { Access } from './access/access.ts'
import { readAuthorities } from './access/authorities.ts'
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
import { Limits } from './http/limits.ts'
import { createPublicListener, type PublicListener } from './http/listener.ts'
import { Metrics } from './http/metrics.ts'
import type { Peer } from './http/peer.ts'
import { createPublic } from './http/public.ts'
import { readListenerTls } from './http/tls.ts'
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
  const fault = (err: unknown, requestId: string) => log.error({ err, requestId }, 'fault in a request')
  const pages = await createPublic({ health, version, base: config.base, fault })
  opened.defer(() => pages.close())

  /** A listener for stores. With `basic`, requests prove who sent them, and connections prove nothing. */
  function storeListener(name: 'public' | 'basic', files: Config['listen']): PublicListener {
    const isBasic = name === 'basic'
    const tls = readListenerTls(isBasic ? 'basicListen' : 'listen', {
      files,
      ...(!isBasic && { authorities }),
      handshakeTimeout: config.timeouts.handshake,
      development: mode.development,
    })
    return createPublicListener({
      tls: tls.options,
      guard: {
        listener: name,
        ...(!isBasic && { identify: (socket) => access.identify(socket) }),
        audit,
        handshakes: config.limits.handshakes,
      },
      front: {
        base: config.base,
        stores,
        keyLimit: config.limits.keyBytes,
        limits,
        metrics,
        ...(isBasic && { identify: (req, peer) => identifyBasic(access, audit, req, peer) }),
        fallback: (req: IncomingMessage, res: ServerResponse) => pages.routing(req, res),
        fault,
      },
      limits,
      metrics,
      timeouts: config.timeouts,
      headBytes: config.limits.headBytes,
      connections: config.limits.connections,
    })
  }

  const listeners: PublicListener[] = []
  async function start(name: 'public' | 'basic', files: Config['listen']): Promise<number> {
    const listener = storeListener(name, files)
    const port = await listener.listen(files.port, files.host)
    listeners.push(listener)
    return port
  }
  opened.defer(async () => {
    await Promise.all(listeners.map((listener) => listener.drain(config.timeouts.drain)))
  })
  const admin = createAdmin({ health, registry: metrics.registry, hosts: config.admin.hosts, fault })
  await admin.listen({ port: config.admin.port, host: config.admin.host })
  opened.defer(() => admin.close())

  const ports = {
    public: await start('public', config.listen),
    ...(config.basicListen && { basic: await start('basic', config.basicListen) }),
    admin: (admin.server.address() as AddressInfo).port,
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
