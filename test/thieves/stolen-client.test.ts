/**
 * A stolen web server: its certificate, its key, and code that runs in its place. It gets what it can name and nothing
 * else: no route, method, header or parameter lists keys, and another caller's store answers 403 whatever it asks.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { type Canary, Scanner } from '../canaries/scanner.ts'
import type { Client } from '../support/client.ts'
import { type Server, Site } from '../support/site.ts'

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>
}
type PathItem = Readonly<Record<string, Operation>> & { readonly parameters?: Operation['parameters'] }

/** Pages that any caller may see; what they say is fixed when the server starts. */
const PAGES = ['/healthz', '/openapi.json', '/docs']
const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'PROPFIND',
  'SEARCH',
  'REPORT',
  'LINK',
  'M-SEARCH',
]

describe('a stolen web server', () => {
  let site: Site
  let server: Server
  let thief: Client
  let owner: Client
  const keys: string[] = []
  const values: Canary[] = []
  let scanner: Scanner

  before(async () => {
    site = await Site.make((draft) => {
      const [everything] = draft.grants
      draft.grants = [
        { ...everything, stores: ['sessions'] },
        { ...everything, callers: ['spiffe://example.org/reader'], stores: ['echoseen'] },
      ]
    })
    server = await site.start()
    owner = server.client('all')
    thief = server.client('reader')
    for (let i = 0; i < 5; i++) {
      const key = randomBytes(32).toString('base64url')
      const value = randomBytes(48)
      keys.push(key)
      values.push({ name: `value ${i}`, bytes: value })
      assert.equal((await owner.put(`/sessions/v1/${key}`, value)).status, 201)
      assert.equal((await thief.put(`/echoseen/v1/${key}`, value)).status, 201)
    }
    scanner = new Scanner([...keys.map((key, i) => ({ name: `key ${i}`, bytes: Buffer.from(key) })), ...values])
  })
  after(async () => {
    await server.stop()
    site.remove()
  })

  test('the interface has no operation that could list: each takes a key or is a fixed page', async () => {
    const document = JSON.parse((await thief.get('/openapi.json')).body.toString()) as {
      paths: Record<string, PathItem>
    }
    const paths = Object.entries(document.paths)
    assert.ok(paths.some(([path]) => path.endsWith('/{key}')))
    for (const [path, { parameters: shared = [], ...operations }] of paths) {
      if (PAGES.includes(path)) {
        assert.deepEqual(Object.keys(operations), ['get'], path)
        continue
      }
      assert.match(path, /\/\{key\}$/)
      for (const [method, operation] of Object.entries(operations)) {
        const places = [...shared, ...(operation.parameters ?? [])]
        assert.ok(
          places.some((place) => place.in === 'path' && place.name === 'key'),
          `${method} ${path} takes a key`,
        )
        assert.ok(!places.some((place) => place.in === 'query'), `${method} ${path} takes no query`)
        for (const [status, { content = {} }] of Object.entries(operation.responses)) {
          const expected = status < '300' ? ['application/octet-stream'] : ['application/problem+json']
          for (const type of Object.keys(content))
            assert.ok(expected.includes(type), `${method} ${path} ${status} ${type}`)
        }
      }
    }
  })

  test('nothing that looks like a listing answers with a key or a value, under any method', async () => {
    const known = `/echoseen/v1/${keys[0]}`
    const places = [
      '/',
      '/echoseen',
      '/echoseen/',
      '/echoseen/v1',
      '/echoseen/v1/',
      '/echoseen/v1/*',
      '/echoseen/v1/%2A',
      '/echoseen/v1/..',
      '/echoseen/v1/%00',
    ]
    const queries = ['?', '?list', '?prefix=', '?keys', '?limit=1000', '?cursor=0', '?list-type=2', '?*']
    const cut = keys[0]!.slice(0, -1)
    const targets = [
      ...places.flatMap((place) => [place, ...queries.map((query) => place + query)]),
      ...queries.map((query) => known + query),
      ...[cut, `${cut}*`, `${cut}%25`, `${cut}_`, `${keys[0]}/`, keys[0]!.toLowerCase()].map(
        (key) => `/echoseen/v1/${key}`,
      ),
      ...[
        '/admin',
        '/metrics',
        '/livez',
        '/readyz',
        '/api/v1',
        '/api/v1/keys',
        '/.well-known/',
        '/debug',
        '/v1/keys',
        ...PAGES,
      ],
    ]
    const headers = {
      range: 'bytes=0-1000000',
      accept: 'application/json',
      'x-original-url': known,
      'x-rewrite-url': known,
      'x-http-method-override': 'GET',
    }
    let answered = 0
    for (const target of targets) {
      for (const method of METHODS) {
        const { status, headers: got, body } = await thief.ask(method, target, { headers })
        assert.deepEqual(
          scanner.scan([{ where: 'the answer', bytes: Buffer.concat([Buffer.from(JSON.stringify(got)), body]) }]),
          [],
        )
        assert.ok(
          status !== 200 || PAGES.some((page) => target === page || target === `${page}/`),
          `${method} ${target} answered ${status}`,
        )
        answered++
      }
    }
    assert.ok(answered > 1000)
    const own = await thief.get(known)
    assert.deepEqual(own.body, values[0]!.bytes, 'and by its name, it is there')
  })

  test("another caller's store answers 403, also for keys that are known, and nothing changes there", async () => {
    const path = `/sessions/v1/${keys[0]}`
    const asked: [method: string, options?: object][] = [
      ['GET'],
      ['HEAD'],
      ['PUT', { body: 'x' }],
      ['POST', { body: 'x' }],
      ['PUT', { body: 'x', headers: { 'if-none-match': '*' } }],
      ['DELETE'],
      ['DELETE', { headers: { prefer: 'return=representation' } }],
    ]
    for (const [method, options] of asked) {
      const answer = await thief.ask(method, path, options)
      assert.equal(answer.status, 403, method)
      // A key that is not there is refused alike, so that a refusal tells nothing.
      assert.equal(
        (await thief.ask(method, `/sessions/v1/${randomBytes(32).toString('base64url')}`, options)).status,
        403,
      )
    }
    assert.deepEqual((await owner.get(path)).body, values[0]!.bytes)
    const refusals = server.program.audit().filter((line) => line.event === 'request-refused')
    assert.ok(refusals.some((line) => line.caller === 'spiffe://example.org/reader' && line.store === 'sessions'))
  })
})
