/**
 * No key, value or secret leaves the place where it belongs: the real server is driven in every way that a request can
 * go, then every byte it left anywhere is searched for every secret it was given.
 *
 * Out of scope: the process's memory, and so core dumps and swap.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { EmbeddedEngine } from '../../packages/server/src/engines/embedded/embedded-engine.ts'
import { loadKeysetFile } from '../../packages/server/src/records/index.ts'
import type { Program } from '../support/process.ts'
import { type Server, Site } from '../support/site.ts'
import { type Delivered, drive } from './drive.ts'
import { Mint } from './mint.ts'
import { filesUnder, Scanner, type Source } from './scanner.ts'

const LEAK = resolve(import.meta.dirname, 'leak.mjs')
const AUDIT_FILE = 'audit.jsonl'

/** Files that hold secrets because that is what they are for. */
const HOMES = [
  'passphrase',
  ...['server', 'all', 'reader', 'writer', 'faraway', 'stranger'].map((name) => `tls/${name}-key.pem`),
]

const makeSite = () =>
  Site.make((draft) => {
    draft.log = { level: 'trace' }
    draft.audit = { file: AUDIT_FILE }
    for (const store of draft.stores) store.maxValue = '64KiB'
  })

/** The secrets that the server holds before anybody asks it anything. */
async function mintOf(site: Site): Promise<Mint> {
  const mint = new Mint()
  const passphrase = readFileSync(join(site.folder, 'passphrase'))
  mint.add('the passphrase', passphrase)
  mint.add("the basic caller's secret", site.basicSecret)
  mint.privateKey("the server's private key", readFileSync(join(site.folder, 'tls/server-key.pem'), 'utf8'))
  const keyset = await loadKeysetFile(join(site.folder, 'keys/stores.json'), 'stores', { passphrase })
  mint.add('the address key', keyset.addressKey.export())
  mint.add('the sealing key', keyset.primary.secret.export())
  return mint
}

/** Everything that a program left in its folder, but for the homes of secrets. */
function traces(site: Site): Source[] {
  return filesUnder(site.folder).filter(({ where }) => !HOMES.includes(where.slice(site.folder.length + 1)))
}

function printed({ stdout, stderr }: Program): Source[] {
  return [
    { where: 'standard output', bytes: Buffer.from(stdout) },
    { where: 'standard error', bytes: Buffer.from(stderr) },
  ]
}

/** What the system shows of a process to whoever may look. */
function shown({ child }: Program): Source[] {
  return ['cmdline', 'environ'].map((name) => ({ where: name, bytes: readFileSync(`/proc/${child.pid}/${name}`) }))
}

async function adminPages(server: Server): Promise<Source[]> {
  const paths = ['/livez', '/readyz', '/readyz?verbose', '/metrics', '/nothing']
  return Promise.all(paths.map(async (where) => ({ where, bytes: Buffer.from((await server.admin(where)).body) })))
}

async function publicPages(server: Server): Promise<Source[]> {
  const client = server.client()
  const paths = ['/healthz', '/openapi.json', '/docs']
  return Promise.all(paths.map(async (where) => ({ where, bytes: (await client.get(where)).body })))
}

describe('canaries', () => {
  let site: Site
  let mint: Mint
  let server: Server
  let scanner: Scanner
  let answers: readonly Source[]
  let delivered: readonly Delivered[]

  before(async () => {
    site = await makeSite()
    mint = await mintOf(site)
    server = await site.start()
    ;({ answers, delivered } = await drive(server, mint))
    scanner = new Scanner(mint.canaries)
  })
  after(async () => {
    await server.stop('SIGKILL')
    site.remove()
  })

  test('not in any answer, but for the value itself to whom it belongs', () => {
    assert.ok(answers.length > 40)
    assert.deepEqual(scanner.scan(answers), [])
    for (const { canary, source } of delivered) {
      assert.deepEqual(
        scanner.scan([source]).map((found) => [found.canary, found.encoding]),
        [[canary, 'raw']],
      )
    }
  })

  test('not in metrics, probes or public pages', async () => {
    assert.deepEqual(scanner.scan([...(await adminPages(server)), ...(await publicPages(server))]), [])
  })

  test('not in the arguments and the environment of the process', () => {
    assert.deepEqual(scanner.scan(shown(server.program)), [])
  })

  test('not on the disk: database, write-ahead log, keyset, audit, configuration; running, killed, started again, stopped', async () => {
    const look = (names: RegExp) => {
      const sources = traces(site)
      const present = sources.map(({ where }) => where.slice(site.folder.length + 1))
      assert.match(present.join(' '), names)
      assert.deepEqual(scanner.scan(sources), [])
    }
    look(/sqlite-wal/)
    await server.stop('SIGKILL')
    assert.deepEqual(scanner.scan(printed(server.program)), [], 'what the first server printed')
    look(/sqlite-wal/)
    server = await site.start()
    look(/sqlite/)
    await server.stop()
    look(/db\/holdfast\.sqlite/)
    assert.match(readFileSync(join(site.folder, AUDIT_FILE), 'utf8'), /"event":"request-refused"/)
  })

  test('not in the logs', () => {
    assert.match(server.program.stdout, /"msg":"ready"/)
    assert.deepEqual(scanner.scan(printed(server.program)), [])
  })

  test('where secrets are at home, they are found', () => {
    const found = new Set(scanner.scan(filesUnder(site.folder)).map((finding) => finding.canary))
    // A PEM file is base64 with line breaks, of a number that stands somewhere in the middle.
    assert.deepEqual([...found].sort(), ['the passphrase', "the server's private key"])
  })
})

describe('positive control: what is not sealed is found', () => {
  test('in the database and its write-ahead log', async (t) => {
    const site = await makeSite()
    t.after(() => site.remove())
    const mint = new Mint()
    const file = join(site.folder, 'db/open.sqlite')
    const engine = new EmbeddedEngine({ file })
    const space = {
      id: 'store:open',
      shape: 'cell',
      final: true,
      atomic: 'no',
      longestTtl: 60,
      maxSize: 100_000,
    } as const
    await engine.open([space])
    const deadline = performance.now() + 5000
    const names = [48, 1500, 60_000].map((size) => `value of ${size} bytes`)
    for (const [i, size] of [48, 1500, 60_000].entries()) {
      await engine.put(space.id, Buffer.alloc(32, i), mint.bytes(names[i]!, size), { ttl: 60 }, deadline)
    }
    const find = () =>
      [
        ...new Set(new Scanner(mint.canaries).scan(filesUnder(join(site.folder, 'db'))).map((found) => found.canary)),
      ].sort()
    assert.deepEqual(find(), [...names].sort(), 'while it runs')
    await engine.close()
    assert.deepEqual(find(), [...names].sort(), 'after the checkpoint')
  })

  test('in the log of a server that prints what it is asked for', async (t) => {
    const site = await makeSite()
    t.after(() => site.remove())
    const mint = new Mint()
    const server = await site.start({ NODE_OPTIONS: `--import ${LEAK}` })
    await server.client().get(`/sessions/v1/${mint.text('the key')}`)
    await server.stop()
    const findings = new Scanner(mint.canaries).scan(printed(server.program))
    assert.deepEqual(
      findings.map(({ canary, encoding, where }) => [canary, encoding, where]),
      [['the key', 'hex, lower case', 'standard error']],
    )
  })
})
