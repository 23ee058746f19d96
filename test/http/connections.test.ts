/**
 * What happens on one connection: `100 Continue` at once or not at all, pipelined requests answered in their order,
 * connections kept for as long as the configuration says.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Site } from '../support/site.ts'
import type { Sender } from './case.ts'
import { doorOf, missing } from './drivers.ts'
import { head, Wire } from './wire.ts'

const site = await Site.make((draft) => {
  // However busy the machine: overload has tests of its own.
  draft.limits = { requestsSaturated: 1024 }
})
const server = await site.start()
after(async () => {
  await server.stop()
  site.remove()
})
const client = server.client()
const open = (as: Sender = 'all') => Wire.open(doorOf(server, as))
const MIB = 1024 * 1024

describe('Expect: 100-continue', () => {
  test('is answered before a byte of the body was sent', async (t) => {
    const wire = await open()
    t.after(() => wire.destroy())
    for (const round of [1, 2, 3]) {
      wire.send(head('PUT', '/sessions/v1/expected', 'Expect: 100-continue', 'Content-Length: 5'))
      await wire.continued(round)
      const { status } = await wire.send('value').answer()
      assert.equal(status, 201)
    }
    assert.equal((await client.get('/sessions/v1/expected')).body.toString(), 'value')
  })

  const refusals: [title: string, request: string, status: number, as?: Sender][] = [
    ['no such store', put('/nothing/v1/a'), 404],
    ['no key', put('/sessions/v1/'), 404],
    ['a method that is not served', head('PATCH', '/sessions/v1/a', 'Expect: 100-continue', 'Content-Length: 5'), 405],
    ['no grant', put('/sessions/v1/a'), 403, 'reader'],
    ['no secret', put('/sessions/v1/a'), 401, 'basic'],
    ['a query', put('/sessions/v1/a?b'), 400],
    ['a malformed key', put('/sessions/v1/%zz'), 400],
    ['a key that is too long', put(`/sessions/v1/${'k'.repeat(4097)}`), 400],
    ['a TTL that is too long', put('/sessions/v1/a', 'Holdfast-TTL: 86401'), 400],
    ['a condition that is malformed', put('/sessions/v1/a', 'If-Match: x'), 400],
    ['a condition in a store that is not atomic', put('/plain/v1/a', 'If-None-Match: *'), 400],
    [
      'a value that is too large by its own word',
      head('PUT', '/sessions/v1/a', 'Expect: 100-continue', `Content-Length: ${4 * MIB + 1}`),
      413,
    ],
    [
      'an expectation that nobody knows',
      head('PUT', '/sessions/v1/a', 'Expect: 102-processing', 'Content-Length: 5'),
      400,
    ],
  ]
  for (const [title, request, status, as] of refusals) {
    test(`${title} is refused without it, and without waiting for the body`, async (t) => {
      const wire = await open(as)
      t.after(() => wire.destroy())
      const answer = await wire.send(request).answer()
      assert.deepEqual([answer.status, wire.interim], [status, 0])
    })
  }

  function put(target: string, ...headers: string[]): string {
    return head('PUT', target, 'Expect: 100-continue', 'Content-Length: 5', ...headers)
  }

  test('curl, told to wait for it for ever, need not', { skip: missing('curl') }, async () => {
    const out = await curl(
      ['--expect100-timeout', '3600', '-H', 'Expect: 100-continue', '-X', 'PUT', '--data-binary', 'curl'],
      ['expected-by-curl'],
    )
    assert.equal(out, '201 1\n')
  })
})

/** `%{http_code} %{num_connects}` of each key in turn: whether a new connection was needed. */
async function curl(args: readonly string[], keys: readonly string[]): Promise<string> {
  const tls = ['ca', 'all', 'all-key'].map((name) => join(site.folder, `tls/${name}.pem`))
  const { stdout } = await promisify(execFile)('curl', [
    ...['-q', '--silent', '--show-error', '--noproxy', '*', '--max-time', '30'],
    ...['--cacert', tls[0]!, '--cert', tls[1]!, '--key', tls[2]!],
    ...['--write-out', '%{http_code} %{num_connects}\\n'],
    ...args,
    ...keys.flatMap((key) => ['--output', '/dev/null', `https://localhost:${server.ports.public}/sessions/v1/${key}`]),
  ])
  return stdout
}

describe('pipelined requests', () => {
  test('are answered in their order, slow ones and refusals alike', async (t) => {
    await client.put('/sessions/v1/here', 'here')
    await client.put('/sessions/v1/gone', 'gone')
    const wire = await open()
    t.after(() => wire.destroy())
    const requests: [request: string, status: number, body?: string][] = [
      [`${head('PUT', '/sessions/v1/new', 'Content-Length: 3')}new`, 201, ''],
      [head('GET', '/sessions/v1/here'), 200, 'here'],
      [head('GET', '/sessions/v1/here?'), 400],
      [head('DELETE', '/sessions/v1/gone'), 204, ''],
      [head('GET', '/nothing'), 404],
      [head('GET', '/healthz'), 200],
      [`${head('POST', '/echoseen/v1/new', 'Transfer-Encoding: chunked')}3\r\nnew\r\n0\r\n\r\n`, 201, ''],
      [head('PATCH', '/sessions/v1/here'), 405],
      [head('GET', '/sessions/v1/here'), 200, 'here'],
    ]
    for (const pieces of ['one', 'many']) {
      const bytes = requests
        .map(([request]) => request)
        .join('')
        .replaceAll('/v1/gone', `/v1/gone-${pieces}`)
        .replaceAll('/v1/new', `/v1/new-${pieces}`)
      if (pieces === 'one') wire.send(bytes)
      else for (let i = 0; i < bytes.length; i += 7) wire.send(bytes.slice(i, i + 7))
      for (const [request, status, body] of requests) {
        const answer = await wire.answer()
        assert.equal(answer.status, status, request.split('\r\n')[0])
        if (body !== undefined) assert.equal(answer.body, body)
      }
    }
  })

  test('hundreds of them, each with the answer to it', async (t) => {
    const wire = await open()
    t.after(() => wire.destroy())
    const numbers = Array.from({ length: 300 }, (_, index) => String(index))
    wire.send(numbers.map((n) => `${head('PUT', `/echoseen/v1/n${n}`, `Content-Length: ${n.length}`)}${n}`).join(''))
    for (const _ of numbers) assert.equal((await wire.answer()).status, 201)
    wire.send(numbers.map((n) => head('GET', `/echoseen/v1/n${n}`)).join(''))
    for (const n of numbers) assert.equal((await wire.answer()).body, n)
  })

  test('behind one that closes, none is obeyed', async (t) => {
    await client.put('/echoseen/v1/kept', 'kept')
    const wire = await open()
    t.after(() => wire.destroy())
    wire.send(head('GET', '/echoseen/v1/kept', 'Connection: close') + head('DELETE', '/echoseen/v1/kept'))
    const answer = await wire.answer()
    assert.deepEqual([answer.body, answer.headers.get('connection')], ['kept', 'close'])
    await wire.closed()
    assert.equal((await client.get('/echoseen/v1/kept')).status, 200)
  })
})

describe('connections', () => {
  test('are kept for minutes, through successes and refusals', async (t) => {
    const wire = await open()
    t.after(() => wire.destroy())
    for (const [request, status] of [
      [`${head('PUT', '/sessions/v1/keep', 'Content-Length: 1')}x`, 201],
      [head('GET', '/sessions/v1/keep'), 200],
      [head('GET', '/sessions/v1/none'), 404],
      [`${head('PUT', '/sessions/v1/keep', 'Content-Length: 1', 'Holdfast-TTL: 0')}x`, 400],
      [`${head('PATCH', '/sessions/v1/keep')}`, 405],
      [head('DELETE', '/sessions/v1/keep'), 204],
      [`${head('PUT', '/sessions/v1/keep', 'Content-Length: 1')}x`, 409],
    ] as const) {
      const { status: found, headers } = await wire.send(request).answer()
      assert.deepEqual(
        [found, headers.get('connection'), headers.get('keep-alive')],
        [status, 'keep-alive', 'timeout=300'],
      )
    }
  })

  test('curl asks three times on one', { skip: missing('curl') }, async () => {
    assert.equal(await curl([], ['a1', 'a2', 'a3']), '404 1\n404 0\n404 0\n')
  })

  test('are closed when the client wants that, and after HTTP/1.0', async (t) => {
    for (const request of [
      head('GET', '/sessions/v1/none', 'Connection: close'),
      'GET /sessions/v1/none HTTP/1.0\r\n\r\n',
    ]) {
      const wire = await open()
      t.after(() => wire.destroy())
      const answer = await wire.send(request).answer()
      assert.deepEqual([answer.status, answer.headers.get('connection')], [404, 'close'])
      await wire.closed()
    }
  })

  test('that are idle for longer than configured are closed, and slow requests get 408', async (t) => {
    const brief = await Site.make((draft) => {
      draft.timeouts = { keepAlive: '1s', request: '500ms', head: '500ms' }
    })
    t.after(() => brief.remove())
    const own = await brief.start()
    t.after(() => own.stop())
    const [idle, slow] = await Promise.all([Wire.open(doorOf(own, 'all')), Wire.open(doorOf(own, 'all'))])
    slow.send(`${head('PUT', '/sessions/v1/slow', 'Content-Length: 5')}slo`)
    const answer = await idle.send(head('GET', '/sessions/v1/none')).answer()
    const idleSince = performance.now()
    assert.equal(answer.headers.get('keep-alive'), 'timeout=1')
    const late = await slow.answer()
    assert.deepEqual([late.status, JSON.parse(late.body).code], [408, 'request-timeout'])
    await slow.closed()
    await idle.closed()
    assert.ok(performance.now() - idleSince >= 990)
  })
})
