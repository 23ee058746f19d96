/**
 * A reload in the midst of something: of a handshake, of requests under way, of another reload, of a start, of an end.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect as connectPlain, createServer } from 'node:net'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import { inDays, issue, makeRevocationList } from '../../packages/server/src/cli/pki.ts'
import { changeKeysetFile } from '../../packages/server/src/records/index.ts'
import { SlowReader } from '../http/slow-reader.ts'
import { head, Wire } from '../http/wire.ts'
import { type Program, whenReady } from '../support/process.ts'
import { Server, Site } from '../support/site.ts'
import { clientOf, door, hangUp, reloads, servedSerial, spiffe, take, uploading } from './support.ts'

const site = await Site.make((draft) => {
  draft.authorities[0].crl = 'tls/ca.crl'
  draft.grants[0].callers.push(spiffe('shop'))
})
const { authority } = site
const revoked: string[] = []
async function revoke(serial?: string): Promise<void> {
  if (serial !== undefined) revoked.push(serial)
  site.replace('tls/ca.crl', await makeRevocationList(authority, revoked, { notAfter: inDays(1) }))
}
await revoke()
const server = await site.start()
after(async () => {
  await server.stop()
  site.remove()
})
const all = door(server, site.certificates.all)
const get = (key: string) => head('GET', `/sessions/v1/${key}`)

/** A way to the server that lets the first flight of each client through, and holds back what comes after it. */
async function barrier(t: TestContext) {
  const held: Buffer[] = []
  const relay = createServer((client) => {
    const upstream = connectPlain(server.ports.public, '127.0.0.1').on('error', () => {})
    upstream.pipe(client.on('error', () => {}))
    client.once('data', (hello) => {
      upstream.write(hello)
      client.on('data', (chunk) => {
        if (open) upstream.write(chunk)
        else held.push(chunk)
      })
      release.promise.then(() => upstream.write(Buffer.concat(held)))
    })
    t.after(() => upstream.destroy())
  }).listen(0, '127.0.0.1')
  await once(relay, 'listening')
  t.after(() => relay.close())
  let open = false
  const release = Promise.withResolvers<void>()
  return {
    port: (relay.address() as AddressInfo).port,
    lift() {
      open = true
      release.resolve()
    },
  }
}

test('a handshake that began before its caller was revoked ends after it: nobody is let in', async (t) => {
  const shop = await clientOf(authority, 'shop')
  const { port, lift } = await barrier(t)
  // The client has shown its certificate when it is connected; the server has not seen it.
  const wire = await Wire.open({ ...door(server, shop), port })
  await revoke(shop.serial)
  await take(server, 'revocation lists')
  lift()
  await assert.rejects(wire.send(get('none')).answer(), /closed without an answer/)
  await server.program.until('the refusal', (it) => {
    return it.audit().find(({ event, rule }) => event === 'handshake-refused' && rule === 'revoked')
  })
})

test("a handshake that began before the server's certificate was renewed is finished", async (t) => {
  const { port, lift } = await barrier(t)
  const wire = await Wire.open({ ...all, port })
  const renewed = await issue({ authority, name: 's', dns: ['localhost'], usages: ['server'], notAfter: inDays(1) })
  site.replace('tls/server.pem', renewed.certificate)
  site.replace('tls/server-key.pem', renewed.key)
  await take(server, 'certificates')
  lift()
  assert.equal((await wire.send(get('none')).answer()).status, 404)
  wire.destroy()
  assert.equal(await servedSerial(server), renewed.serial)
})

test('no session outlives its authority or its list: none is ever resumed, before a reload and after', async () => {
  let session: Buffer | undefined
  for (const reload of [() => {}, () => take(server), () => {}]) {
    await reload()
    const socket = connect({ ...all, ...(session && { session }) }).on('session', (given) => {
      session = given
    })
    socket.on('error', () => {}).write(get('none'))
    await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })
    assert.equal(socket.isSessionReused(), false)
    socket.destroy()
  }
})

test('answers that wait for a slow client, one behind the other, all arrive; then the connection ends', async () => {
  const shop = await clientOf(authority, 'shop')
  const reader = await SlowReader.start(server, door(server, shop))
  await revoke(shop.serial)
  await take(server, 'revocation lists')
  assert.deepEqual(await reader.rest(), { answers: reader.requests, ended: true })
})

test('a large write under way is refused; what comes behind it is from nobody', async () => {
  const shop = await clientOf(authority, 'shop')
  const wire = await Wire.open(door(server, shop))
  assert.equal((await wire.send(`${head('PUT', '/sessions/v1/kept', 'Content-Length: 3')}old`).answer()).status, 201)
  const value = 'v'.repeat(500_000)
  wire.send(head('PUT', '/sessions/v1/kept', 'Expect: 100-continue', `Content-Length: ${value.length}`))
  await wire.continued()
  wire.send(value.slice(0, 200_000))
  await revoke(shop.serial)
  await take(server, 'revocation lists')
  const answer = await wire.answer()
  assert.deepEqual([answer.status, answer.headers.get('connection')], [401, 'close'])
  wire.send(value.slice(200_000) + head('DELETE', '/sessions/v1/kept') + get('kept'))
  await wire.closed()
  const other = await Wire.open(all)
  assert.equal((await other.send(get('kept')).answer()).body, 'old')
  other.destroy()
})

test('many signals at once: what was written before the last of them is in use', async () => {
  const reader = await Wire.open(door(server, site.certificates.reader))
  const before = reloads(server, 'SIGHUP').length
  for (let n = 0; n < 20; n++) {
    site.edit(({ grants }) => {
      grants[1].operations = n % 2 === 0 ? ['write'] : ['read']
    })
    server.program.child.kill('SIGHUP')
    if (n % 5 === 0) await pause(5)
  }
  site.edit(({ grants }) => grants.splice(1, 1))
  // One may be under way; then comes one more, for all that came meanwhile.
  await hangUp(server)
  for (let tries = 0; (await reader.send(get('none')).answer()).status !== 403; tries++) {
    assert.ok(tries < 500)
    await pause(10)
  }
  assert.ok(reloads(server, 'SIGHUP').length - before <= 21)
  assert.equal(reader.endedAt, undefined)
  reader.destroy()
})

/** Resolves when the process obeys SIGHUP instead of being ended by it. */
async function obeysHangUp({ child }: Program): Promise<void> {
  for (;;) {
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
    if (Number.parseInt(caught!.slice(-1), 16) % 2 === 1) return
    await pause(1)
  }
}

test('a start is not disturbed: the reload comes after it', async () => {
  await server.stop()
  site.configure((draft) => draft.grants.splice(1, 1))
  const program = site.launch()
  await obeysHangUp(program)
  site.configure()
  program.child.kill('SIGHUP')
  const started = new Server(site, program, await whenReady(program))
  await program.until('the reload', () => reloads(started, 'SIGHUP')[0])
  const reader = await Wire.open(door(started, site.certificates.reader))
  assert.equal((await reader.send(get('none')).answer()).status, 404)
  reader.destroy()

  // Unwrapping the keyset takes a while: the end comes in the midst of it.
  const written = await uploading(door(started, site.certificates.all), 'last')
  const { keyset } = site.keyset.add()
  await changeKeysetFile(join(site.folder, 'keys/stores.json'), 'stores', site, () => keyset)
  program.child.kill('SIGHUP')
  program.child.kill('SIGTERM')
  for (let n = 0; n < 5; n++) program.child.kill('SIGHUP')
  assert.equal((await written.send('ue').answer()).status, 201)
  assert.deepEqual(await program.ended, { code: 0, signal: null })
  const bad = program.lines().filter(({ level }) => level === 'error' || level === 'fatal')
  assert.deepEqual([bad, program.stderr], [[], ''])
})
