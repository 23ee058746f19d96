/**
 * What a reload changes for callers that stay: on the same open connection, from the next request on. Here by SIGHUP.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inDays, issue } from '../../packages/server/src/cli/pki.ts'
import { head, Wire } from '../http/wire.ts'
import { Site } from '../support/site.ts'
import { basicDoor, door, hangUp, secretOf, servedSerial, take, uploading } from './support.ts'

const admin = { certificate: 'tls/admin.pem', key: 'tls/admin-key.pem' }
const site = await Site.make((draft) => {
  draft.audit = { file: 'audit.log' }
  draft.admin = { port: 0, ...admin }
})
async function renewAdmin(): Promise<string> {
  const { authority } = site
  const pair = await issue({ authority, name: 'a', dns: ['localhost'], usages: ['server'], notAfter: inDays(1) })
  site.replace(admin.certificate, pair.certificate)
  site.replace(admin.key, pair.key)
  return pair.serial
}
await renewAdmin()
const server = await site.start()
after(async () => {
  await server.stop()
  site.remove()
})
const at = (name: keyof typeof site.certificates) => door(server, site.certificates[name])
const legacy = secretOf('legacy', site.basicSecret)
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** Sends a request and gives status and problem code of its answer. */
async function ask(wire: Wire, method: string, target: string, body = '', ...headers: string[]): Promise<string> {
  const lines = body === '' ? headers : [...headers, `Content-Length: ${body.length}`]
  const answer = await wire.send(head(method, target, ...lines) + body).answer()
  const code = answer.headers.get('content-type') === 'application/problem+json' && JSON.parse(answer.body).code
  return code ? `${answer.status} ${code}` : `${answer.status}`
}

test('a grant is given and taken away, by operation', async () => {
  const wire = await Wire.open(at('reader'))
  assert.equal(await ask(wire, 'PUT', '/sessions/v1/grant', 'x'), '403 forbidden')
  site.edit(({ grants }) => grants[1].operations.push('write'))
  await take(server, 'grants')
  assert.equal(await ask(wire, 'PUT', '/sessions/v1/grant', 'x'), '201')
  site.edit(({ grants }) => {
    grants[1].operations = ['write']
  })
  await take(server, 'grants')
  assert.equal(await ask(wire, 'GET', '/sessions/v1/grant'), '403 forbidden')
  site.edit(({ grants }) => grants.splice(1, 1))
  await take(server, 'grants')
  assert.equal(await ask(wire, 'PUT', '/sessions/v1/grant', 'x'), '403 forbidden')
  assert.equal(wire.endedAt, undefined)
  wire.destroy()
})

test('a write that began with a grant needs it when its body is complete', async () => {
  const wire = await uploading(at('writer'), 'began')
  let taken: unknown
  site.edit(({ grants }) => {
    taken = grants.splice(1, 1)[0]
  })
  await take(server, 'grants')
  assert.equal((await wire.send('ue').answer()).status, 403, 'what is in force when it is complete decides')
  assert.equal(await ask(wire, 'PUT', '/sessions/v1/began', 'x'), '403 forbidden')
  site.edit(({ grants }) => grants.splice(1, 0, taken))
  await take(server, 'grants')
  assert.equal(await ask(wire, 'PUT', '/sessions/v1/began', 'x'), '201')
  wire.destroy()
})

test('a network', async () => {
  const wire = await Wire.open(at('faraway'))
  assert.equal(await ask(wire, 'GET', '/sessions/v1/none'), '403 forbidden')
  site.edit(({ grants }) => grants[2].networks.push('127.0.0.0/8'))
  await take(server, 'grants')
  assert.equal(await ask(wire, 'GET', '/sessions/v1/none'), '404 not_found')
  site.edit(({ grants }) => grants[2].networks.pop())
  await take(server, 'grants')
  assert.equal(await ask(wire, 'GET', '/sessions/v1/none'), '403 forbidden')
  wire.destroy()
})

test('a secret is changed, another is added and removed', async () => {
  const [idle, silent, busy] = await Promise.all([
    Wire.open(basicDoor(server)),
    Wire.open(basicDoor(server)),
    uploading(basicDoor(server), 'secret', legacy),
  ])
  assert.equal(await ask(idle, 'GET', '/sessions/v1/none', '', legacy), '404 not_found')
  const secret = randomBytes(32).toString('base64url')
  site.edit(({ basic, grants }) => {
    basic[0].secretSha256 = sha256(secret)
    basic.push({ name: 'second', secretSha256: sha256(secret) })
    grants.at(-1).callers.push('basic:second')
  })
  await take(server, 'secrets', 'grants')
  // Whoever proved themselves by the old one is closed, a write that is not complete refused; who proved nothing yet stays.
  await idle.closed()
  const answer = await busy.answer()
  assert.deepEqual([answer.status, answer.headers.get('connection')], [401, 'close'])
  await busy.closed()
  const late = await Wire.open(basicDoor(server))
  assert.equal(await ask(late, 'GET', '/sessions/v1/secret', '', legacy), '401 not_authorized')
  await late.closed()
  assert.equal(await ask(silent, 'GET', '/sessions/v1/secret', '', secretOf('legacy', secret)), '404 not_found')
  // The last caller of a connection is the one that it is judged by.
  assert.equal(await ask(silent, 'PUT', '/sessions/v1/secret', 'x', secretOf('second', secret)), '201')
  assert.equal(await ask(silent, 'GET', '/sessions/v1/secret', '', secretOf('legacy', secret)), '200')
  site.edit(({ basic, grants }) => {
    basic.pop()
    grants.at(-1).callers.pop()
  })
  await take(server, 'secrets', 'grants')
  assert.equal(await ask(silent, 'GET', '/sessions/v1/secret', '', secretOf('legacy', secret)), '200')
  assert.equal(await ask(silent, 'GET', '/sessions/v1/secret', '', secretOf('second', secret)), '401 not_authorized')
  await silent.closed()
})

test('a store is added, its limits move, it is removed', async () => {
  const wire = await Wire.open(at('all'))
  const put = (ttl: string, size = 1) => {
    return ask(wire, 'PUT', '/carts/v1/k', 'x'.repeat(size), ...(ttl === '' ? [] : [`Holdfast-TTL: ${ttl}`]))
  }
  const remaining = async () => {
    const { headers } = await wire.send(head('GET', '/carts/v1/k')).answer()
    return Number(headers.get('holdfast-ttl'))
  }
  assert.equal(await ask(wire, 'GET', '/carts/v1/k'), '404 no-such-path')
  site.edit(({ stores, grants }) => {
    stores.push({ path: 'carts', ttl: '1m', maxTtl: '1h', maxValue: '1KiB' })
    grants[0].stores.push('carts')
  })
  await take(server, 'grants', 'stores')
  assert.equal(await put('3600', 1024), '201')
  assert.equal(await put('3601'), '400 bad-ttl')
  assert.equal(await put('', 1025), '413 value-too-large')

  site.edit(({ stores }) => Object.assign(stores.at(-1), { ttl: '2h', maxTtl: '3h', maxValue: '2KiB' }))
  await take(server, 'stores')
  assert.equal(await put('10800', 2048), '201')
  assert.equal(await put(''), '201')
  assert.ok((await remaining()) > 7000)

  site.edit(({ stores }) => Object.assign(stores.at(-1), { ttl: '1m', maxTtl: '1m', maxValue: '1KiB' }))
  await take(server, 'stores')
  assert.ok((await remaining()) > 7000, 'what is there keeps its time')
  assert.equal(await put('61'), '400 bad-ttl')
  assert.equal(await put('60', 1025), '413 value-too-large')

  const removed = ({ stores, grants }: { stores: unknown[]; grants: { stores: string[] }[] }) => {
    grants[0]!.stores.pop()
    return stores.pop()
  }
  let carts: unknown
  site.edit((draft) => {
    carts = removed(draft)
  })
  await take(server, 'grants', 'stores')
  assert.equal(await ask(wire, 'GET', '/carts/v1/k'), '404 no-such-path')
  site.edit(({ stores, grants }) => {
    stores.push(carts)
    grants[0].stores.push('carts')
  })
  await take(server, 'grants', 'stores')
  assert.ok((await remaining()) > 7000, 'it was away, its records were not')
  wire.destroy()
})

test('the audit file is opened anew, as a rotation of logs wants', async () => {
  const [path, old] = [join(site.folder, 'audit.log'), join(site.folder, 'audit.log.1')]
  renameSync(path, old)
  const wire = await Wire.open(at('stranger'))
  assert.equal(await ask(wire, 'GET', '/sessions/v1/none'), '403 forbidden')
  assert.equal(existsSync(path), false)
  await take(server)
  assert.equal(await ask(wire, 'GET', '/sessions/v1/none'), '403 forbidden')
  wire.destroy()
  const events = (file: string) =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).event)
  assert.equal(events(old).at(-1), 'request-refused')
  assert.deepEqual(events(path), ['reload', 'request-refused'])
})

test('the certificate of the admin listener', async () => {
  const open = await Wire.open({ ...basicDoor(server), port: server.ports.admin })
  const serial = await renewAdmin()
  assert.notEqual(await servedSerial(server, server.ports.admin), serial)
  await take(server, 'certificates')
  assert.equal(await servedSerial(server, server.ports.admin), serial)
  assert.equal(await ask(open, 'GET', '/livez'), '200')
  open.destroy()
})

test('what only a start obeys is told, and everything else is taken over', async () => {
  site.edit((draft) => {
    draft.listen.port = 1
    delete draft.admin.certificate
    delete draft.admin.key
    draft.limits = { requests: 999 }
    draft.log = { level: 'error' }
    draft.stores[0].ttl = '2h'
  })
  await take(server, 'stores')
  const waits = await server.program.until('a warning', (it) => it.lines().find(({ waiting }) => waiting !== undefined))
  assert.deepEqual([waits.level, waits.waiting], ['warn', ['listen', 'admin', 'limits', 'log']])
  assert.equal((await hangUp(server)).msg, 'reloaded')
})
