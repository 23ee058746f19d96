/**
 * A server to measure: its folder with configuration, keyset and filled database, and the server started from it by the
 * real command line. Folders stay in bench/.cache, since filling a million sessions takes minutes; what an earlier format
 * left there is made anew. The certificates beside them are those of the last run.
 *
 * The configuration is what an operator would write; the skipping of unchanged writes, logging and auditing stay at their
 * defaults. What differs: sessions live a year, so that a cached database does not expire; and the limits of handshakes
 * and of requests under saturation leave room for the load's 64 connections, all opened at once by one address and never
 * idle. With the default, part of them would be refused, and a refusal is no throughput.
 */
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { createKeysetFile, Keyset } from '../packages/server/src/records/index.ts'
import { CLIENT } from './certificates.ts'
import { UNUSABLE } from './fill.ts'
import { type Server, startServer } from './pinned.ts'
import { CONNECTIONS, STORE } from './workload.ts'

const CACHE = resolve(import.meta.dirname, '.cache')
const MAIN = resolve(import.meta.dirname, '../packages/server/src/cli/main.ts')
/** Where the certificates of a run lie. */
export const TLS = join(CACHE, 'tls')

/** Writes a private file below the cache folder; its path. */
function put(name: string, text: string): string {
  const file = join(CACHE, name)
  mkdirSync(resolve(file, '..'), { recursive: true, mode: 0o700 })
  writeFileSync(file, text, { mode: 0o600 })
  return file
}

export interface Instance {
  readonly sessions: number
  readonly config: string
  /** The whole header of the basic caller. */
  readonly authorization: string
  /** Reads the database file through, so that the system holds it in memory: some drop what was not read for a while. */
  touch(): void
  /** Bytes of the database file, and of its write-ahead log. */
  fileBytes(): number
  logBytes(): number
}

/** A folder that holds so many sessions, from an earlier run or filled now. */
export async function prepare(sessions: number): Promise<Instance> {
  const name = String(sessions)
  const folder = join(CACHE, name)
  const secret = randomBytes(32).toString('base64url')
  const config = put(`${name}/holdfast.yaml`, stringify(configuration(secret)))
  await makeKeyset(name)
  if (!(await fill(config, sessions))) {
    for (const part of ['db', 'keys']) rmSync(join(folder, part), { recursive: true, force: true })
    await makeKeyset(name)
    if (!(await fill(config, sessions))) throw new Error(`${folder}: what was just filled cannot be read`)
  }
  const database = join(folder, 'db/holdfast.sqlite')
  return {
    ...{ sessions, config, authorization: `Basic ${Buffer.from(`bench:${secret}`).toString('base64')}` },
    touch: () => readThrough(database),
    fileBytes: () => statSync(database).size,
    logBytes: () => statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0,
  }
}

/** Not for a process that has the database open: closing any descriptor of the file would drop its locks. */
function readThrough(file: string): void {
  const chunk = Buffer.allocUnsafe(2 ** 22)
  const descriptor = openSync(file, 'r')
  while (readSync(descriptor, chunk) > 0) {}
  closeSync(descriptor)
}

function configuration(secret: string): unknown {
  const tls = { certificate: '../tls/server.pem', key: '../tls/server-key.pem' }
  return {
    listen: { host: '127.0.0.1', port: 0, ...tls },
    basicListen: { host: '127.0.0.1', port: 0, ...tls },
    admin: { port: 0 },
    authorities: [{ name: 'bench', certificate: '../tls/ca.pem', vouchesFor: ['spiffe://example.org'] }],
    basic: [{ name: 'bench', secretSha256: createHash('sha256').update(secret).digest('hex') }],
    grants: [{ callers: [CLIENT, 'basic:bench'], stores: [STORE], operations: ['read', 'write', 'end'] }],
    stores: [{ path: STORE, ttl: '1y', maxTtl: '1y' }],
    keys: { stores: { file: 'keys/stores.json', passphraseFile: 'keys/passphrase' } },
    engine: { embedded: { file: 'db/holdfast.sqlite' } },
    limits: { handshakes: 4 * CONNECTIONS, requestsSaturated: 2 * CONNECTIONS },
  }
}

async function makeKeyset(name: string): Promise<void> {
  mkdirSync(join(CACHE, name, 'db'), { recursive: true, mode: 0o700 })
  const file = join(CACHE, name, 'keys/stores.json')
  if (existsSync(file)) return
  const passphrase = randomBytes(32).toString('base64url')
  put(`${name}/keys/passphrase`, passphrase)
  await createKeysetFile(file, Keyset.generate('stores'), { passphrase: Buffer.from(passphrase) })
}

/** Whether the database now holds what it should; false = another format or half a fill, to be made anew. */
async function fill(config: string, sessions: number): Promise<boolean> {
  const program = resolve(import.meta.dirname, 'fill.ts')
  const child = spawn(process.execPath, [program, config, String(sessions)], { stdio: 'inherit' })
  const [code] = await once(child, 'close')
  if (code !== 0 && code !== UNUSABLE) throw new Error(`filling ${sessions} sessions ended with ${code}`)
  return code === 0
}

/** A server that accepts requests. */
export interface Holdfast extends Server {
  /** Port of the listener for client certificates, and of that for basic secrets. */
  readonly port: number
  readonly basicPort: number
}

export async function serve(instance: Instance, core?: number): Promise<Holdfast> {
  const server = await startServer(
    process.execPath,
    [MAIN, 'serve', '--config', instance.config],
    /^\{.*"msg":"ready".*\}$/,
    core,
  )
  const { ports } = JSON.parse(server.ready[0])
  return { ...server, port: ports.public, basicPort: ports.basic }
}
