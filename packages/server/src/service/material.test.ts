import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { inDays, issue, makeAuthority, makeRevocationList } from '../cli/pki.ts'
import { parseConfig } from '../config/load.ts'
import { changeKeysetFile, createKeysetFile, Keyset } from '../records/index.ts'
import { changesBetween, expiring, readMaterial, waitingBetween } from './material.ts'

const DEVELOPMENT = { development: true }
const folder = mkdtempSync(join(tmpdir(), 'holdfast-material-'))
after(() => rmSync(folder, { recursive: true }))
const put = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 })

const authority = await makeAuthority('CA', { notAfter: inDays(100) })
const other = await makeAuthority('Other CA', { notAfter: inDays(100) })
const pairOf = (days: number) => {
  return issue({ authority, name: 's', dns: ['localhost'], usages: ['server'], notAfter: inDays(days) })
}
const list = (...revoked: string[]) => makeRevocationList(authority, revoked, { notAfter: inDays(20) })
async function renew(name: string, days = 90) {
  const { certificate, key } = await pairOf(days)
  put(`${name}.pem`, certificate)
  put(`${name}-key.pem`, key)
}
const keyset = Keyset.generate('stores')
await Promise.all([renew('server'), renew('admin')])
put('ca.pem', authority.certificate)
put('other.pem', other.certificate)
put('ca.crl', await list())
await createKeysetFile(join(folder, 'keys.json'), keyset, 'unwrapped')

const tls = (name: string) => ({ port: 0, certificate: `${name}.pem`, key: `${name}-key.pem` })
const draft = () => ({
  listen: { ...tls('server'), minVersion: 'TLSv1.3' },
  basicListen: tls('server') as object | undefined,
  admin: tls('admin') as object,
  authorities: [
    { name: 'own', certificate: 'ca.pem', crl: 'ca.crl' as string | undefined, vouchesFor: ['spiffe://a'] },
  ],
  basic: [{ name: 'b', secretSha256: 'a'.repeat(64) }],
  grants: [{ callers: ['spiffe://a/wiki'], stores: ['sessions'], operations: ['read'] }],
  stores: [{ path: 'sessions', ttl: '1h' }],
  keys: { stores: { file: 'keys.json' } },
  engine: { memory: {} } as object,
  limits: {} as object,
  timeouts: {} as object,
  log: {} as object,
  audit: {} as object,
  base: '/',
})
type Draft = ReturnType<typeof draft>
function configure(change: (draft: Draft) => void = () => {}) {
  const wanted = draft()
  change(wanted)
  return parseConfig(JSON.stringify(wanted), { name: 'holdfast.yaml', folder, ...DEVELOPMENT })
}
const start = () => readMaterial(configure(), DEVELOPMENT)

describe('the kinds of what changed', () => {
  const CASES: [kinds: string, change: (draft: Draft) => void, files?: () => Promise<unknown>][] = [
    ['', () => {}],
    ['certificates', () => {}, () => renew('server')],
    ['certificates', () => {}, () => renew('admin')],
    ['certificates', ({ listen }) => Object.assign(listen, { minVersion: 'TLSv1.2' })],
    ['authorities', ({ authorities }) => authorities[0]!.vouchesFor.push('dns:a.example')],
    ['', () => {}, async () => put('ca.pem', `${authority.certificate}\n# the same\n`)],
    [
      'authorities,revocation lists',
      ({ authorities }) => Object.assign(authorities[0]!, { certificate: 'other.pem', crl: undefined }),
    ],
    ['revocation lists', () => {}, async () => put('ca.crl', await list('17'))],
    ['secrets', ({ basic }) => Object.assign(basic[0]!, { secretSha256: 'b'.repeat(64) })],
    ['grants', ({ grants }) => grants[0]!.operations.push('end')],
    ['stores', ({ stores }) => Object.assign(stores[0]!, { ttl: '2h' })],
    [
      'keyset',
      () => {},
      () => changeKeysetFile(join(folder, 'keys.json'), 'stores', 'unwrapped', () => keyset.add().keyset),
    ],
    ['', ({ limits }) => Object.assign(limits, { requests: 1000 })],
  ]
  for (const [kinds, change, files] of CASES) {
    test(kinds || 'none', async () => {
      const before = await start()
      await files?.()
      const now = await readMaterial(configure(change), DEVELOPMENT, before)
      assert.equal(changesBetween(before, now).join(), kinds)
      assert.deepEqual(changesBetween(now, await readMaterial(configure(change), DEVELOPMENT, now)), [])
    })
  }
})

test('a keyset is unwrapped again only if its files changed', async () => {
  const before = await start()
  const again = await readMaterial(configure(), DEVELOPMENT, before)
  assert.equal(again.keyset, before.keyset)
  const grown = before.keyset.add()
  await changeKeysetFile(join(folder, 'keys.json'), 'stores', 'unwrapped', () => grown.keyset)
  const now = await readMaterial(configure(), DEVELOPMENT, again)
  assert.ok(now.keyset.keys.some(({ id }) => id === grown.id))
})

test('what is broken is refused, and what was read before is as it was', async () => {
  const before = await start()
  const access = before.access
  put('server-key.pem', (await pairOf(1)).key)
  await assert.rejects(readMaterial(configure(), DEVELOPMENT, before), /is not the key of/)
  await renew('server')
  assert.equal(before.access, access)
})

describe('listeners come and go with a start', () => {
  const without = (draft: Draft) => {
    draft.admin = { port: 0 }
    draft.basicListen = undefined
    draft.basic = []
  }

  test('those that are there keep what they had when the configuration names them no more', async () => {
    const before = await start()
    const now = await readMaterial(configure(without), DEVELOPMENT, before)
    assert.deepEqual(Object.keys(now.tls), ['public', 'basic', 'admin'])
    assert.equal(now.tls.admin, before.tls.admin)
    assert.deepEqual(changesBetween(before, now), ['secrets'])
    const back = await readMaterial(configure(), DEVELOPMENT, now)
    assert.notEqual(back.tls.admin, before.tls.admin)
  })

  test('those that are not there get nothing', async () => {
    const before = await readMaterial(configure(without), DEVELOPMENT)
    const now = await readMaterial(configure(), DEVELOPMENT, before)
    assert.deepEqual(Object.keys(now.tls), ['public'])
    assert.deepEqual(
      expiring(now).map(({ name }) => name),
      ['listener public', 'authority own', 'revocation list of own'],
    )
  })
})

test('what only a start obeys is named', () => {
  const CASES: [keys: string, change: (draft: Draft) => void][] = [
    ['', () => {}],
    ['', (draft) => Object.assign(draft.listen, { certificate: 'other.pem', minVersion: 'TLSv1.2' })],
    ['', (draft) => Object.assign(draft.admin, { certificate: 'other.pem' })],
    ['listen', (draft) => Object.assign(draft.listen, { port: 1 })],
    ['listen', (draft) => Object.assign(draft.listen, { host: '127.0.0.1' })],
    ['basicListen', (draft) => Object.assign(draft.basicListen!, { port: 1 })],
    ['basicListen', (draft) => Object.assign(draft, { basicListen: undefined, basic: [] })],
    ['admin', (draft) => Object.assign(draft.admin, { hosts: ['a.example'] })],
    ['admin', (draft) => Object.assign(draft, { admin: { port: 0 } })],
    ['base', (draft) => Object.assign(draft, { base: '/a/' })],
    ['engine', (draft) => Object.assign(draft, { engine: { embedded: { file: 'db' } } })],
    ['limits', (draft) => Object.assign(draft.limits, { requests: 1000 })],
    ['timeouts', (draft) => Object.assign(draft.timeouts, { drain: '1s' })],
    ['log', (draft) => Object.assign(draft.log, { level: 'error' })],
    ['audit', (draft) => Object.assign(draft.audit, { file: 'audit' })],
    [
      'listen,limits',
      (draft) => Object.assign(draft, { limits: { requests: 1000 }, listen: { ...draft.listen, port: 1 } }),
    ],
  ]
  for (const [keys, change] of CASES) assert.equal(waitingBetween(configure(), configure(change)).join(), keys)
})

test('a certificate is due 30 days before its end or in the last third of its life, a list 7 days before', async () => {
  await Promise.all([renew('server', 90), renew('admin', 0.25)])
  const ahead = new Map(
    expiring(await start()).map(({ name, expires, due }) => [name, (expires.getTime() - due.getTime()) / 3_600_000]),
  )
  assert.deepEqual(
    ['listener public', 'authority own', 'revocation list of own'].map((name) => Math.round(ahead.get(name)! / 24)),
    [30, 30, 7],
  )
  assert.equal(Math.round(ahead.get('listener admin')!), 2)
})
