/**
 * Everything that is not a store: Kask's health check, the API's description and pages on the public listener; probes and
 * metrics on the admin listener, which answers nobody who asks for another host.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { after, describe, test } from 'node:test'
import { version } from '../../packages/server/src/common/version.ts'
import { Site } from '../support/site.ts'
import { type Answer, curl, type Driver, missing, undici } from './drivers.ts'
import { openApiProblems } from './openapi-rules.ts'

const site = await Site.make()
const server = await site.start()
after(async () => {
  await server.stop()
  site.remove()
})
const KASK_BODY = { version, build_date: '', build_host: '', go_version: process.version }

/** As somebody without a grant. */
const ask = (driver: Driver, method: string, target: string, headers: Record<string, string> = {}): Promise<Answer> =>
  driver.ask({ method, target, headers, body: undefined, chunked: false, as: 'stranger' })
const codeOf = ({ body }: { body: Buffer | string }) => JSON.parse(body.toString()).code

for (const driver of [undici(server), curl(server)]) {
  describe(`the public listener, by ${driver.name}`, {
    skip: missing(driver.name),
  }, () => {
    test("/healthz has Kask's body", async () => {
      const answer = await ask(driver, 'GET', '/healthz')
      assert.equal(answer.status, 200)
      assert.match(answer.headers['content-type']!, /^application\/json(;|$)/)
      assert.deepEqual(Object.entries(JSON.parse(answer.body.toString())), Object.entries(KASK_BODY))
      const head = await ask(driver, 'HEAD', '/healthz')
      assert.deepEqual([head.status, head.body.length], [200, 0])
    })

    test('/openapi.json is OpenAPI 3.1', async () => {
      const answer = await ask(driver, 'GET', '/openapi.json')
      assert.equal(answer.status, 200)
      assert.match(answer.headers['content-type']!, /^application\/json(;|$)/)
      const document = JSON.parse(answer.body.toString())
      assert.deepEqual(openApiProblems(document), [])
      assert.equal(document.info.version, version)
      assert.deepEqual(Object.keys(document.paths), ['/{store}/v1/{key}', '/healthz'])
    })

    test('/docs is a page for people, with nothing from elsewhere', async () => {
      const page = await ask(driver, 'GET', '/docs')
      assert.equal(page.status, 200)
      assert.equal(page.headers['content-type'], 'text/html; charset=utf-8')
      assert.match(page.headers['content-security-policy']!, /^default-src 'none';/)
      const html = page.body.toString()
      assert.match(html, /\/\{store\}\/v1\/\{key\}/)
      assert.doesNotMatch(html, /<script|<link|<img|src=|@import/)
    })

    test('nothing else is there, and nothing is redirected', async () => {
      for (const target of [
        '/',
        '/metrics',
        '/livez',
        '/readyz',
        '/openapi',
        '/healthz/',
        '/HEALTHZ',
        '//healthz',
        '/%ff',
        '/%',
      ]) {
        const answer = await ask(driver, 'GET', target)
        assert.deepEqual([answer.status, codeOf(answer)], [404, 'no-such-path'], target)
        assert.equal(answer.headers['content-type'], 'application/problem+json')
      }
      for (const target of ['/healthz', '/openapi.json', '/docs']) {
        const answer = await ask(driver, 'DELETE', target)
        assert.deepEqual(
          [answer.status, codeOf(answer), answer.headers.allow],
          [405, 'method-not-allowed', 'GET, HEAD'],
          target,
        )
      }
    })
  })
}

test('a document that breaks a rule of OpenAPI 3.1 is noticed', async () => {
  const text = (await server.client('stranger').get('/openapi.json')).body.toString()
  const breaks: ((document: Record<string, Record<string, object>>) => void)[] = [
    (it) => Object.assign(it, { openapi: '3.0.3' }),
    (it) => Object.assign(it.paths!, { 'no/slash': {} }),
    (it) => Object.assign(it.paths!, { '/{more}': it.paths!['/healthz'] }),
    (it) => Object.assign(it.paths!['/healthz']!, { get: { summary: 'no responses' } }),
    (it) => Object.assign(it.paths!['/healthz']!, { get: { responses: { 200: {} } } }),
    (it) => Object.assign(it.components!, { schemas: {} }),
    (it) => Object.assign(it.components!.schemas!, { Odd: { type: 'text' } }),
    (it) => Object.assign(it, { security: [{ unknown: [] }] }),
  ]
  for (const [index, change] of breaks.entries()) {
    const document = JSON.parse(text)
    change(document)
    assert.notDeepEqual(openApiProblems(document), [], `change ${index}`)
  }
})

/** On the admin listener, with any Host. */
async function admin(target: string, { method = 'GET', host = 'localhost' } = {}) {
  const sent = request({
    host: '127.0.0.1',
    port: server.ports.admin,
    method,
    path: target,
    setHost: false,
    headers: { host },
  }).end()
  const [answer] = await once(sent, 'response')
  answer.setEncoding('utf8')
  let body = ''
  for await (const chunk of answer) body += chunk
  return { status: answer.statusCode as number, headers: answer.headers as Answer['headers'], body }
}

describe('the admin listener', () => {
  test('probes', async () => {
    for (const [target, body] of [
      ['/livez', 'ok\n'],
      ['/readyz', 'ok\n'],
      ['/readyz?verbose', '[+] serving\n[+] engine\nok\n'],
    ] as const) {
      const answer = await admin(target)
      assert.deepEqual([answer.status, answer.body], [200, body])
      assert.match(answer.headers['content-type']!, /^text\/plain/)
    }
  })

  test('answers for its own hosts only', async () => {
    for (const host of ['localhost', 'LOCALHOST', `localhost:${server.ports.admin}`, '127.0.0.1', '[::1]:1']) {
      assert.equal((await admin('/livez', { host })).status, 200, host)
    }
    for (const host of [
      'example.org',
      'localhost.example.org',
      'localhost.',
      '127.0.0.2',
      '',
      '[::1]x',
      'localhost, example.org',
    ]) {
      for (const target of ['/livez', '/readyz', '/metrics', '/nothing']) {
        const answer = await admin(target, { host })
        assert.deepEqual([answer.status, codeOf(answer)], [403, 'unknown-host'], `${target} of ${host}`)
      }
    }
  })

  test('answers GET only, and holds no data and no pages', async () => {
    for (const method of ['HEAD', 'POST', 'DELETE', 'OPTIONS']) {
      const answer = await admin('/livez', { method })
      assert.deepEqual([answer.status, answer.headers.allow], [405, 'GET'], method)
    }
    for (const target of ['/', '/sessions/v1/a', '/healthz', '/docs', '/openapi.json', '/livez/', '/%ff']) {
      const answer = await admin(target)
      assert.deepEqual([answer.status, codeOf(answer)], [404, 'no-such-path'], target)
    }
  })
})

describe("Kask's metrics", () => {
  const BOUNDS = ['0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '+Inf']
  const scrape = async () => {
    const { body } = await admin('/metrics')
    const samples = [...body.matchAll(/^([a-z_]+)\{(.*)\} (\S+)$/gm)].map(([, name, labels, value]) => ({
      name: name!,
      labels: Object.fromEntries(
        [...labels!.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, label, text]) => [label!, text!]),
      ),
      value: Number(value),
    }))
    return { body, samples }
  }

  test('have its names, its types and exactly its labels', async () => {
    await server.client().get('/sessions/v1/metrics')
    const { body, samples } = await scrape()
    for (const [name, type, labels] of [
      ['http_requests_total', 'counter', 'code,method'],
      ['http_request_duration_seconds', 'histogram', 'code,method'],
      ['kask_build_info', 'gauge', 'build_date,build_host,go_version,version'],
    ] as const) {
      assert.match(body, new RegExp(`^# TYPE ${name} ${type}$`, 'm'))
      const own = samples.filter((sample) => sample.name.replace(/_(bucket|sum|count)$/, '') === name)
      assert.ok(own.length > 0)
      for (const sample of own) {
        const { le, ...rest } = sample.labels
        assert.equal(Object.keys(rest).sort().join(), labels)
        assert.equal(le !== undefined, sample.name.endsWith('_bucket'))
      }
    }
    const [build, ...more] = samples.filter(({ name }) => name === 'kask_build_info')
    assert.deepEqual([build!.labels, build!.value, more], [KASK_BODY, 1, []])
    const buckets = samples.filter(({ name, labels: { code, method } }) => {
      return name === 'http_request_duration_seconds_bucket' && code === '404' && method === 'GET'
    })
    assert.deepEqual(
      buckets.map(({ labels }) => labels.le),
      BOUNDS,
    )
  })

  test('count each request once, and no client can make a label', async () => {
    const figures = async () => {
      const { samples } = await scrape()
      const of = (name: string) => samples.filter((sample) => sample.name === name)
      const series = (sample: (typeof samples)[number]) => `${sample.labels.code} ${sample.labels.method}`
      return {
        requests: new Map(of('http_requests_total').map((sample) => [series(sample), sample.value])),
        durations: new Map(of('http_request_duration_seconds_count').map((sample) => [series(sample), sample.value])),
      }
    }
    const client = server.client()
    const before = await figures()
    const key = '/sessions/v1/never-a-label'
    await client.put(key, 'value')
    for (let i = 0; i < 3; i++) await client.get(key)
    await client.delete(key)
    await client.delete(key)
    await client.put(key, 'value')
    for (const method of ['PATCH', 'PROPFIND', 'TRACE']) await client.ask(method, key)
    const after = await figures()
    for (const [series, count] of Object.entries({
      '201 PUT': 1,
      '200 GET': 3,
      '204 DELETE': 2,
      '409 PUT': 1,
      '405 other': 3,
    })) {
      for (const what of ['requests', 'durations'] as const) {
        assert.equal((after[what].get(series) ?? 0) - (before[what].get(series) ?? 0), count, `${what} ${series}`)
      }
    }
    const methods = new Set([...after.requests.keys()].map((series) => series.split(' ')[1]))
    assert.ok([...methods].every((method) => ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'other'].includes(method!)))
    assert.ok(!(await scrape()).body.includes('never-a-label'))
  })
})
