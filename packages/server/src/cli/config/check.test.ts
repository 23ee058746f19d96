/** A configuration whose files are real is good; each thing that a start refuses is found, all of them at once. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { Site } from '../../../../../test/support/site.ts'
import { holdfast } from '../../../test/cli.ts'
import { loadConfig, parseConfig } from '../../config/load.ts'
import { inDays, issue, makeAuthority, makeRevocationList } from '../pki.ts'

async function site(t: TestContext): Promise<Site> {
  const made = await Site.make()
  t.after(() => made.remove())
  return made
}

const check = ({ folder }: Site, ...args: string[]) =>
  holdfast(folder, 'config', 'check', '--config', 'holdfast.yaml', ...args)

test('a good one: nothing is opened, made or changed', async (t) => {
  const it = await site(t)
  it.write('tls/ca.crl', await makeRevocationList(it.authority, [], { notAfter: inDays(1) }))
  it.edit((draft) => Object.assign(draft.authorities[0], { crl: 'tls/ca.crl' }))
  const before = readdirSync(it.folder, { recursive: true })
  assert.deepEqual(await check(it), { code: 0, stdout: 'holdfast.yaml: good\n', stderr: '' })
  assert.deepEqual(JSON.parse((await check(it, '--json')).stdout), { ok: true, problems: [], warnings: [] })
  assert.deepEqual(readdirSync(it.folder, { recursive: true }), before)
})

test('an authority without a revocation list is good, and warned of, by a start too', async (t) => {
  const it = await site(t)
  const says =
    'authority internal: no revocation list, so a revoked certificate is good until its end; add crl: tls/ca.crl'
  const { code, stdout, stderr } = await check(it)
  assert.deepEqual([code, stdout, stderr], [0, 'holdfast.yaml: good\n', `holdfast: warning: ${says}\n`])
  assert.deepEqual(JSON.parse((await check(it, '--json')).stdout), { ok: true, problems: [], warnings: [says] })
  const server = await it.start()
  await server.stop()
  assert.deepEqual(server.program.lines().find(({ msg }) => msg === says)?.level, 'warn')
})

type Break = (site: Site) => void | Promise<void>
const BROKEN: [what: string, break_: Break, says: RegExp][] = [
  ['a damaged authority', (it) => it.write('tls/ca.pem', 'x'), /authority internal: .*ca\.pem holds no CERTIFICATE/],
  ['the key of an authority beside it', (it) => it.write('tls/ca-key.pem', 'x'), /its key is beside its certificate/],
  ['no certificate', (it) => rmSync(join(it.folder, 'tls/server.pem')), /listen: .*server\.pem cannot be read/],
  [
    'an expired certificate',
    async (it) => {
      const { authority } = it
      const dates = { notBefore: inDays(-2), notAfter: inDays(-1) }
      it.write('tls/server.pem', (await issue({ authority, name: 's', usages: ['server'], ...dates })).certificate)
    },
    /listen: .*server\.pem expired on/,
  ],
  [
    'an authority that made nothing here but is expired',
    async (it) => {
      const dates = { notBefore: inDays(-2), notAfter: inDays(-1) }
      it.write('tls/ca.pem', (await makeAuthority('Old', dates)).certificate)
    },
    /authority internal: CN=Old expired on/,
  ],
  [
    'the key of another',
    (it) => it.write('tls/server-key.pem', readFileSync(join(it.folder, 'tls/all-key.pem'))),
    /is not the key of/,
  ],
  ['a key for everybody', (it) => chmodSync(join(it.folder, 'tls/server-key.pem'), 0o644), /everybody on this machine/],
  [
    'a wrong passphrase',
    (it) => it.write('passphrase', 'a wrong passphrase of some length'),
    /stores\.json: .*passphrase/,
  ],
  [
    'no place for the database',
    (it) => rmSync(join(it.folder, 'db'), { recursive: true }),
    /engine\.embedded\.file: .*db: no such folder/,
  ],
  [
    'a grant for no store',
    (it) => it.configure((draft) => draft.grants[0].stores.push('sesions')),
    /grants\[0\]\.stores\[3\]: no store has the path "sesions"/,
  ],
  [
    'a place for the audit',
    (it) => it.configure((draft) => Object.assign(draft, { audit: { file: 'log/audit.jsonl' } })),
    /audit\.file: .*log: no such folder/,
  ],
]

for (const [what, break_, says] of BROKEN) {
  test(`found: ${what}`, async (t) => {
    const it = await site(t)
    await break_(it)
    const { code, stdout, stderr } = await check(it)
    assert.equal(code, 2)
    assert.equal(stdout, '')
    assert.match(stderr, says)
  })
}

test('all at once, each once a line of JSON', async (t) => {
  const it = await site(t)
  it.write('tls/ca.pem', 'x')
  it.write('passphrase', 'a wrong passphrase of some length')
  rmSync(join(it.folder, 'db'), { recursive: true })
  const { code, stdout, stderr } = await check(it, '--json')
  assert.equal(code, 2)
  assert.equal(stderr, '')
  const { ok, problems } = JSON.parse(stdout)
  assert.equal(ok, false)
  assert.deepEqual(
    problems.map((problem: string) => problem.split(/[: ]/)[0]),
    ['authority', `${it.folder}/keys/stores.json`, 'engine.embedded.file'],
  )
})

test('show: what is shown is the same configuration again; hashes of secrets are not shown', async (t) => {
  const it = await site(t)
  mkdirSync(join(it.folder, 'log'))
  writeFileSync(join(it.folder, 'audit'), '')
  const file = join(it.folder, 'holdfast.yaml')
  const config = loadConfig(file)
  const show = (...args: string[]) => holdfast(it.folder, 'config', 'show', '--config', 'holdfast.yaml', ...args)
  const { code, stdout } = await show()
  assert.equal(code, 0)
  const hash = config.basic[0]!.secretSha256
  assert.ok(!stdout.includes(hash))
  assert.match(stdout, /secretSha256: \(not shown\)\n/)
  assert.match(stdout, / {4}ttl: 1d\n/)
  const { blocks, bsize } = statfsSync(it.folder)
  const minFree = {
    writes: Math.floor(Math.min(0.05 * blocks * bsize, 2 ** 30)),
    ends: Math.floor(Math.min(0.01 * blocks * bsize, 2 ** 28)),
  }
  const { embedded } = config.engine
  const again = parseConfig(stdout.replace('(not shown)', hash), { name: 'shown', folder: '/', development: false })
  assert.deepEqual(again, { ...config, engine: { embedded: { ...embedded, minFree } } })
  assert.deepEqual(JSON.parse((await show('--json')).stdout), parse(stdout))
})
