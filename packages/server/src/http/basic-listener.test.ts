import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { BASIC, STORES, startServer, type TestServerOptions, Wire } from '../../test/store-server.ts'

describe('the basic listener', () => {
  const good = { Authorization: BASIC }
  const wrong = { Authorization: `Basic ${Buffer.from('legacy:wrong').toString('base64')}` }

  async function start(t: TestContext, options: TestServerOptions = {}) {
    const server = await startServer({ basic: true, stores: STORES.slice(0, 1), ...options })
    t.after(() => server.close())
    return {
      ...server,
      open: async (from?: { localAddress: string }) => {
        const wire = await Wire.open(server.port, '', from)
        t.after(() => wire.destroy())
        return wire
      },
    }
  }

  it('wants a secret for everything, tells nothing without it, and closes', async (t) => {
    const basic = await start(t)
    for (const headers of [undefined, wrong, { Authorization: 'Bearer x' }]) {
      for (const target of ['/sessions/v1/k', '/unknown', '/healthz', '/docs']) {
        const wire = await basic.open()
        const answer = await wire.request('GET', target, headers).answer()
        assert.equal(answer.status, 401)
        assert.equal(answer.headers['www-authenticate'], 'Basic realm="holdfast", charset="UTF-8"')
        assert.equal(answer.headers.connection, 'close')
        assert.match(answer.body.toString(), /Kask\/errors\/not_authorized"/)
        await wire.closed()
      }
    }
    assert.ok(basic.audit.some(({ event, rule }) => event === 'request-refused' && rule === 'bad-secret'))
    assert.ok(basic.audit.some(({ event, rule }) => event === 'request-refused' && rule === 'no-secret'))
    const wire = await basic.open()
    assert.equal((await wire.request('PUT', '/sessions/v1/k', good, 'x').answer()).status, 201)
    assert.equal((await wire.request('GET', '/sessions/v1/k', good).answer()).body.toString(), 'x')
    assert.equal(basic.limits.connections, 1)
    assert.equal((await wire.request('GET', '/sessions/v1/k').answer()).status, 401, 'each request proves itself')
    await wire.closed()
  })

  it('holds few connections that prove nothing, half of them from one address, and none of them for long', async (t) => {
    const basic = await start(t, { handshakes: 4, timeouts: { head: 500 } })
    const proven = await Promise.all(Array.from({ length: 2 }, () => basic.open()))
    for (const wire of proven) assert.equal((await wire.request('GET', '/healthz', good).answer()).status, 200)
    const [silent, slow] = [await basic.open(), await basic.open()]
    slow.send('GET /healthz HTTP/1.1\r\nHost: h\r\n')
    await assert.rejects(basic.open(), 'one too many')
    assert.equal(basic.audit.at(-1)?.rule, 'too-many-handshakes')
    for (const wire of [...proven, await basic.open({ localAddress: '127.0.0.2' })]) {
      assert.equal((await wire.request('GET', '/healthz', good).answer()).status, 200, 'others are served')
    }
    for (const wire of [silent, slow]) {
      assert.equal((await wire.answer()).status, 408)
      await wire.closed()
    }
    // The server has seen it close once it lets the next one in.
    for (let i = 0; i < 5; i++) {
      const refused = await basic.open()
      assert.equal((await refused.request('GET', '/healthz', wrong).answer()).status, 401)
      await refused.closed()
    }
  })
})
