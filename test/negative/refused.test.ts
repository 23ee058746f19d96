/**
 * The negative matrix, against the real server from the real command line: every way to be nobody, or somebody without a
 * right, is refused, changes nothing, and is in the audit log with the rule that refused it.
 */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ConnectionOptions, connect } from 'node:tls'
import { inDays, makeRevocationList } from '../../packages/server/src/cli/pki.ts'
import { type Credentials, makeCredentials, WIKI } from '../../packages/server/test/credentials.ts'
import type { Answer } from '../support/client.ts'
import { type CallerName, type Server, Site } from '../support/site.ts'

const KEY = 'canary-5b1f0c7e'
const PATH = `/sessions/v1/${KEY}`

let site: Site
let server: Server
let credentials: Credentials

before(async () => {
  site = await Site.make()
  const folder = join(site.folder, 'negative')
  mkdirSync(folder)
  credentials = await makeCredentials(folder)
  site.write('tls/ca.crl', await makeRevocationList(site.authority, [], { notAfter: inDays(1) }))
  site.configure((draft) => {
    draft.authorities = [{ ...draft.authorities[0], name: 'site', crl: 'tls/ca.crl' }, ...credentials.authorities]
    draft.grants.push({ callers: [WIKI], stores: ['sessions'], operations: ['read', 'write', 'end'] })
    draft.grants.push({
      callers: ['dns:cache.example.org'],
      stores: ['sessions'],
      operations: ['read'],
      networks: ['127.0.0.1'],
    })
  })
  server = await site.start()
})
after(async () => {
  await server?.stop()
  site?.remove()
})

/** The audit lines of refusals after the first `seen`, once there is one. */
async function refusals(seen: number): Promise<Record<string, unknown>[]> {
  return server.program.until('a refusal in the audit log', () => {
    const fresh = allRefusals().slice(seen)
    return fresh.length > 0 ? fresh : undefined
  })
}
const allRefusals = () => server.program.audit().filter((line) => String(line.event).endsWith('-refused'))

/** Sends a request on a connection of its own; what came back until it was closed. */
async function talk(socket: Socket, opened: 'connect' | 'secureConnect'): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => {})
  socket.once(opened, () => socket.write(`GET ${PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`))
  await new Promise((done) => socket.once('close', done))
  return text
}

const tls = (shows: ConnectionOptions & { localAddress?: string }, port = server.ports.public) =>
  connect({ port, host: '127.0.0.1', ca: site.authority.certificate, ...shows })

describe('who proves no name gets no byte', () => {
  test('every refused client of the table', async (t) => {
    assert.ok(credentials.refused.length > 15)
    for (const { title, shows, rule } of credentials.refused) {
      await t.test(title, async () => {
        const seen = allRefusals().length
        assert.equal(await talk(tls(shows), 'secureConnect'), '')
        const [line, ...more] = await refusals(seen)
        assert.deepEqual(more, [])
        const { event, listener, rule: told, network, fingerprint } = line!
        assert.deepEqual([event, listener, told, network], ['handshake-refused', 'public', rule, '127.0.0.0/24'])
        const shown = shows.cert !== undefined && rule !== 'old-protocol'
        const expected = shown ? new X509Certificate(String(shows.cert)).fingerprint256 : undefined
        assert.equal(fingerprint, expected)
      })
    }
  })

  for (const listener of ['public', 'basic'] as const) {
    test(`plain HTTP and TLS 1.2 on the ${listener} listener`, async () => {
      const port = server.ports[listener]!
      const seen = allRefusals().length
      assert.equal(await talk(connectTcp(port, '127.0.0.1'), 'connect'), '')
      assert.equal((await refusals(seen))[0]?.rule, 'plain-http')
      assert.equal(await talk(tls({ ...credentials.good, maxVersion: 'TLSv1.2' }, port), 'secureConnect'), '')
      assert.deepEqual(
        (await refusals(seen + 1)).map((line) => [line.listener, line.rule]),
        [[listener, 'old-protocol']],
      )
    })
  }

  test('a resumed session is not taken for its certificate', async () => {
    const first = tls(credentials.good)
    const sessions: Buffer[] = []
    first.on('session', (session) => sessions.push(session))
    assert.match(await talk(first, 'secureConnect'), /^HTTP\/1\.1 404/)
    const session = sessions.at(-1) ?? first.getSession()
    const seen = allRefusals().length
    assert.equal(await talk(tls(session === undefined ? {} : { session }), 'secureConnect'), '')
    assert.equal((await refusals(seen))[0]?.rule, 'no-certificate')
  })

  test('and those who prove one are served', async () => {
    const seen = allRefusals().length
    for (const shows of [credentials.good, credentials.goodDns]) {
      assert.match(await talk(tls(shows), 'secureConnect'), /^HTTP\/1\.1 404/)
    }
    assert.equal(allRefusals().length, seen)
  })
})

describe('who has no grant gets 403 and changes nothing', () => {
  const take = { Prefer: 'return=representation' }
  const matrix: [CallerName, string, string, Record<string, string>, string, string][] = [
    ['reader', 'PUT', 'sessions', {}, 'no-grant', 'write'],
    ['reader', 'POST', 'sessions', {}, 'no-grant', 'write'],
    ['reader', 'DELETE', 'sessions', {}, 'no-grant', 'end'],
    ['reader', 'DELETE', 'sessions', take, 'no-grant', 'end'],
    ['reader', 'GET', 'echoseen', {}, 'no-grant', 'read'],
    ['writer', 'GET', 'sessions', {}, 'no-grant', 'read'],
    ['writer', 'HEAD', 'sessions', {}, 'no-grant', 'read'],
    ['writer', 'DELETE', 'sessions', {}, 'no-grant', 'end'],
    ['writer', 'PUT', 'sessions', { 'If-None-Match': '*' }, 'no-grant', 'read'],
    ['stranger', 'GET', 'sessions', {}, 'no-grant', 'read'],
    ['stranger', 'PUT', 'echoseen', {}, 'no-grant', 'write'],
    ['stranger', 'DELETE', 'plain', {}, 'no-grant', 'end'],
    ['faraway', 'GET', 'sessions', {}, 'wrong-network', 'read'],
    ['faraway', 'PUT', 'sessions', {}, 'wrong-network', 'write'],
    ['faraway', 'DELETE', 'sessions', {}, 'wrong-network', 'end'],
    [
      'faraway',
      'GET',
      'sessions',
      { 'X-Forwarded-For': '192.0.2.1', Forwarded: 'for=192.0.2.1' },
      'wrong-network',
      'read',
    ],
    ['faraway', 'GET', 'echoseen', {}, 'no-grant', 'read'],
  ]

  for (const [name, method, store, headers, rule, operation] of matrix) {
    const extra = Object.keys(headers).join(', ')
    test(`${name}: ${method} in ${store} ${extra}`, async () => {
      const path = `/${store}/v1/${KEY}`
      const all = server.client('all')
      assert.equal((await all.put(path, 'before')).status, 201)
      const seen = allRefusals().length
      const body = method === 'PUT' || method === 'POST' ? { body: 'after' } : {}
      const answer = await server.client(name).ask(method, path, { headers, ...body })
      assert.equal(answer.status, 403)
      const [line] = await refusals(seen)
      const { event, caller, rule: told, store: where, operation: what, requestId } = line!
      assert.deepEqual(
        [event, caller, told, where, what],
        ['request-refused', `spiffe://example.org/${name}`, rule, store, operation],
      )
      if (method !== 'HEAD') assert.equal(problem(answer).instance, `urn:uuid:${requestId}`)
      assert.equal((await all.get(path)).body.toString(), 'before')
    })
  }

  test('a grant counts on its network and not on the one beside it', async () => {
    assert.match(
      await talk(tls({ ...credentials.goodDns, localAddress: '127.0.0.1' }), 'secureConnect'),
      /^HTTP\/1\.1 200/,
    )
    const seen = allRefusals().length
    assert.match(
      await talk(tls({ ...credentials.goodDns, localAddress: '127.0.0.2' }), 'secureConnect'),
      /^HTTP\/1\.1 403/,
    )
    assert.equal((await refusals(seen))[0]?.rule, 'wrong-network')
  })

  test('a store that nobody has is 404 for everybody, before any grant is looked at', async () => {
    const seen = allRefusals().length
    assert.equal((await server.client('stranger').get('/nothing/v1/a')).status, 404)
    assert.equal(allRefusals().length, seen)
  })
})

describe('the basic listener', () => {
  const secret = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` })

  test('no secret and wrong secrets are 401, and a certificate does not help', async () => {
    const wrong: [Record<string, string>, string][] = [
      [{}, 'no-secret'],
      [secret('legacy:wrong'), 'bad-secret'],
      [secret(`nobody:${site.basicSecret}`), 'bad-secret'],
      [{ Authorization: `Bearer ${site.basicSecret}` }, 'bad-secret'],
    ]
    const { certificate, key } = site.certificates.all
    const clients = [server.basic(), server.clientOf(server.ports.basic!, { cert: certificate, key })]
    for (const client of clients) {
      for (const [headers, rule] of wrong) {
        const seen = allRefusals().length
        const answer = await client.get(PATH, headers)
        assert.equal(answer.status, 401)
        const { event, listener, rule: told, requestId } = (await refusals(seen))[0]!
        assert.deepEqual([event, listener, told], ['request-refused', 'basic', rule])
        assert.equal(problem(answer).instance, `urn:uuid:${requestId}`)
      }
    }
  })

  test('the right secret is that caller, with its grants and no more; the next request must prove itself again', async () => {
    const client = server.basic()
    const right = secret(`legacy:${site.basicSecret}`)
    assert.equal((await client.get('/sessions/v1/nothing', right)).status, 404)
    assert.equal((await client.get('/echoseen/v1/nothing', right)).status, 403)
    assert.equal((await client.get('/sessions/v1/nothing')).status, 401)
  })

  test('the certificate listener takes no secret', async () => {
    const seen = allRefusals().length
    await assert.rejects(server.clientOf(server.ports.public, {}).get(PATH, secret(`legacy:${site.basicSecret}`)))
    assert.equal((await refusals(seen))[0]?.rule, 'no-certificate')
  })
})

test('the admin listener has no data', async () => {
  assert.equal((await server.admin(PATH)).status, 404)
})

test('knocking does not fill the log, nothing is lost from the counts, and no key is in it', async () => {
  const own = await site.start()
  const knocks = 60
  for (let i = 0; i < knocks; i++) {
    const socket = connectTcp(own.ports.public, '127.0.0.1')
    await talk(socket, 'connect')
  }
  await own.stop()
  const lines = own.program.audit().filter((line) => line.rule === 'plain-http')
  const written = lines.filter((line) => line.event === 'handshake-refused').length
  const held = lines.filter((line) => line.event === 'suppressed').reduce((sum, line) => sum + Number(line.count), 0)
  assert.ok(written < knocks && held > 0)
  assert.equal(written + held, knocks)
  await server.stop()
  const printed = server.program.stdout + server.program.stderr + own.program.stdout + own.program.stderr
  assert.ok(!printed.includes(KEY) && !printed.includes(site.basicSecret))
})

function problem(answer: Answer): { instance: string } {
  return JSON.parse(answer.body.toString())
}
