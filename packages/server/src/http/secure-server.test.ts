import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:https'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect } from 'node:tls'
import { makeCredentials, WIKI } from '../../test/credentials.ts'
import { Access } from '../access/access.ts'
import { readAuthorities } from '../access/authorities.ts'
import { Audit } from '../audit/audit.ts'
import { callerOf, createSecureServer, type Guard } from './secure-server.ts'
import { readListenerTls } from './tls.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-tls-'))
after(() => rmSync(folder, { recursive: true }))
const credentials = await makeCredentials(folder)
const authorities = await readAuthorities(credentials.authorities)
const access = new Access({ grants: [], authorities, basic: [] })

interface Line {
  event: string
  rule: string
  fingerprint?: string
  network?: string
  detail?: string
}

/** A server that answers who is asking, with what it audited, the requests that reached it, and its counts. */
async function start(
  t: TestContext,
  {
    minVersion = 'TLSv1.3',
    handshakeTimeout = 5000,
    ...change
  }: Partial<Guard> & { minVersion?: 'TLSv1.2' | 'TLSv1.3'; handshakeTimeout?: number } = {},
) {
  const lines: Line[] = []
  const rules: string[] = []
  let requests = 0
  const { options } = readListenerTls('listen', {
    files: { ...credentials.server, minVersion },
    authorities,
    handshakeTimeout,
  })
  const guard: Guard = {
    listener: 'public',
    identify: (socket) => access.identify(socket),
    audit: new Audit((line) => lines.push(JSON.parse(line))),
    handshakes: 64,
    onRefused: (rule) => rules.push(rule),
    ...change,
  }
  const server: Server = createSecureServer(options, guard, (request, response) => {
    requests++
    response.end(callerOf(request.socket)?.id ?? 'nobody')
  })
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return { server, port, lines, rules, requests: () => requests }
}

/** Unlike `once`, does not mind an error on the way. */
const closed = (socket: Socket) => new Promise((done) => socket.once('close', done))

/** Sends a GET over a new connection; what came back until it closed. */
async function ask(port: number, shows: ConnectionOptions & { localAddress?: string }) {
  const socket = connect({ port, host: '127.0.0.1', ca: credentials.ca, ...shows })
  let text = ''
  let resumed = false
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.once('secureConnect', () => {
    resumed = socket.isSessionReused()
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  })
  await closed(socket)
  return { text, resumed }
}

test('a certificate with one vouched name is its caller', async (t) => {
  const { port, lines } = await start(t)
  assert.match((await ask(port, credentials.good)).text, new RegExp(`^HTTP/1.1 200 [^]*${WIKI}`))
  assert.match((await ask(port, credentials.goodDns)).text, /dns:cache\.example\.org/)
  assert.match((await ask(port, credentials.goodPartner)).text, /spiffe:\/\/partner\.example\/wiki/)
  assert.deepEqual(lines, [])
})

for (const { title, shows, rule } of credentials.refused) {
  test(`refused and audited: ${title}`, async (t) => {
    const { server, port, lines, rules, requests } = await start(t)
    const parsers: unknown[] = []
    server.on('secureConnection', (socket) => parsers.push(Reflect.get(socket, 'parser')))
    const { text } = await ask(port, shows)
    assert.equal(text, '')
    assert.equal(requests(), 0)
    assert.deepEqual(parsers, rule === 'old-protocol' ? [] : [undefined], 'it never reached HTTP')
    const [line, ...more] = lines
    assert.deepEqual(more, [])
    assert.equal(line?.event, 'handshake-refused')
    assert.equal(line.rule, rule)
    assert.equal(line.network, '127.0.0.0/24')
    assert.deepEqual(rules, [rule])
    const shown = shows.cert !== undefined && rule !== 'old-protocol'
    const fingerprint = shown ? new X509Certificate(String(shows.cert)).fingerprint256 : undefined
    assert.equal(line.fingerprint, fingerprint)
  })
}

test('refused and audited: plain HTTP', async (t) => {
  const { port, lines, requests } = await start(t)
  const socket = connectTcp(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
  socket.on('error', () => {})
  socket.resume()
  await closed(socket)
  assert.equal(requests(), 0)
  assert.deepEqual(
    lines.map((line) => line.rule),
    ['plain-http'],
  )
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`no session is ever resumed (${version})`, async (t) => {
    const { port } = await start(t, { minVersion: 'TLSv1.2' })
    const limited = { ...credentials.good, minVersion: version, maxVersion: version }
    const first = connect({ port, host: '127.0.0.1', ca: credentials.ca, ...limited })
    const sessions: Buffer[] = []
    first.on('session', (session) => sessions.push(session))
    await once(first, 'secureConnect')
    first.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    first.resume()
    await once(first, 'close')
    const session = sessions.at(-1) ?? first.getSession()
    const second = await ask(port, { ...limited, ...(session === undefined ? {} : { session }) })
    assert.equal(second.resumed, false)
    assert.match(second.text, new RegExp(WIKI), 'a full handshake serves the client all the same')
    const stripped = await ask(port, {
      ...(session === undefined ? {} : { session }),
      minVersion: version,
      maxVersion: version,
    })
    assert.equal(stripped.text, '', 'a session without the certificate is worth nothing')
  })
}

test('handshakes are bounded, and half of them at most for one address; places come back', async (t) => {
  const { port, lines, server } = await start(t, { handshakes: 4 })
  const silent = [connectTcp(port, '127.0.0.1'), connectTcp(port, '127.0.0.1')]
  await Promise.all(silent.map((socket) => once(socket, 'connect')))
  const refused = connectTcp(port, '127.0.0.1')
  refused.on('error', () => {})
  await closed(refused)
  assert.deepEqual(
    lines.map((line) => line.rule),
    ['too-many-handshakes'],
  )
  assert.match((await ask(port, { ...credentials.good, localAddress: '127.0.0.2' })).text, /200/, 'others get in')
  for (const socket of silent) socket.destroy()
  const open = () => new Promise<number>((done) => server.getConnections((_, count) => done(count)))
  while ((await open()) > 0) await new Promise(setImmediate)
  for (let i = 0; i < 5; i++) assert.match((await ask(port, credentials.good)).text, /200/)
  assert.equal(lines.length, 1, 'a peer that went away was not refused')
})

test('a handshake that takes too long is refused', async (t) => {
  const { port, lines } = await start(t, { handshakeTimeout: 50 })
  const silent = connectTcp(port, '127.0.0.1')
  silent.on('error', () => {})
  silent.resume()
  await closed(silent)
  assert.deepEqual(
    lines.map((line) => line.rule),
    ['timeout'],
  )
})

test('nothing is renegotiated: who a connection belongs to holds for all of it', async (t) => {
  const { port } = await start(t, { minVersion: 'TLSv1.2' })
  const socket = connect({ port, host: '127.0.0.1', ca: credentials.ca, ...credentials.good, maxVersion: 'TLSv1.2' })
  t.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  const outcome = await new Promise<string>((done) => {
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? ''))
    socket.renegotiate({}, (error) => done(error === null ? 'renegotiated' : error.message))
  })
  assert.match(outcome, /NO_RENEGOTIATION/)
})

test('without identify a connection has no caller', async (t) => {
  const lines: Line[] = []
  const { options } = readListenerTls('basicListen', {
    files: { ...credentials.server, minVersion: 'TLSv1.3' },
    handshakeTimeout: 5000,
  })
  const audit = new Audit((line) => lines.push(JSON.parse(line)))
  const server = createSecureServer(options, { listener: 'basic', audit, handshakes: 4 }, (request, response) => {
    response.end(callerOf(request.socket)?.id ?? 'nobody')
  })
  t.after(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  assert.match((await ask(port, credentials.good)).text, /nobody/, 'a certificate that is shown means nothing here')
  assert.deepEqual(lines, [])
})
