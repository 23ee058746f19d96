/**
 * A key is rotated under real servers, which learn of each step from their files: by the commands alone, and never so that
 * one of them meets a record that it cannot open.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { holdfast, whenReady } from '../support/process.ts'
import { Server, Site } from '../support/site.ts'
import { bring, done, during, keys, primaryOf, refused, sealedWith, tookOver } from './support.ts'

async function siteFor(t: TestContext): Promise<Site> {
  const site = await Site.make()
  t.after(() => site.remove())
  return site
}

test('one server: added, promoted, records move as they are written, the old key disabled, enabled, disabled', async (t) => {
  const site = await siteFor(t)
  const old = await primaryOf(site)
  const server = await during(t, site.start())
  const client = server.client()
  for (const key of ['moves', 'stays']) assert.equal((await client.put(`/sessions/v1/${key}`, 'v')).status, 201)
  assert.deepEqual(sealedWith(site), { [old]: 2 })

  const id = Number(await done(keys(site, 'add')))
  await tookOver(server.program, 1)
  await done(keys(site, 'promote', String(id)))
  await tookOver(server.program, 2)
  for (const key of ['moves', 'stays']) assert.equal((await client.get(`/sessions/v1/${key}`)).status, 200)
  assert.deepEqual(sealedWith(site), { [old]: 2 }, 'reading moves nothing')
  assert.equal((await client.put('/sessions/v1/moves', 'v')).status, 201)
  assert.equal((await client.put('/sessions/v1/new', 'v')).status, 201)
  assert.deepEqual(sealedWith(site), { [old]: 1, [id]: 2 }, 'an unchanged value moves, too')

  assert.match(await refused(keys(site, 'disable', String(old))), /may live until/)
  await done(keys(site, 'disable', String(old), '--lose', '--yes'))
  await tookOver(server.program, 3)
  assert.equal((await client.get('/sessions/v1/moves')).status, 200)
  const lost = await client.get('/sessions/v1/stays')
  assert.deepEqual([lost.status, JSON.parse(String(lost.body)).code], [500, 'unreadable'])
  await done(keys(site, 'enable', String(old)))
  await tookOver(server.program, 4)
  assert.equal((await client.get('/sessions/v1/stays')).status, 200)
  await done(keys(site, 'disable', String(old), '--lose', '--yes'))
  await tookOver(server.program, 5)
  await server.stop()

  const again = await during(t, site.start())
  assert.equal((await again.client().get('/sessions/v1/moves')).body.toString(), 'v')
  const told = JSON.parse(await done(keys(site, 'list', '--json')))
  assert.deepEqual(
    told.keys.map((key: Record<string, unknown>) => [key.id, key.state, key.opensOn, key.sealsOn]),
    [
      [old, 'disabled', 0, 0],
      [id, 'primary', 1, 1],
    ],
  )
  assert.deepEqual([told.instances.length, told.instances[0].pid], [1, again.program.child.pid])
  await again.stop()
})

test('two servers, each with a copy of the file: nothing is promoted or disabled before both are ready for it', async (t) => {
  const site = await siteFor(t)
  const old = await primaryOf(site)
  bring(site, 'keys/stores.json', 'keys/second.json')
  const draft = JSON.parse(readFileSync(join(site.folder, 'holdfast.yaml'), 'utf8'))
  draft.keys.stores.file = 'keys/second.json'
  site.write('second.yaml', JSON.stringify(draft))
  const startSecond = async () => {
    const program = holdfast(['serve', '--config', join(site.folder, 'second.yaml')])
    return new Server(site, program, await whenReady(program))
  }
  const first = await during(t, site.start())
  let second = await during(t, startSecond())
  const { pid } = second.program.child

  const id = Number(await done(keys(site, 'add')))
  await tookOver(first.program, 1)
  const lacks = await refused(keys(site, 'promote', String(id)))
  assert.match(lacks, new RegExp(`key ${id} does not open on 1 of 2 instances that live:\\n  process ${pid} on`))
  assert.match(await done(keys(site, 'list')), new RegExp(`^${id} +enabled .* 1 of 2 +0 of 2\n`, 'm'))
  assert.deepEqual(await primaryOf(site), old)

  bring(site, 'keys/stores.json', 'keys/second.json')
  await tookOver(second.program, 1)
  await done(keys(site, 'promote', String(id)))
  await tookOver(first.program, 2)
  const [a, b] = [first.client(), second.client()]
  assert.equal((await a.put('/sessions/v1/by-first', 'new key')).status, 201)
  assert.equal((await b.put('/sessions/v1/by-second', 'old key')).status, 201)
  assert.deepEqual(sealedWith(site), { [id]: 1, [old]: 1 }, 'the second has not got the promoted file yet')
  assert.equal((await a.get('/sessions/v1/by-second')).body.toString(), 'old key')
  assert.equal((await b.get('/sessions/v1/by-first')).body.toString(), 'new key')

  const seals = await refused(keys(site, 'disable', String(old), '--lose', '--yes'))
  assert.match(seals, new RegExp(`1 of 2 instances that live seal with key ${old}:\\n  process ${pid} on`))

  await second.stop()
  second = await during(t, startSecond())
  const warned = second.program.lines().filter(({ keyId }) => keyId === id)
  assert.match(
    String(warned[0]?.msg),
    /the keyset is an old copy/,
    'it may come up with the file of before, and says so',
  )
  assert.equal((await second.client().get('/sessions/v1/by-first')).status, 200)

  bring(site, 'keys/stores.json', 'keys/second.json')
  await tookOver(second.program, 1)
  await done(keys(site, 'disable', String(old), '--lose', '--yes'))
  await Promise.all([first.stop(), second.stop()])
})

test('an instance that was killed is waited for, for as long as it is believed to live', {
  timeout: 90_000,
}, async (t) => {
  const site = await siteFor(t)
  const server = await during(t, site.start())
  await server.stop('SIGKILL')
  const old = String(await primaryOf(site))
  const id = (await done(keys(site, 'add'))).trim()
  assert.match(await refused(keys(site, 'promote', id)), /does not open on 1 of 1 instances/)
  while ((await keys(site, 'promote', id)).code !== 0);
  assert.equal(await primaryOf(site), Number(id))

  const early = keys(site, 'disable', old, '--lose', '--yes')
  assert.match(await refused(early), /check cells are sealed with key/, 'else no server could start')
  await (await during(t, site.start())).stop()
  await done(keys(site, 'disable', old, '--lose', '--yes'))
  await (await during(t, site.start())).stop()
})
