/**
 * New files that are broken: what was in use stays in use, the log, the audit and the metrics say so, and the files
 * are taken over once they are whole. (That the server notices by itself is in files.test.ts.)
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inDays, issue, makeAuthority, makeRevocationList } from '../../packages/server/src/cli/pki.ts'
import { EmbeddedView } from '../../packages/server/src/engines/embedded/view.ts'
import { createKeysetFile, Keyset } from '../../packages/server/src/records/index.ts'
import { figure } from '../http/metrics.ts'
import { head, Wire } from '../http/wire.ts'
import { type Draft, Site } from '../support/site.ts'
import { door, hangUp, reloads, servedSerial, take } from './support.ts'

const whole = (draft: Draft) => {
  draft.audit = { file: 'audit.log' }
  draft.authorities[0].crl = 'tls/ca.crl'
}
const site = await Site.make(whole)
const { authority, keyset } = site
site.write('tls/ca.crl', await makeRevocationList(authority, [], { notAfter: inDays(1) }))
const server = await site.start()
after(async () => {
  await server.stop()
  site.remove()
})

const path = (name: string) => join(site.folder, name)
const read = (name: string) => readFileSync(path(name), 'utf8')
const half = (text: string) => text.slice(0, text.length / 2)
const long = { notAfter: inDays(1) }
const old = { notBefore: inDays(-2), notAfter: inDays(-1) }
const order = { authority, name: 'server', dns: ['localhost'], usages: ['server'] } as const
const [other, ended] = await Promise.all([issue({ ...order, ...long }), issue({ ...order, ...old })])
const stranger = await makeAuthority('Test authority', long)

/** A keyset's file, wrapped as ours. */
async function wrapped(name: string, content: Keyset): Promise<string> {
  await createKeysetFile(path(name), content, site)
  return read(name)
}
const added = keyset.add()
const [foreign, elsewhere, hasty] = await Promise.all([
  wrapped('foreign', Keyset.generate('stores')),
  wrapped('elsewhere', Keyset.generate('passwords')),
  // The key that seals everything was disabled before any instance left it.
  wrapped('hasty', added.keyset.promote(added.id).disable(keyset.primary.id, { longestTtl: 0, lose: true })),
])

/** Writes files, or edits the configuration. */
type Break = Readonly<Record<string, string>> | ((draft: Draft) => void)

const CASES: readonly [title: string, problem: RegExp, how: Break][] = [
  ['half a certificate', /^listen: .* holds no CERTIFICATE/, { 'tls/server.pem': half(read('tls/server.pem')) }],
  [
    'the key of another certificate',
    /server-key.pem is not the key of .*server.pem/,
    { 'tls/server-key.pem': other.key },
  ],
  [
    'a certificate that ended',
    /server.pem expired on/,
    { 'tls/server.pem': ended.certificate, 'tls/server-key.pem': ended.key },
  ],
  ['half an authority', /^authority internal: .* holds no CERTIFICATE/, { 'tls/ca.pem': half(authority.certificate) }],
  ['half a revocation list', /^authority internal: .* holds no X509 CRL/, { 'tls/ca.crl': half(read('tls/ca.crl')) }],
  ['a list that ended', /ca.crl is stale since/, { 'tls/ca.crl': await makeRevocationList(authority, [], old) }],
  [
    "a namesake's list",
    /no revocation list that the key of/,
    { 'tls/ca.crl': await makeRevocationList(stranger, [], long) },
  ],
  ['no YAML', /^\S*\/holdfast\.yaml:\d+: not YAML/, { 'holdfast.yaml': 'grants: [' }],
  ['an empty configuration', /^\S*\/holdfast\.yaml: expected keys with values, found nothing/, { 'holdfast.yaml': '' }],
  [
    'a caller that is none',
    /grants\[0\].callers\[0\]: "spiffe:\/\/": /,
    ({ grants }) => (grants[0].callers = ['spiffe://']),
  ],
  ['a store that nobody has', /no store has the path "cart"/, ({ grants }) => grants[1].stores.push('cart')],
  ['a final store made reusable', /store sessions: final was true/, ({ stores }) => (stores[0].final = false)],
  [
    'a file that is not there',
    /none.pem cannot be read \(ENOENT\)/,
    ({ authorities }) => (authorities[0].certificate = 'none.pem'),
  ],
  ['a folder for a file', /tls cannot be read \(EISDIR\)/, ({ authorities }) => (authorities[0].certificate = 'tls')],
  ['another keyset', /does not open the check cell of .*: unknown-key/, { 'keys/stores.json': foreign }],
  ['the keyset of another room', /passwords/, { 'keys/stores.json': elsewhere }],
  ['a key disabled too early', /does not open the check cell of .*: disabled-key/, { 'keys/stores.json': hasty }],
  ['half a keyset', /stores.json/, { 'keys/stores.json': half(read('keys/stores.json')) }],
  ['another passphrase', /stores.json/, { passphrase: 'another passphrase' }],
]

const count = (outcome: string) => figure(server, 'holdfast_reloads_total', { outcome })
const failing = () => figure(server, 'holdfast_reload_failed')
const audited = () => {
  const lines = read('audit.log').trimEnd().split('\n')
  const { event, cause, outcome } = JSON.parse(lines.at(-1)!)
  return [event, cause, outcome]
}
const serial = await servedSerial(server)
const get = head('GET', '/sessions/v1/k')
const status = async (wire: Wire) => (await wire.send(get).answer()).status

/** Everything is as it was: who is connected stays, who comes gets in, and finds the same certificate. */
async function same(open: Wire): Promise<void> {
  assert.equal(await status(open), 404)
  const fresh = await Wire.open(door(server, site.certificates.all))
  assert.equal(await status(fresh), 404)
  fresh.destroy()
  assert.equal(await servedSerial(server), serial)
}

const open = await Wire.open(door(server, site.certificates.reader))
for (const [title, problem, how] of CASES) {
  test(title, async () => {
    const before = await count('failed')
    const files = Object.keys(how).map((name) => [name, read(name)] as const)
    if (typeof how === 'function') site.edit(how)
    else for (const [name, text] of Object.entries(how)) site.replace(name, text)
    try {
      const told = await hangUp(server)
      assert.match(told.problem ?? told.msg, problem)
      assert.deepEqual(audited(), ['reload', 'SIGHUP', 'failed'])
      assert.ok((await count('failed')) > before)
      assert.equal(await failing(), 1)
      await same(open)
    } finally {
      if (typeof how === 'function') site.configure(whole)
      for (const [name, text] of files) site.replace(name, text)
    }
    await take(server)
    assert.deepEqual(audited(), ['reload', 'SIGHUP', 'done'])
    assert.equal(await failing(), 0)
    await same(open)
  })
}

test('a store that came with a broken keyset was not set up: its rules can still be mended', async () => {
  const tokens = { path: 'tokens', final: false, ttl: '1h', maxTtl: '10y' }
  const longest = () => {
    const view = new EmbeddedView(path('db/holdfast.sqlite'))
    view.close()
    return view.longestTtl
  }
  const [before, right] = [longest(), read('keys/stores.json')]
  site.replace('keys/stores.json', foreign)
  site.edit(({ stores }) => stores.push(tokens))
  assert.match((await hangUp(server)).problem!, /unknown-key/)
  site.replace('keys/stores.json', right)
  site.edit(({ stores }) => Object.assign(stores.at(-1), { final: true, maxTtl: '1h' }))
  await take(server, 'stores')
  assert.equal(longest(), before)
  await same(open)
  site.configure(whole)
  await take(server, 'stores')
})

test('the audit file alone: it stays as it is, everything else is taken over', async () => {
  const file = path('audit.log')
  renameSync(file, `${file}.1`)
  mkdirSync(file)
  site.edit(({ grants }) => grants.splice(1, 1))
  const told = await hangUp(server)
  assert.deepEqual([told.msg, told.changed], ['reloaded', ['grants']])
  const { problem } = await server.program.until('the failure', () => {
    return reloads(server, 'SIGHUP').find((one) => one.problem?.startsWith('audit file'))
  })
  assert.match(problem!, /audit.log cannot be opened \(EISDIR\)/)
  assert.equal(await status(open), 403)
  assert.equal(await failing(), 1)
  rmdirSync(file)
  renameSync(`${file}.1`, file)
  assert.deepEqual(audited(), ['request-refused', undefined, undefined], 'lines go on into the old one')
  await take(server)
  assert.equal(await failing(), 0)
})
