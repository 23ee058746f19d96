/**
 * Everything that can be reloaded is, while 50 connections of three callers ask steadily. Whoever stays entitled loses
 * nothing, not one request; whoever does not is closed, after the request in flight.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inDays, issue, makeAuthority, makeRevocationList } from '../../packages/server/src/cli/pki.ts'
import { changeKeysetFile } from '../../packages/server/src/records/index.ts'
import { figure } from '../http/metrics.ts'
import { head, Wire } from '../http/wire.ts'
import { Site } from '../support/site.ts'
import { Steady } from './steady.ts'
import { basicDoor, clientOf, door, hangUp, secretOf, servedSerial, spiffe, take, uploading } from './support.ts'

const site = await Site.make((draft) => {
  // However busy the machine: overload has tests of its own.
  draft.limits = { requestsSaturated: 1024 }
  draft.grants[0].callers.push(spiffe('wiki'), spiffe('shop'))
})
const server = await site.start()
after(async () => {
  await server.stop()
  site.remove()
})
const { authority } = site
const next = await makeAuthority('Next authority', { notAfter: inDays(1) })
const legacy = secretOf('legacy', site.basicSecret)
const get = (key: string) => head('GET', `/sessions/v1/${key}`)

test('50 connections ask steadily, and everything is reloaded', async (t) => {
  const steady = await Steady.start([
    { name: 'all', door: door(server, site.certificates.all), connections: 25 },
    { name: 'wiki', door: door(server, await clientOf(authority, 'wiki')), connections: 15 },
    { name: 'legacy', door: basicDoor(server), connections: 10, headers: [legacy] },
  ])
  await steady.more()

  await t.test("the server's certificate", async () => {
    const renewed = await issue({ authority, name: 's', dns: ['localhost'], usages: ['server'], notAfter: inDays(1) })
    assert.notEqual(await servedSerial(server), renewed.serial)
    site.replace('tls/server.pem', renewed.certificate)
    site.replace('tls/server-key.pem', renewed.key)
    await take(server, 'certificates')
    assert.equal(await servedSerial(server), renewed.serial)
    await steady.more()
  })

  await t.test('an authority beside the old one, to which clients move; then the old one goes', async () => {
    site.write('tls/next.pem', next.certificate)
    const moved = door(server, await clientOf(next, 'all'))
    await assert.rejects(Wire.open(moved).then((wire) => wire.send(get('none')).answer()))
    site.edit(({ authorities }) => authorities.push({ ...authorities[0], name: 'next', certificate: 'tls/next.pem' }))
    await take(server, 'authorities')
    await steady.more()
    await steady.move({ all: moved, wiki: door(server, await clientOf(next, 'wiki')) })
    const old = door(server, site.certificates.all)
    const [idle, busy] = await Promise.all([Wire.open(old), uploading(old, 'in-flight')])
    assert.equal((await idle.send(get('none')).answer()).status, 404)

    site.edit(({ authorities }) => authorities.shift())
    await take(server, 'authorities')
    await idle.closed()
    const answer = await busy.answer()
    assert.deepEqual([answer.status, answer.headers.get('connection')], [401, 'close'])
    await busy.closed()
    await assert.rejects(Wire.open(old).then((wire) => wire.send(get('none')).answer()))
    await steady.more()
  })

  await t.test('a revocation list', async () => {
    const shop = await clientOf(next, 'shop')
    site.write('tls/next.crl', await makeRevocationList(next, [], { notAfter: inDays(1) }))
    site.edit(({ authorities }) => {
      authorities[0].crl = 'tls/next.crl'
    })
    await take(server, 'revocation lists')
    const [idle, busy] = await Promise.all([Wire.open(door(server, shop)), uploading(door(server, shop), 'shop')])
    assert.equal((await idle.send(get('none')).answer()).status, 404)

    site.replace('tls/next.crl', await makeRevocationList(next, [shop.serial], { notAfter: inDays(1) }))
    const before = performance.now()
    const told = hangUp(server)
    await idle.closed()
    const took = idle.endedAt! - before
    t.diagnostic(`the revoked caller's open connection ended ${took.toFixed()} ms after SIGHUP`)
    assert.ok(took < 1000, `${took} ms`)
    assert.deepEqual((await told).changed, ['revocation lists'])
    const answer = await busy.answer()
    assert.deepEqual([answer.status, answer.headers.get('connection')], [401, 'close'])
    await busy.closed()
    const ended = server.program.audit().filter(({ event, rule }) => event === 'connection-ended' && rule === 'revoked')
    assert.deepEqual(
      ended.map(({ caller, listener }) => [caller, listener]),
      Array(2).fill([spiffe('shop'), 'public']),
    )
    await steady.more()
  })

  await t.test('a grant, taken away and given', async () => {
    const reader = await Wire.open(door(server, await clientOf(next, 'reader')))
    const status = async () => (await reader.send(get('none')).answer()).status
    assert.equal(await status(), 404)
    let taken: unknown
    site.edit(({ grants }) => {
      taken = grants.splice(1, 1)[0]
    })
    await take(server, 'grants')
    assert.equal(await status(), 403)
    site.edit(({ grants }) => grants.push(taken))
    await take(server, 'grants')
    assert.equal(await status(), 404)
    reader.destroy()
    await steady.more()
  })

  await t.test('the keyset: a new key, then its promotion', async () => {
    const file = join(site.folder, 'keys/stores.json')
    const { keyset, id } = site.keyset.add()
    const sealed = () => figure(server, 'holdfast_key_records', { key_id: String(id), operation: 'sealed' })
    await changeKeysetFile(file, 'stores', site, () => keyset)
    await take(server, 'keyset')
    await steady.more()
    assert.equal(await sealed(), 0)
    await changeKeysetFile(file, 'stores', site, () => keyset.promote(id))
    await take(server, 'keyset')
    await steady.more(8)
    assert.ok((await sealed()) >= 50)
  })

  const { connections } = steady
  await steady.stop()
  t.diagnostic(`${steady.answered} requests, the slowest ${steady.slowest.toFixed()} ms`)
  assert.deepEqual(steady.failures, [])
  assert.equal(connections, 50)
})
