import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { type ShakyEngine, startServer, type TestServerOptions, Wire } from '../../test/store-server.ts'

async function start(t: TestContext, options: TestServerOptions = {}) {
  const server = await startServer(options)
  t.after(() => server.close())
  return {
    ...server,
    open: async (name = 'all') => {
      const wire = await Wire.open(server.port, name)
      t.after(() => wire.destroy())
      return wire
    },
  }
}

const get = (target: string, headers = '') => `GET ${target} HTTP/1.1\r\nHost: h\r\n${headers}\r\n`
const codeOf = (answer: { body: Buffer }) => JSON.parse(answer.body.toString()).code

/** From now on reads wait until they are let go, in any order. */
function gate(engine: ShakyEngine) {
  const waiting: (() => void)[] = []
  let arrived = () => {}
  engine.before = (call) => {
    if (call !== 'get') return
    return new Promise<void>((resolve) => {
      waiting.push(resolve)
      arrived()
    })
  }
  /** Resolves when so many reads wait. */
  const gathered = async (count: number) => {
    while (waiting.length < count) {
      await new Promise<void>((resolve) => {
        arrived = resolve
      })
    }
  }
  return { waiting, gathered }
}

describe('pipelining', () => {
  it('answers in the order of the requests, whatever order they are found in', async (t) => {
    const server = await start(t)
    const { waiting, gathered } = gate(server.engine)
    const wire = await server.open()
    wire.send(
      `${get('/sessions/v1/a')}${get('/unknown')}HEAD /sessions/v1/b HTTP/1.1\r\nHost: h\r\n\r\n${get('/sessions/v1/a?')}`,
    )
    await gathered(2)
    waiting[1]!()
    waiting[0]!()
    assert.equal(codeOf(await wire.answer()), 'not_found')
    assert.equal(codeOf(await wire.answer()), 'no-such-path')
    assert.equal((await wire.answer(true)).status, 404)
    assert.equal(codeOf(await wire.answer()), 'query-string')
  })

  it('answers hundreds of requests sent at once', async (t) => {
    const server = await start(t)
    const wire = await server.open()
    const puts = Array.from(
      { length: 300 },
      (_, i) => `PUT /echoseen/v1/${i} HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n${String(i).padStart(3, '0')}`,
    )
    wire.send(puts.join(''))
    for (let i = 0; i < 300; i++) assert.equal((await wire.answer()).status, 201)
    wire.send(Array.from({ length: 300 }, (_, i) => get(`/echoseen/v1/${i}`)).join(''))
    for (let i = 0; i < 300; i++) assert.equal(Number((await wire.answer()).body), i)
  })
})

describe('broken framing', () => {
  const rows: [title: string, bytes: string, status: number, code: string][] = [
    ['a method that nobody knows', 'FOO / HTTP/1.1\r\nHost: h\r\n\r\n', 400, 'bad_request'],
    ['no HTTP at all', '\x00\x01\x02\x03\r\n\r\n', 400, 'bad_request'],
    ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'bad_request'],
    ['a space in a header name', get('/sessions/v1/a', 'X Y: z\r\n'), 400, 'bad_request'],
    ['a bare line feed', 'GET /sessions/v1/a HTTP/1.1\nHost: h\n\n', 400, 'bad_request'],
    [
      'length and chunks',
      get('/sessions/v1/a', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n'),
      400,
      'bad_request',
    ],
    ['two lengths', get('/sessions/v1/a', 'Content-Length: 3\r\nContent-Length: 4\r\n'), 400, 'bad_request'],
    ['a byte above ASCII in the target', get('/sessions/v1/\xff'), 400, 'bad_request'],
    ['no Host', 'GET /sessions/v1/a HTTP/1.1\r\n\r\n', 400, 'bad_request'],
    ['a tunnel', 'CONNECT example.org:443 HTTP/1.1\r\nHost: h\r\n\r\n', 400, 'bad_request'],
    ['a head that is too large', get('/sessions/v1/a', `X: ${'x'.repeat(17_000)}\r\n`), 431, 'head-too-large'],
  ]
  for (const [title, bytes, status, code] of rows) {
    it(`${title} is ${status}`, async (t) => {
      const server = await start(t)
      const wire = await server.open()
      const answer = await wire.send(bytes).answer()
      assert.equal(answer.status, status)
      assert.equal(codeOf(answer), code)
      assert.equal(answer.headers['content-type'], 'application/problem+json')
      if (title !== 'no Host') {
        assert.equal(answer.headers.connection, 'close')
        await wire.closed()
      }
    })
  }

  it('waits for the answers that are owed', async (t) => {
    const server = await start(t)
    const { waiting, gathered } = gate(server.engine)
    const wire = await server.open()
    wire.send(`${get('/sessions/v1/a')}${get('/sessions/v1/b')}BROKEN\r\n\r\n`)
    await gathered(2)
    waiting[1]!()
    waiting[0]!()
    assert.deepEqual([await wire.answer(), await wire.answer(), await wire.answer()].map(codeOf), [
      'not_found',
      'not_found',
      'bad_request',
    ])
    await wire.closed()
  })

  it('within a body is the answer to its request', async (t) => {
    const server = await start(t)
    const wire = await server.open()
    wire.send('PUT /sessions/v1/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n')
    wire.send('not a chunk\r\n')
    const answer = await wire.answer()
    assert.deepEqual([answer.status, answer.headers.connection, codeOf(answer)], [400, 'close', 'bad_request'])
    await wire.closed()
    assert.equal(server.limits.requests, 0)
  })

  it('keeps more headers than node would, so that no condition is lost', async (t) => {
    const server = await start(t)
    const wire = await server.open()
    await wire.request('PUT', '/echoseen/v1/k', {}, 'x').answer()
    const many = 'a:\r\n'.repeat(3000)
    wire.send(`PUT /echoseen/v1/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n${many}If-None-Match: *\r\n\r\ny`)
    assert.equal((await wire.answer()).status, 412)
  })

  it('obeys nothing behind a body that should not be there', async (t) => {
    const server = await start(t)
    const wire = await server.open()
    await wire.request('PUT', '/sessions/v1/k', {}, 'x').answer()
    const hidden = 'DELETE /sessions/v1/k HTTP/1.1\r\nHost: h\r\n\r\n'
    wire.send(`${get('/sessions/v1/k', 'Content-Length: 5\r\n')}12345${hidden}`)
    const answer = await wire.answer()
    assert.deepEqual([answer.status, answer.headers.connection, answer.body.toString()], [200, 'close', 'x'])
    await wire.closed()
    const other = await server.open()
    assert.equal((await other.request('GET', '/sessions/v1/k').answer()).status, 200)
  })
})

describe('slow clients', () => {
  it('get 408 for a head or a body that does not come, and are closed', async (t) => {
    const server = await start(t, { timeouts: { head: 300, request: 600 } })
    const [head, body, silent] = await Promise.all([server.open(), server.open(), server.open()])
    head.send('GET /sessions/v1/a HTTP/1.1\r\nHo')
    body.send('PUT /sessions/v1/a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc')
    for (const [name, wire] of Object.entries({ head, body, silent })) {
      const answer = await wire.answer()
      assert.deepEqual(
        [answer.status, answer.headers.connection, codeOf(answer)],
        [408, 'close', 'request-timeout'],
        name,
      )
      await wire.closed()
    }
    assert.equal(server.limits.requests, 0)
  })

  it('may be idle between requests for as long as keep-alive says', async (t) => {
    const server = await start(t, { timeouts: { head: 200, request: 200, keepAlive: 60_000 } })
    const wire = await server.open()
    const first = await wire.request('GET', '/sessions/v1/a').answer()
    assert.equal(first.headers['keep-alive'], 'timeout=60')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    assert.equal((await wire.request('GET', '/sessions/v1/a').answer()).status, 404)
  })
})

describe('limits', () => {
  it('refuse a request too many at once, by caller and in all, and count nothing twice', async (t) => {
    const server = await start(t, { limits: { requests: 3, requestsPerCaller: 2 } })
    const { waiting, gathered } = gate(server.engine)
    const wires = await Promise.all(['all', 'all', 'all', 'reader', 'reader'].map((name) => server.open(name)))
    wires[0]!.send(get('/sessions/v1/a'))
    wires[1]!.send(get('/sessions/v1/a'))
    await gathered(2)
    const third = await wires[2]!.send(get('/sessions/v1/a')).answer()
    assert.deepEqual([third.status, codeOf(third), third.headers['retry-after']], [503, 'overloaded', '1'])
    assert.equal(third.headers.connection, 'keep-alive')
    wires[3]!.send(get('/sessions/v1/a'))
    await gathered(3)
    assert.equal((await wires[4]!.send(get('/sessions/v1/a')).answer()).status, 503)
    assert.equal((await wires[4]!.send(get('/healthz')).answer()).status, 503)
    for (const go of waiting) go()
    for (const wire of [wires[0]!, wires[1]!, wires[3]!]) assert.equal((await wire.answer()).status, 404)
    assert.equal(server.limits.requests, 0)
    server.engine.before = () => {}
    assert.equal((await wires[2]!.send(get('/sessions/v1/a')).answer()).status, 404)
  })

  it('tell a connection too many so, and close it', async (t) => {
    const server = await start(t, { limits: { connections: 3, connectionsPerCaller: 2 } })
    const first = await server.open()
    await server.open()
    const third = await server.open()
    const refused = await third.send(get('/sessions/v1/a')).answer()
    assert.deepEqual([refused.status, codeOf(refused), refused.headers.connection], [503, 'overloaded', 'close'])
    await third.closed()
    assert.equal((await first.send(get('/sessions/v1/a')).answer()).status, 404)
    first.destroy()
    await server.open('reader')
    while (server.limits.connections > 2) await new Promise((resolve) => setImmediate(resolve))
    const again = await server.open()
    assert.equal((await again.send(get('/sessions/v1/a')).answer()).status, 404)
  })
})

describe('draining', () => {
  it('finishes what is in flight, closes what is idle, and takes nothing new', async (t) => {
    const server = await start(t)
    const { waiting, gathered } = gate(server.engine)
    const [idle, unused, busy] = await Promise.all([server.open(), server.open(), server.open()])
    const piped = await Promise.all([server.open(), server.open()])
    await idle.send(get('/unknown')).answer()
    busy.send(get('/sessions/v1/a'))
    // The newer request is answered first, and waits behind the older.
    piped[0].send(`${get('/sessions/v1/a')}${get('/unknown')}`)
    piped[1].send(`${get('/sessions/v1/a')}${get('/sessions/v1/a?')}`)
    await gathered(3)
    await new Promise((resolve) => setImmediate(resolve))
    const drained = server.listener.drain(60_000)
    await idle.closed()
    await unused.closed()
    await assert.rejects(server.open())
    for (const go of waiting) go()
    const answer = await busy.answer()
    assert.deepEqual([answer.status, answer.headers.connection], [404, 'close'])
    await busy.closed()
    for (const wire of piped) {
      await wire.answer()
      await wire.answer()
      await wire.closed()
    }
    await drained
  })

  it('cuts what is not finished in time', async (t) => {
    const server = await start(t)
    const { gathered } = gate(server.engine)
    const wire = await server.open()
    wire.send(get('/sessions/v1/a'))
    await gathered(1)
    await server.listener.drain(100)
    await wire.closed()
  })
})
