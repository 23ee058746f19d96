import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { EngineUnavailable } from '@holdfast/engine'
import { startServer, Wire } from '../../test/store-server.ts'
import { PROBLEM_CODES } from '../common/problems.ts'

const server = await startServer()
after(() => server.close())
const wire = await Wire.open(server.port, 'nobody')
after(() => wire.destroy())
const get = (target: string) => wire.request('GET', target).answer()

describe('what is not a store', () => {
  it("answers Kask's health, by the state of the instance", async () => {
    const answer = await get('/healthz')
    assert.equal(answer.status, 200)
    const body = JSON.parse(answer.body.toString())
    assert.deepEqual(Object.keys(body), ['version', 'build_date', 'build_host', 'go_version'])
    assert.equal(body.version, '1.2.3')
    const broken = await startServer()
    broken.engine.before = () => {
      throw new EngineUnavailable('x')
    }
    const other = await Wire.open(broken.port, 'nobody')
    const sick = await other.request('GET', '/healthz').answer()
    assert.deepEqual([sick.status, sick.headers['retry-after']], [503, '1'])
    assert.deepEqual(JSON.parse(sick.body.toString()), body)
    other.destroy()
    await broken.close()
  })

  it('answers problems of the table for everything else', async () => {
    for (const [method, target, status] of [
      ['GET', '/', 404],
      ['GET', '/%ff', 404],
      ['GET', '/%', 404],
      ['GET', `/${'x'.repeat(3000)}`, 404],
      ['POST', '/nothing', 404],
      ['POST', '/healthz', 405],
      ['DELETE', '/openapi.json', 405],
      ['OPTIONS', '*', 404],
      ['TRACE', '/healthz', 405],
    ] as const) {
      const own = await Wire.open(server.port, 'nobody')
      const body = method === 'POST' ? '{"x":' : undefined
      const answer = await own.request(method, target, { 'Content-Type': 'application/json' }, body).answer()
      assert.equal(answer.status, status, `${method} ${target}`)
      assert.equal(answer.headers['content-type'], 'application/problem+json')
      if (status === 405) assert.equal(answer.headers.allow, 'GET, HEAD')
      own.destroy()
    }
  })

  it('is counted among the requests', async () => {
    await get('/healthz')
    await get('/nothing')
    const text = await server.metrics.registry.metrics()
    assert.match(text, /http_requests_total\{code="200",method="GET"\} \d+/)
    assert.match(text, /http_requests_total\{code="404",method="GET"\} \d+/)
    assert.equal(server.limits.requests, 0)
  })
})

describe("the API's description", () => {
  it('is OpenAPI 3.1, with the routes of stores, and every code of the table', async () => {
    const answer = await get('/openapi.json')
    assert.equal(answer.status, 200)
    const document = JSON.parse(answer.body.toString())
    assert.equal(document.openapi, '3.1.0')
    const key = document.paths['/{store}/v1/{key}']
    assert.deepEqual(
      Object.keys(key)
        .filter((name) => name !== 'parameters')
        .sort(),
      ['delete', 'get', 'head', 'post', 'put'],
    )
    assert.ok(document.paths['/healthz'].get)
    assert.deepEqual(document.components.schemas.Problem.properties.code.enum, PROBLEM_CODES)
    assert.deepEqual(Object.keys(key.put.responses).sort(), [
      ...['201', '400', '401', '403', '404', '405', '408', '409', '412', '413', '431', '500', '503'],
    ])
  })

  it('is a page for people: codes and headers, no script, nothing from elsewhere', async () => {
    const page = await get('/docs')
    assert.equal(page.status, 200)
    assert.match(page.headers['content-type']!, /^text\/html/)
    const html = page.body.toString()
    const style = createHash('sha256')
      .update(/<style>([^<]*)<\/style>/.exec(html)![1]!)
      .digest('base64')
    assert.match(page.headers['content-security-policy']!, /^default-src 'none'; style-src 'sha256-/)
    assert.ok(page.headers['content-security-policy']!.includes(style), 'the style sheet is the one that is allowed')
    assert.doesNotMatch(html, /<script|(src|href)="(https?:)?\/\//)
    for (const word of ['logout-pending', 'precondition-failed', 'Holdfast-TTL', 'If-None-Match', '/healthz'])
      assert.ok(html.includes(word), word)
  })
})
