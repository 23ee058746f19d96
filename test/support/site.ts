/**
 * A folder from which the real server can be started, again and again: configuration, certificates, keyset, database.
 * Its callers, all of them vouched for by its authority:
 *
 * | name       | may                                                       |
 * | ---------- | --------------------------------------------------------- |
 * | `all`      | read, write and end in both stores                        |
 * | `reader`   | read in `sessions`                                        |
 * | `writer`   | write in `sessions`, and so neither read nor end          |
 * | `faraway`  | everything in `sessions`, from a network it is not in     |
 * | `stranger` | nothing                                                   |
 * | `basic`    | everything in `sessions`, on the basic listener           |
 *
 * Stores: `sessions` (final, atomic), `echoseen` (reusable, atomic), `plain` (reusable, not atomic; `all` only).
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Issued, type IssuingAuthority, inDays, issue, makeAuthority } from '../../packages/server/src/cli/pki.ts'
import { createKeysetFile, Keyset } from '../../packages/server/src/records/index.ts'
import { Client } from './client.ts'
import { holdfast, type Ports, type Program, whenReady } from './process.ts'

const CALLERS = ['all', 'reader', 'writer', 'faraway', 'stranger'] as const
export type CallerName = (typeof CALLERS)[number]
const EVERYTHING = ['read', 'write', 'end']
const of = (name: CallerName) => `spiffe://example.org/${name}`

/** The configuration, to be changed before it is written. */
// biome-ignore lint/suspicious/noExplicitAny: a test changes what it likes, also into what the server must refuse
export type Draft = any

export class Site {
  readonly folder: string
  readonly authority: IssuingAuthority
  readonly certificates: Readonly<Record<CallerName, Issued>>
  readonly basicSecret: string
  readonly keyset: Keyset
  /** Of the keyset's file. */
  readonly passphrase: Buffer
  #draft: Draft

  private constructor(
    folder: string,
    authority: IssuingAuthority,
    certificates: Record<CallerName, Issued>,
    basicSecret: string,
    keyset: Keyset,
    passphrase: Buffer,
  ) {
    this.folder = folder
    this.authority = authority
    this.certificates = certificates
    this.basicSecret = basicSecret
    this.keyset = keyset
    this.passphrase = passphrase
  }

  /** A new one in a temporary folder. `change` gets the configuration as it would be and edits it. */
  static async make(change: (draft: Draft) => void = () => {}): Promise<Site> {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
    for (const name of ['tls', 'keys', 'db']) mkdirSync(join(folder, name), { mode: 0o700 })
    const notAfter = inDays(1)
    const authority = await makeAuthority('Test authority', { notAfter })
    const server = await issue({
      authority,
      name: 'server',
      dns: ['localhost'],
      ips: ['127.0.0.1'],
      usages: ['server'],
      notAfter,
    })
    const entries = await Promise.all(
      CALLERS.map(async (name) => {
        return [name, await issue({ authority, name, uris: [of(name)], usages: ['client'], notAfter })] as const
      }),
    )
    const certificates = Object.fromEntries(entries) as Record<CallerName, Issued>
    const [secret, passphrase] = [32, 32].map((bytes) => randomBytes(bytes).toString('base64url')) as [string, string]
    const keyset = Keyset.generate('stores')
    const site = new Site(folder, authority, certificates, secret, keyset, Buffer.from(passphrase))
    site.write('passphrase', passphrase)
    site.write('tls/ca.pem', authority.certificate)
    site.write('tls/server.pem', server.certificate)
    site.write('tls/server-key.pem', server.key)
    for (const [name, { certificate, key }] of entries) {
      site.write(`tls/${name}.pem`, certificate)
      site.write(`tls/${name}-key.pem`, key)
    }
    await createKeysetFile(join(folder, 'keys/stores.json'), keyset, site)
    site.configure(change)
    return site
  }

  /** Writes the configuration anew, as it is at first but for `change`. */
  configure(change: (draft: Draft) => void = () => {}): void {
    const tls = { certificate: 'tls/server.pem', key: 'tls/server-key.pem' }
    const draft = {
      listen: { host: '127.0.0.1', port: 0, ...tls },
      basicListen: { host: '127.0.0.1', port: 0, ...tls },
      admin: { port: 0 },
      authorities: [{ name: 'internal', certificate: 'tls/ca.pem', vouchesFor: ['spiffe://example.org'] }],
      basic: [{ name: 'legacy', secretSha256: createHash('sha256').update(this.basicSecret).digest('hex') }],
      grants: [
        { callers: [of('all')], stores: ['sessions', 'echoseen', 'plain'], operations: EVERYTHING },
        { callers: [of('reader')], stores: ['sessions'], operations: ['read'] },
        { callers: [of('writer')], stores: ['sessions'], operations: ['write'] },
        { callers: [of('faraway')], stores: ['sessions'], operations: EVERYTHING, networks: ['192.0.2.0/24'] },
        { callers: ['basic:legacy'], stores: ['sessions'], operations: EVERYTHING },
      ],
      stores: [
        { path: 'sessions', ttl: '1d', maxTtl: '1d' },
        { path: 'echoseen', final: false, ttl: '1y', maxTtl: '1y' },
        { path: 'plain', final: false, atomic: 'no', ttl: '1h', maxTtl: '1d' },
      ],
      keys: { stores: { file: 'keys/stores.json', passphraseFile: 'passphrase' } },
      engine: { embedded: { file: 'db/holdfast.sqlite' } },
    }
    this.#draft = draft
    this.edit(change)
  }

  /** Changes the configuration that was written last. */
  edit(change: (draft: Draft) => void): void {
    change(this.#draft)
    // JSON is YAML.
    this.replace('holdfast.yaml', JSON.stringify(this.#draft, null, 2))
  }

  /** A file of the folder, for its owner alone. */
  write(name: string, content: string | Uint8Array): void {
    writeFileSync(join(this.folder, name), content, { mode: 0o600 })
  }

  /** The same, whole at once: written beside its place and moved there. */
  replace(name: string, content: string | Uint8Array): void {
    this.write(`${name}.new`, content)
    renameSync(join(this.folder, `${name}.new`), join(this.folder, name))
  }

  /** Starts the server and does not wait: for a start that must fail. */
  launch(env: NodeJS.ProcessEnv = {}): Program {
    return holdfast(['serve', '--config', join(this.folder, 'holdfast.yaml')], { env })
  }

  /** Starts the server; resolves when it accepts requests. */
  async start(env: NodeJS.ProcessEnv = {}): Promise<Server> {
    const program = this.launch(env)
    return new Server(this, program, await whenReady(program))
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A server that runs. */
export class Server {
  readonly site: Site
  readonly program: Program
  readonly ports: Ports
  #clients: Client[] = []

  constructor(site: Site, program: Program, ports: Ports) {
    this.site = site
    this.program = program
    this.ports = ports
  }

  /** A client with the certificate of this caller; `connections` at most. */
  client(name: CallerName = 'all', connections = 1): Client {
    const { certificate, key } = this.site.certificates[name]
    return this.clientOf(this.ports.public, { cert: certificate, key }, connections)
  }

  /** A client of the basic listener; it sends the secret itself. */
  basic(connections = 1): Client {
    return this.clientOf(this.ports.basic!, {}, connections)
  }

  clientOf(port: number, identity: { cert?: string; key?: string }, connections = 1): Client {
    const connect = { ca: this.site.authority.certificate, ...identity }
    const client = new Client(`https://localhost:${port}`, connect, connections)
    this.#clients.push(client)
    return client
  }

  /** GET on the admin listener. */
  async admin(path: string): Promise<{ status: number; body: string }> {
    const answer = await fetch(`http://127.0.0.1:${this.ports.admin}${path}`)
    return { status: answer.status, body: await answer.text() }
  }

  /** Closes the clients, then stops the server: in order, or by `SIGKILL` as a crash would. */
  async stop(signal: NodeJS.Signals = 'SIGTERM') {
    await Promise.all(this.#clients.map((client) => client.close()))
    return this.program.stop(signal)
  }
}
