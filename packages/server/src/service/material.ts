/**
 * What a configuration means once the files it names are read: certificates, authorities, grants, the keyset. A start and a
 * reload read it by the same way, so a reload takes over nothing that a start would refuse; and reading changes nothing,
 * so whatever is wrong is told before anything is.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { Access } from '../access/access.ts'
import { type Authority, readAuthorities } from '../access/authorities.ts'
import type { Mode } from '../config/rules.ts'
import { type Config, configFields } from '../config/schema.ts'
import type { Expiring } from '../http/instance-metrics.ts'
import { type ListenerTls, readListenerTls } from '../http/tls.ts'
import { credentialFile, type Keyset, loadKeysetFile, wrappingFrom } from '../records/index.ts'
import { type CassandraFiles, readCassandraFiles } from './cassandra.ts'
import { filesOf } from './files.ts'

export interface Material {
  readonly config: Config
  readonly authorities: readonly Authority[]
  /** The TLS of every listener that has any. */
  readonly tls: { readonly public: ListenerTls; readonly basic?: ListenerTls; readonly admin?: ListenerTls }
  readonly access: Access
  readonly keyset: Keyset
  /** Changes with the keyset's files. */
  readonly keysetDigest: string
  /** As at the start: another one waits for the next. */
  readonly engine: Config['engine']
  readonly cassandra: CassandraFiles | undefined
}

/**
 * Rejects with errors made to be read. A keyset is unwrapped only if its files are not those of `before`, since that takes
 * a good part of a second on purpose. `signal`: nobody waits for it any more.
 */
export async function readMaterial(
  config: Config,
  mode: Mode,
  before?: Material,
  signal?: AbortSignal,
): Promise<Material> {
  const { grants, basic } = config
  const authorities = await readAuthorities(config.authorities, mode)
  const found = readTls(config, mode, authorities)
  const tls = before === undefined ? found : ofListeners(before.tls, found)
  const access = new Access({ grants, authorities, basic })
  const keysetDigest = await digestOfKeyset(config)
  const keyset = keysetDigest === before?.keysetDigest ? before.keyset : await loadKeyset(config, signal)
  const engine = before?.engine ?? config.engine
  const cassandra = engine.cassandra && (await readCassandraFiles(engine.cassandra))
  return { config, authorities, tls, access, keyset, keysetDigest, engine, cassandra }
}

const DAY_MS = 86_400_000
/** How long before its end a certificate, and a list, should be renewed. */
const CERTIFICATE_MS = 30 * DAY_MS
const LIST_MS = 7 * DAY_MS

/** Everything that has an end. A certificate that lives for hours is due in the last third of them. */
export function expiring({ tls, authorities, cassandra }: Material): Expiring[] {
  const ends = (name: string, expires: Date, ahead: number) => {
    return { name, expires, due: new Date(expires.getTime() - ahead) }
  }
  const pair = (name: string, { begins, expires }: { begins: Date; expires: Date }) => {
    const third = (expires.getTime() - begins.getTime()) / 3
    return ends(name, expires, Math.min(CERTIFICATE_MS, third))
  }
  return [
    ...Object.entries(tls).map(([listener, shown]) => pair(`listener ${listener}`, shown)),
    ...(cassandra?.shown ? [pair('client of Cassandra', cassandra.shown)] : []),
    ...authorities.map(({ name, expires }) => ends(`authority ${name}`, expires, CERTIFICATE_MS)),
    ...authorities.flatMap(({ name, listsExpire }) => {
      return listsExpire === undefined ? [] : [ends(`revocation list of ${name}`, listsExpire, LIST_MS)]
    }),
  ]
}

/** What a reload may change, by the names under which it is told. */
const KINDS: Readonly<Record<string, (material: Material) => unknown>> = {
  certificates: ({ tls }) => Object.values(tls).map(({ options }) => [options.cert, options.minVersion]),
  authorities: ({ config, authorities }) => [
    authorities.map(({ name, certificates }) => [name, certificates.map(String)]),
    config.authorities.map(({ vouchesFor }) => vouchesFor),
  ],
  'revocation lists': ({ authorities }) => authorities.flatMap(({ lists }) => lists),
  secrets: ({ config }) => config.basic,
  grants: ({ config }) => config.grants,
  stores: ({ config }) => config.stores,
  keyset: ({ keysetDigest }) => keysetDigest,
  'access to Cassandra': ({ cassandra }) => [cassandra?.credentials, cassandra?.tls?.ca, cassandra?.tls?.cert],
}

/** The kinds in which two differ. */
export function changesBetween(before: Material, now: Material): string[] {
  return Object.entries(KINDS).flatMap(([kind, of]) => (isDeepStrictEqual(of(before), of(now)) ? [] : [kind]))
}

/** The keys of the configuration that only a start obeys, and in which two differ. */
export function waitingBetween(started: Config, now: Config): string[] {
  const [a, b] = [atStart(started), atStart(now)]
  return Object.keys(a).filter((key) => !isDeepStrictEqual(a[key], b[key]))
}

function atStart(config: Config): Record<string, unknown> {
  const { listen, basicListen, admin, base, engine, limits, timeouts, log, audit } = config
  const { certificate, key, ...adminPlace } = admin
  return {
    listen: [listen.host, listen.port],
    basicListen: basicListen && [basicListen.host, basicListen.port],
    admin: [adminPlace, certificate === undefined],
    base,
    engine,
    limits,
    timeouts,
    log,
    audit,
  }
}

function readTls(config: Config, { development }: Mode, authorities: readonly Authority[]): Material['tls'] {
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

/** Listeners come and go with a start: those that are there have what is theirs now, or still, and others have nothing. */
function ofListeners(before: Material['tls'], now: Material['tls']): Material['tls'] {
  return {
    public: now.public,
    ...(before.basic && { basic: now.basic ?? before.basic }),
    ...(before.admin && { admin: now.admin ?? before.admin }),
  }
}

/** Reads and unwraps the keyset. */
export async function loadKeyset({ keys }: Config, signal?: AbortSignal): Promise<Keyset> {
  const { file, ...source } = keys.stores
  return loadKeysetFile(file, 'stores', await wrappingFrom(source, signal))
}

/**
 * Of the keyset's part of the configuration and of the files that it names. One that cannot be read is told on loading.
 * What a command would print is not asked for: it opens no other keyset than the one that is open already.
 */
async function digestOfKeyset({ keys }: Config): Promise<string> {
  const digest = createHash('sha256').update(JSON.stringify(keys))
  const { passphraseCredential: name } = keys.stores
  const credential = name === undefined ? undefined : credentialFile(name)
  const files = filesOf(keys, configFields.properties!.keys)
  for (const file of credential === undefined ? files : [...files, credential]) {
    const content = await readFile(file).catch(() => Buffer.from('none'))
    digest.update(`${content.length} `).update(content)
  }
  return digest.digest('hex')
}
