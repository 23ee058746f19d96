/**
 * Files that change, in every way in which they are changed, and nobody says a word: the server notices by itself, also
 * that what was broken is whole again. Callers ask steadily meanwhile and lose nothing.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inDays, issue, makeRevocationList } from '../../packages/server/src/cli/pki.ts'
import { changeKeysetFile } from '../../packages/server/src/records/index.ts'
import { figure } from '../http/metrics.ts'
import { head, Wire } from '../http/wire.ts'
import { Site } from '../support/site.ts'
import { Steady } from './steady.ts'
import { door, reloadBy, servedSerial, type Told } from './support.ts'

const site = await Site.make((draft) => {
  draft.limits = { requestsSaturated: 1024 }
  draft.authorities[0].crl = 'tls/ca.crl'
  // As Kubernetes mounts a secret: files are links through a link that is turned when the secret changes.
  Object.assign(draft.basicListen, { certificate: 'mounted/server.pem', key: 'mounted/server-key.pem' })
})
const { authority, folder } = site
const path = (name: string) => join(folder, name)
const newPair = () => issue({ authority, name: 's', dns: ['localhost'], usages: ['server'], notAfter: inDays(1) })
const newList = (...revoked: string[]) => makeRevocationList(authority, revoked, { notAfter: inDays(1) })

/** A new version of the mounted secret; its serial number. */
async function mount(version: string): Promise<string> {
  const pair = await newPair()
  mkdirSync(path(`mounted/${version}`), { recursive: true })
  site.write(`mounted/${version}/server.pem`, pair.certificate)
  site.write(`mounted/${version}/server-key.pem`, pair.key)
  symlinkSync(version, path('mounted/..data_tmp'))
  renameSync(path('mounted/..data_tmp'), path('mounted/..data'))
  return pair.serial
}

site.write('tls/ca.crl', await newList())
await mount('..version-1')
for (const name of ['server.pem', 'server-key.pem']) symlinkSync(`..data/${name}`, path(`mounted/${name}`))
const server = await site.start()
after(async () => {
  await server.stop()
  site.remove()
})
const steady = await Steady.start([{ name: 'all', door: door(server, site.certificates.all), connections: 10 }])

/** What was told of the next reload, in short. */
async function change(act: () => void): Promise<string[]> {
  const told = await reloadBy(server, 'files', act)
  return told.problem === undefined ? [...told.changed] : ['failed', told.problem]
}
const failed = () => figure(server, 'holdfast_reloads_total', { outcome: 'failed' })

test('two files, each moved to its place', async () => {
  const pair = await newPair()
  const changed = await change(() => {
    site.replace('tls/server.pem', pair.certificate)
    site.replace('tls/server-key.pem', pair.key)
  })
  assert.deepEqual(changed, ['certificates'])
  assert.equal(await servedSerial(server), pair.serial)
})

test('two files, written in place, the second long after the first', async () => {
  const [before, pair] = [await servedSerial(server), await newPair()]
  const [failed, problem] = await change(() => site.write('tls/server.pem', pair.certificate))
  assert.equal(failed, 'failed')
  assert.match(problem!, /server-key.pem is not the key of .*server.pem/)
  assert.equal(await servedSerial(server), before)
  assert.equal(await figure(server, 'holdfast_reload_failed'), 1)
  assert.deepEqual(await change(() => site.write('tls/server-key.pem', pair.key)), ['certificates'])
  assert.equal(await servedSerial(server), pair.serial)
  assert.equal(await figure(server, 'holdfast_reload_failed'), 0)
})

test('a link that is turned, as Kubernetes does', async () => {
  const before = await failed()
  const told: Promise<Told> = reloadBy(server, 'files', () => {})
  const serial = await mount('..version-2')
  assert.deepEqual((await told).changed, ['certificates'])
  assert.equal(await servedSerial(server, server.ports.basic), serial)
  assert.equal(await failed(), before)
})

test('the configuration, broken and mended; and a file that it names now is noticed, too', async () => {
  const whole = readFileSync(path('holdfast.yaml'), 'utf8')
  const reader = await Wire.open(door(server, site.certificates.reader))
  const status = async () => (await reader.send(head('GET', '/sessions/v1/none')).answer()).status
  const [failed, problem] = await change(() => site.write('holdfast.yaml', whole.slice(0, -20)))
  assert.match(`${failed}: ${problem}`, /^failed: \S*\/holdfast\.yaml:\d+: not YAML/)
  assert.equal(await status(), 404)
  const changed = await change(() => {
    site.edit(({ grants, authorities }) => {
      grants.splice(1, 1)
      authorities[0].crl = 'tls/elsewhere.crl'
    })
    site.write('tls/elsewhere.crl', readFileSync(path('tls/ca.crl')))
  })
  assert.deepEqual(changed, ['grants'])
  assert.equal(await status(), 403)
  reader.destroy()
})

test('a revocation list', async (t) => {
  const writer = await Wire.open(door(server, site.certificates.writer))
  assert.equal((await writer.send(head('GET', '/sessions/v1/none')).answer()).status, 403)
  const list = await newList(site.certificates.writer.serial)
  const before = performance.now()
  assert.deepEqual(await change(() => site.replace('tls/elsewhere.crl', list)), ['revocation lists'])
  await writer.closed()
  const took = writer.endedAt! - before
  t.diagnostic(`the revoked caller's connection ended ${took.toFixed()} ms after the list changed`)
  assert.ok(took < 5000, `${took} ms`)
})

test('the keyset', async () => {
  const { keyset, id } = site.keyset.add()
  let written: Promise<unknown> | undefined
  const changed = await change(() => {
    written = changeKeysetFile(path('keys/stores.json'), 'stores', site, () => keyset)
  })
  await written
  assert.deepEqual(changed, ['keyset'])
  assert.equal(await figure(server, 'holdfast_key_records', { key_id: String(id), state: 'enabled' }), 0)
})

test('and those who asked meanwhile lost nothing', async () => {
  await steady.more()
  const { connections } = steady
  await steady.stop()
  assert.deepEqual(steady.failures, [])
  assert.equal(connections, 10)
})
