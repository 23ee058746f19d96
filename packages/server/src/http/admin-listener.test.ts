import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectPlain, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import { Registry } from 'prom-client'
import { Audit } from '../audit/audit.ts'
import { inDays, issue, makeAuthority } from '../cli/pki.ts'
import { createAdmin } from './admin.ts'
import { listenAdmin } from './admin-listener.ts'
import { Health } from './health.ts'
import { readListenerTls } from './tls.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-admin-'))
after(() => rmSync(folder, { recursive: true }))
const authority = await makeAuthority('CA', { notAfter: inDays(1) })
const trust = { host: '127.0.0.1', servername: 'localhost', ca: authority.certificate }

/** TLS settings of a new certificate, and its serial number. */
async function renewed() {
  const order = { authority, name: 'a', dns: ['localhost'], usages: ['server'], notAfter: inDays(1) } as const
  const { certificate, key, serial } = await issue(order)
  const files = { certificate: join(folder, `${serial}.pem`), key: join(folder, `${serial}-key.pem`) }
  writeFileSync(files.certificate, certificate)
  writeFileSync(files.key, key, { mode: 0o600 })
  const listener = { files: { ...files, minVersion: 'TLSv1.3' as const }, handshakeTimeout: 5000 }
  return { options: readListenerTls('admin', listener).options, serial }
}

async function start(t: TestContext, tls: Awaited<ReturnType<typeof renewed>>['options'] | undefined) {
  const health = new Health({ health: async () => ({ ok: true }) })
  const app = createAdmin({ health, registry: new Registry(), hosts: ['localhost'], fault: () => {} })
  const lines: Record<string, unknown>[] = []
  const refused: string[] = []
  const audit = new Audit((line) => lines.push(JSON.parse(line)))
  const guard = { audit, handshakes: 4, onRefused: (rule: string) => void refused.push(rule) }
  const timeouts = { head: 1000, request: 2000 }
  const listener = await listenAdmin(app, { host: '127.0.0.1', port: 0, tls, guard, timeouts })
  t.after(() => audit.flush())
  return { listener, port: listener.port, lines, refused }
}

async function livez(socket: Socket): Promise<string> {
  socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const [answer] = await once(socket, 'data')
  return `${answer}`.slice(0, 15)
}

const serialOf = (socket: ReturnType<typeof connect>) => socket.getPeerX509Certificate()!.serialNumber.toLowerCase()

test('without TLS it is plain HTTP; its end closes what is open', async (t) => {
  const { listener, port } = await start(t, undefined)
  const socket = connectPlain(port, '127.0.0.1')
  assert.equal(await livez(socket), 'HTTP/1.1 200 OK')
  const closed = once(socket, 'close')
  await listener.close()
  await closed
})

test('with TLS, new connections get the new certificate and the open ones live on', async (t) => {
  const [first, second] = await Promise.all([renewed(), renewed()])
  const { listener, port } = await start(t, first.options)
  const old = connect({ ...trust, port })
  assert.equal(await livez(old), 'HTTP/1.1 200 OK')
  listener.renew(second.options)
  assert.equal(await livez(old), 'HTTP/1.1 200 OK')
  const fresh = connect({ ...trust, port })
  assert.equal(await livez(fresh), 'HTTP/1.1 200 OK')
  assert.deepEqual([old, fresh].map(serialOf), [first.serial, second.serial])
  const closed = [once(old, 'close'), once(fresh, 'close')]
  await listener.close()
  await Promise.all(closed)
})

test('it is guarded like every other listener', async (t) => {
  const { options } = await renewed()
  const { listener, port, lines, refused } = await start(t, options)
  const socket = connectPlain(port, '127.0.0.1', () => socket.write('GET /livez HTTP/1.1\r\n\r\n'))
  socket.resume()
  await once(socket, 'close')
  assert.deepEqual(refused, ['plain-http'])
  assert.deepEqual([lines[0]?.event, lines[0]?.listener], ['handshake-refused', 'admin'])
  await listener.close()
})

test('a port that is taken is an error', async (t) => {
  const { listener, port } = await start(t, undefined)
  const app = createAdmin({ health: {} as never, registry: new Registry(), hosts: [], fault: () => {} })
  const guard = { audit: new Audit(() => {}), handshakes: 4 }
  const again = { host: '127.0.0.1', port, tls: undefined, guard, timeouts: { head: 1, request: 1 } }
  await assert.rejects(listenAdmin(app, again), { code: 'EADDRINUSE' })
  await listener.close()
})
