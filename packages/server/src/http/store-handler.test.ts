import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { startServer, Wire } from '../../test/store-server.ts'

const server = await startServer()
after(() => server.close())
const wire = await Wire.open(server.port)
after(() => wire.destroy())

const ask = (method: string, target: string, headers: Record<string, string> = {}, body?: string | Buffer) =>
  wire.request(method, target, headers, body).answer(method === 'HEAD')
const status = async (...request: Parameters<typeof ask>) => (await ask(...request)).status

let serial = 0
const fresh = () => `/sessions/v1/key-${++serial}`
/** The target of a key that holds a value. */
const held = async (value = 'value') => {
  const key = fresh()
  assert.equal(await status('PUT', key, {}, value), 201)
  return key
}

describe("Kask's requests", () => {
  it('writes, reads and ends, with its statuses and headers', async () => {
    const key = fresh()
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    for (const method of ['PUT', 'POST']) {
      const written = await ask(method, key, { 'Content-Type': 'text/plain' }, bytes)
      assert.equal(written.status, 201)
      assert.equal(written.headers['content-length'], '0')
      assert.equal(written.headers['content-type'], undefined)
    }
    const read = await ask('GET', key)
    assert.equal(read.status, 200)
    assert.equal(read.headers['content-type'], 'application/octet-stream')
    assert.equal(read.headers['content-length'], '256')
    assert.equal(read.headers.connection, 'keep-alive')
    assert.deepEqual(read.body, bytes)
    const ended = await ask('DELETE', key)
    assert.equal(ended.status, 204)
    assert.equal(ended.headers['content-length'], undefined)
    assert.equal(await status('GET', key), 404)
    assert.equal(await status('DELETE', key), 204)
    assert.equal(await status('DELETE', fresh()), 204)
  })

  it('takes what RESTBagOStuff sends: content-length 0 on GET and DELETE, escapes, 100-continue', async () => {
    const target = '/sessions/v1/enwiki%3AMWSession%3A0123'
    wire.send(
      `PUT ${target} HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nExpect: 100-continue\r\nContent-Length: 13\r\n\r\nJSON..{"a":1}`,
    )
    assert.equal((await wire.answer()).status, 100)
    assert.equal((await wire.answer()).status, 201)
    const read = await ask('GET', target, { 'Content-Length': '0' })
    assert.deepEqual([read.status, read.body.toString()], [200, 'JSON..{"a":1}'])
    assert.equal(read.headers.connection, 'keep-alive')
    assert.equal(await status('DELETE', target, { 'Content-Length': '0' }), 204)
  })

  it('answers HEAD as GET without the value', async () => {
    const key = await held('four')
    const [head, get] = [await ask('HEAD', key), await ask('GET', key)]
    assert.equal(head.status, 200)
    assert.deepEqual({ ...head.headers, date: '' }, { ...get.headers, date: '' })
    const missing = await ask('HEAD', fresh())
    assert.equal(missing.status, 404)
    assert.ok(Number(missing.headers['content-length']) > 100)
  })

  it('answers its problems with its words, in its order, and never with the path', async () => {
    const id = '8e03978e-40d5-43e8-bc93-6894a57f9324'
    const missing = await ask('GET', '/sessions/v1/a-secret-name', { 'X-Request-ID': id })
    assert.equal(missing.headers['content-type'], 'application/problem+json')
    assert.equal(missing.headers['x-content-type-options'], 'nosniff')
    assert.equal(
      missing.body.toString(),
      `{
  "type": "https://www.mediawiki.org/wiki/Kask/errors/not_found",
  "title": "Not found",
  "detail": "The value you requested was not found",
  "instance": "urn:uuid:${id}",
  "code": "not_found",
  "status": 404
}
`,
    )
    for (const [method, target, code] of [
      ['PUT', fresh(), 'empty-body'],
      ['GET', `${fresh()}?x=1`, 'query-string'],
    ] as const) {
      const answer = await ask(method, target, {}, '')
      const { type, title, detail, status, ...rest } = JSON.parse(answer.body.toString())
      assert.deepEqual(
        { type, title, detail, status, code: rest.code },
        {
          type: 'https://www.mediawiki.org/wiki/Kask/errors/bad_request',
          title: 'Bad request',
          detail: 'The request was incorrect or malformed',
          status: 400,
          code,
        },
      )
      assert.match(rest.instance, /^urn:uuid:[0-9a-f-]{36}$/)
    }
  })

  it('uses a request id only if it is a UUID', async () => {
    for (const bad of ['mine', 'x'.repeat(36), '8e03978e-40d5-43e8-bc93-6894a57f93244']) {
      const { body } = await ask('GET', fresh(), { 'X-Request-ID': bad })
      assert.match(JSON.parse(body.toString()).instance, /^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      assert.ok(!body.includes(bad))
    }
  })

  it('refuses a write without a value, and any query', async () => {
    const key = await held()
    assert.equal(await status('PUT', key), 400)
    assert.equal(await status('POST', key, {}, ''), 400)
    wire.send(`PUT ${key} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)
    assert.equal((await wire.answer()).status, 400)
    for (const query of ['?', '?a', '?a=/b', '??']) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        assert.equal(await status(method, key + query, {}, method === 'PUT' ? 'x' : undefined), 400, method + query)
      }
    }
    assert.equal((await ask('GET', key)).body.toString(), 'value')
  })

  it('answers other methods with 405 and Allow', async () => {
    for (const method of ['PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY']) {
      const answer = await ask(method, fresh())
      assert.equal(answer.status, 405)
      assert.equal(answer.headers.allow, 'GET, HEAD, PUT, POST, DELETE')
      assert.equal(JSON.parse(answer.body.toString()).code, 'method-not-allowed')
    }
  })
})

describe('keys', () => {
  it('may hold any byte, and are never normalised', async () => {
    const targets = [
      '%ff',
      '%00',
      '.',
      '..',
      '%2e',
      'a%2Fb',
      '%2F',
      '%253A',
      '%3F',
      'a+b',
      '%20',
      '#',
      '%E9',
      '~!$&()*,;=:@|',
    ]
    const values = new Map<string, string>()
    for (const [index, target] of targets.entries()) {
      assert.equal(await status('PUT', `/echoseen/v1/${target}`, {}, `value ${index}`), 201, target)
      values.set(target, `value ${index}`)
    }
    values.set('.', 'value 4') // %2e is the same byte.
    for (const [target, value] of values) {
      const answer = await ask('GET', `/echoseen/v1/${target}`)
      assert.equal(answer.status, 200, target)
      assert.equal(answer.body.toString(), value, target)
    }
    assert.equal(await status('GET', '/echoseen/v1/%C3%A9'), 404, 'é is two bytes in UTF-8 and one in latin1')
  })

  it('have up to 4,096 bytes, escaped or not', async () => {
    for (const one of ['a', '%61']) {
      assert.equal(await status('PUT', `/echoseen/v1/${one.repeat(4096)}`, {}, 'long'), 201)
      const answer = await ask('GET', `/echoseen/v1/${one.repeat(4097)}`)
      assert.equal(answer.status, 400)
      assert.equal(JSON.parse(answer.body.toString()).code, 'key-too-long')
    }
  })

  it('need whole escapes', async () => {
    for (const raw of ['%', '%4', '%zz', 'a%']) {
      const answer = await ask('GET', `/sessions/v1/${raw}`)
      assert.equal(answer.status, 400)
      assert.equal(JSON.parse(answer.body.toString()).code, 'malformed-key')
    }
  })
})

describe('targets', () => {
  it('name a store exactly, or nothing is there: never a redirect', async () => {
    for (const target of [
      '/',
      '/sessions',
      '/sessions/',
      '/sessions/v1',
      '/sessions/v1/',
      '/sessions/v1/?x',
      '/sessions/v2/key',
      '/sessions/v1x/key',
      '/sessions//v1/key',
      '//sessions/v1/key',
      '/./sessions/v1/key',
      '/x/../sessions/v1/key',
      '/Sessions/v1/key',
      '/session%73/v1/key',
      '/sessions/v1/a/b',
      '/sessions/v1//a',
      '/sessions/v1/a/',
      '/sessions/v1/../plain',
      '/unknown/v1/key',
      '/sessions/v1/%2F/x?y',
      '*',
    ]) {
      const answer = await ask('GET', target)
      assert.equal(answer.status, 404, target)
      const code = target.startsWith('/sessions/v1/') ? 'not_found' : 'no-such-path'
      assert.equal(JSON.parse(answer.body.toString()).code, code, target)
    }
  })

  it('may be absolute', async () => {
    const key = await held('absolute')
    assert.equal((await ask('GET', `https://elsewhere.example:1${key}`)).body.toString(), 'absolute')
    assert.equal(await status('GET', 'https://elsewhere.example'), 404)
  })

  it('may have a base path', async (t) => {
    const based = await startServer({ base: '/kv/store/' })
    t.after(() => based.close())
    const other = await Wire.open(based.port)
    t.after(() => other.destroy())
    assert.equal((await other.request('PUT', '/kv/store/sessions/v1/k', {}, 'x').answer()).status, 201)
    assert.equal((await other.request('GET', '/kv/store/sessions/v1/k').answer()).status, 200)
    assert.equal((await other.request('GET', '/sessions/v1/k').answer()).status, 404)
  })
})
