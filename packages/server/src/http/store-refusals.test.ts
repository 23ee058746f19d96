import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, describe, it } from 'node:test'
import { EngineStorageFull, EngineUnavailable, EngineUnconfirmed } from '@holdfast/engine'
import { ShakyEngine, STORES, startServer, Wire } from '../../test/store-server.ts'
import { MemoryEngine } from '../engines/memory/memory-engine.ts'

const server = await startServer()
after(() => server.close())
const wires = new Map<string, Wire>()
after(() => {
  for (const wire of wires.values()) wire.destroy()
})
afterEach(() => {
  server.engine.before = () => {}
})

/** Status and code of the answer to a caller. */
async function ask(
  caller: string,
  method: string,
  target: string,
  headers: Record<string, string> = {},
  body?: string | Buffer,
) {
  const wire = wires.get(caller) ?? (await Wire.open(server.port, caller))
  wires.set(caller, wire)
  const answer = await wire.request(method, target, headers, body).answer(method === 'HEAD')
  const code = answer.status < 300 || method === 'HEAD' ? '' : JSON.parse(answer.body.toString()).code
  return { ...answer, code }
}

let serial = 0
const fresh = (store = 'sessions') => `/${store}/v1/key-${++serial}`
const held = async () => {
  const target = fresh()
  assert.equal((await ask('all', 'PUT', target, {}, 'value')).status, 201)
  return target
}

describe('grants', () => {
  const take = { Prefer: 'return=representation' }
  const rows: [method: string, headers: Record<string, string>, callers: string[]][] = [
    ['GET', {}, ['reader']],
    ['HEAD', {}, ['reader']],
    ['PUT', {}, ['writer']],
    ['POST', {}, ['writer']],
    ['PUT', { 'If-None-Match': '*' }, []],
    ['PUT', { 'If-Match': '*' }, []],
    ['DELETE', {}, ['ender']],
    ['DELETE', take, []],
  ]
  for (const [method, headers, callers] of rows) {
    it(`${method} ${JSON.stringify(headers)} is for ${callers.join() || 'nobody'} with one right`, async () => {
      for (const caller of ['reader', 'writer', 'ender', 'nobody', 'faraway']) {
        const target = await held()
        const { status } = await ask(caller, method, target, headers, method.startsWith('P') ? 'other' : undefined)
        if (callers.includes(caller)) assert.ok(status < 300, `${caller}: ${status}`)
        else {
          assert.equal(status, 403, caller)
          const read = await ask('all', 'GET', target)
          assert.equal(read.body.toString(), 'value', `${caller} changed something`)
        }
      }
    })
  }

  it('are looked at after path and method, and before everything else', async () => {
    assert.equal((await ask('nobody', 'GET', '/unknown/v1/key')).status, 404)
    assert.equal((await ask('nobody', 'GET', '/sessions/v1/a/b')).status, 404)
    assert.equal((await ask('nobody', 'PATCH', fresh())).status, 405)
    assert.equal((await ask('nobody', 'GET', '/sessions/v1/%zz')).status, 403)
    assert.equal((await ask('nobody', 'GET', '/sessions/v1/a?b')).status, 403)
    assert.equal((await ask('nobody', 'PUT', fresh(), { 'Holdfast-TTL': 'x' }, 'x'.repeat(2000))).status, 403)
    assert.equal((await ask('reader', 'GET', fresh('echoseen'))).status, 403)
  })

  it('that are missing are audited with caller, store and rule, and never the key', async () => {
    const id = '8e03978e-40d5-43e8-bc93-6894a57f9324'
    server.audit.length = 0
    await ask('ender', 'GET', '/sessions/v1/a-secret-name', { 'X-Request-ID': id })
    await ask('faraway', 'PUT', '/echoseen/v1/a-secret-name', {}, 'x')
    const [first, second] = server.audit
    assert.deepEqual(
      { ...first, time: '' },
      {
        audit: true,
        time: '',
        event: 'request-refused',
        caller: 'spiffe://example.org/ender',
        rule: 'no-grant',
        store: 'sessions',
        operation: 'read',
        requestId: id,
      },
    )
    assert.equal(second?.rule, 'wrong-network')
    assert.ok(!JSON.stringify(server.audit).includes('a-secret-name'))
  })
})

describe('faults', () => {
  const failing = (call: string, error: Error) => {
    server.engine.before = (now) => {
      if (now === call) throw error
    }
  }
  const rows: [error: Error, code: string, after: string][] = [
    [new EngineUnavailable('x'), 'unavailable', '1'],
    [new EngineUnconfirmed('x'), 'unconfirmed', '1'],
    [new EngineStorageFull('x'), 'storage-full', '60'],
  ]
  for (const [error, code, after] of rows) {
    it(`${error.name} is 503 ${code}, and never a miss or a success`, async () => {
      const target = await held()
      const requests: [call: string, method: string, headers: Record<string, string>][] = [
        ['get', 'GET', {}],
        ['get', 'HEAD', {}],
        ['get', 'PUT', {}],
        ['put', 'PUT', {}],
        ['get', 'PUT', { 'If-Match': '*' }],
        ['put', 'PUT', { 'If-None-Match': '*' }],
        ['take', 'DELETE', { Prefer: 'return=representation' }],
        ['end', 'DELETE', {}],
      ]
      for (const [call, method, headers] of requests) {
        failing(call, error)
        const answer = await ask('all', method, target, headers, method === 'PUT' ? 'other' : undefined)
        assert.equal(answer.status, 503, `${call} of ${method}`)
        assert.equal(answer.headers['retry-after'], after)
        if (method !== 'HEAD') assert.equal(answer.code, code)
      }
    })
  }

  it('a fault of ours is 500, told to the operator, and the server goes on', async () => {
    failing('get', new TypeError('a mistake'))
    const answer = await ask('all', 'GET', fresh())
    assert.deepEqual([answer.status, answer.code], [500, 'server_error'])
    assert.equal((server.faults.pop() as Error).message, 'a mistake')
    server.engine.before = () => {}
    assert.equal((await ask('all', 'GET', fresh())).status, 404)
  })

  it('a record that does not open is 500 unreadable and audited; a write replaces it', async () => {
    const target = await held()
    const { get } = MemoryEngine.prototype
    const spoil = function (this: MemoryEngine, ...args: Parameters<typeof get>) {
      return get.apply(this, args).then((cell) => {
        if (typeof cell === 'string') return cell
        const sealed = Buffer.from(cell.sealed)
        sealed[sealed.length - 1]! ^= 1
        return { ...cell, sealed }
      })
    }
    server.engine.get = spoil
    server.audit.length = 0
    const answer = await ask('all', 'GET', target)
    const written = await ask('all', 'PUT', target, {}, 'value')
    server.engine.get = ShakyEngine.prototype.get
    assert.deepEqual([answer.status, answer.code], [500, 'unreadable'])
    const line = server.audit.find(({ event }) => event === 'unreadable')
    assert.deepEqual([line?.store, line?.cause, typeof line?.keyId], ['sessions', 'tag', 'number'])
    assert.equal(written.status, 201)
    assert.equal((await ask('all', 'GET', target)).status, 200)
  })

  it('an end that a datacenter could not confirm is 503 logout-pending, and audited as such', async () => {
    const target = await held()
    server.engine.end = async () => 'pending' as 'done'
    server.audit.length = 0
    const answer = await ask('all', 'DELETE', target)
    server.engine.end = ShakyEngine.prototype.end
    assert.deepEqual([answer.status, answer.code, answer.headers['retry-after']], [503, 'logout-pending', '5'])
    assert.deepEqual([server.audit[0]?.event, server.audit[0]?.outcome], ['ended', 'pending'])
  })

  it('every end is audited, with what came of it', async () => {
    server.audit.length = 0
    await ask('all', 'DELETE', await held())
    failing('end', new EngineUnconfirmed('x'))
    await ask('all', 'DELETE', fresh())
    server.engine.before = () => {}
    await ask('all', 'DELETE', await held(), { Prefer: 'return=representation' })
    assert.deepEqual(
      server.audit.map(({ event, caller, store, cause, outcome }) => [event, caller, store, cause, outcome]),
      [
        ['ended', 'spiffe://example.org/all', 'sessions', 'request', 'done'],
        ['ended', 'spiffe://example.org/all', 'sessions', 'request', 'unconfirmed'],
        ['taken', 'spiffe://example.org/all', 'sessions', 'request', 'done'],
      ],
    )
  })
})

describe('bodies', () => {
  it('of any size come back byte for byte', async (t) => {
    const big = await startServer({ stores: [{ ...STORES[0]!, maxValue: 70_000 }], limits: { bodyBytes: 1e6 } })
    t.after(() => big.close())
    const wire = await Wire.open(big.port)
    t.after(() => wire.destroy())
    for (const size of [1, 255, 16_383, 16_384, 16_385, 50_000]) {
      const value = randomBytes(size)
      assert.equal((await wire.request('PUT', `/sessions/v1/${size}`, {}, value).answer()).status, 201)
      assert.deepEqual((await wire.request('GET', `/sessions/v1/${size}`).answer()).body, value)
    }
  })

  it('have up to the limit of the store, declared or chunked', async () => {
    const chunked = (bytes: number) =>
      `PUT ${fresh()} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n` +
      `${Math.ceil(bytes / 2).toString(16)}\r\n${'a'.repeat(Math.ceil(bytes / 2))}\r\n` +
      `${Math.floor(bytes / 2).toString(16)}\r\n${'b'.repeat(Math.floor(bytes / 2))}\r\n0\r\n\r\n`
    const wire = await Wire.open(server.port)
    for (const bytes of [1, 1000]) {
      assert.equal((await ask('all', 'PUT', fresh(), {}, 'x'.repeat(bytes))).status, 201)
      if (bytes > 1) assert.equal((await wire.send(chunked(bytes)).answer()).status, 201)
    }
    const declared = await ask('all', 'PUT', fresh(), {}, 'x'.repeat(1001))
    assert.deepEqual([declared.status, declared.code], [413, 'value-too-large'])
    assert.equal((await wire.send(chunked(1001)).answer()).status, 413)
    assert.equal((await wire.request('GET', fresh()).answer()).status, 404, 'the connection goes on')
    wire.destroy()
    assert.equal(server.limits.bodyBytes, 0)
  })

  it('that are far too large are refused without being read, and the connection ends soon', async () => {
    const wire = await Wire.open(server.port)
    wire.send(`PUT ${fresh()} HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000000\r\n\r\nbegin`)
    assert.equal((await wire.answer()).status, 413)
    await wire.closed()
  })

  it('get a final status instead of 100 Continue if they will be refused', async () => {
    const rows: [caller: string, target: string, headers: string, status: number][] = [
      ['all', fresh(), 'Content-Length: 1001', 413],
      ['reader', fresh(), 'Content-Length: 10', 403],
      ['all', '/unknown/v1/x', 'Content-Length: 10', 404],
      ['all', fresh(), 'Content-Length: 10\r\nHoldfast-TTL: 0', 400],
    ]
    for (const [caller, target, headers, status] of rows) {
      const wire = await Wire.open(server.port, caller)
      wire.send(`PUT ${target} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n${headers}\r\n\r\n`)
      const answer = await wire.answer()
      assert.equal(answer.status, status)
      assert.equal(answer.headers.connection, 'close', 'or a body that still comes would be read as a request')
      await wire.closed()
    }
  })

  it('get 100 Continue at once otherwise', async () => {
    const wire = await Wire.open(server.port)
    wire.send(`PUT ${fresh()} HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n`)
    assert.equal((await wire.answer()).status, 100)
    wire.send('abc')
    assert.equal((await wire.answer()).status, 201)
    wire.send(`PUT ${fresh()} HTTP/1.1\r\nHost: h\r\nExpect: a-miracle\r\nContent-Length: 3\r\n\r\nabc`)
    const answer = await wire.answer()
    assert.deepEqual([answer.status, JSON.parse(answer.body.toString()).code], [400, 'bad-expectation'])
    wire.destroy()
  })

  it('in flight are bounded, and what does not fit is refused at once', async (t) => {
    const small = await startServer({ limits: { bodyBytes: 1500, bodyBytesPerCaller: 1000 } })
    t.after(() => small.close())
    const [slow, other, third] = await Promise.all(['all', 'all', 'writer'].map((name) => Wire.open(small.port, name)))
    slow!.send('PUT /sessions/v1/slow HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n')
    assert.equal((await slow!.answer()).status, 100)
    const refused = await other!.request('PUT', '/sessions/v1/k', {}, 'x').answer()
    assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1'])
    assert.equal((await third!.request('PUT', '/sessions/v1/k', {}, 'x'.repeat(500)).answer()).status, 201)
    assert.equal((await third!.request('PUT', '/sessions/v1/l', {}, 'x'.repeat(501)).answer()).status, 503)
    slow!.send('x'.repeat(1000))
    assert.equal((await slow!.answer()).status, 201)
    assert.equal((await other!.request('PUT', '/sessions/v1/m', {}, 'x').answer()).status, 201)
    assert.equal(small.limits.bodyBytes, 0)
    for (const wire of [slow, other, third]) wire!.destroy()
  })

  it('that never come give back what they took when the client goes', async () => {
    const wire = await Wire.open(server.port)
    wire.send(`PUT ${fresh()} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 900\r\n\r\n`)
    await wire.answer()
    assert.equal(server.limits.bodyBytes, 900)
    wire.destroy()
    const before = Date.now()
    while (server.limits.bodyBytes > 0 || server.limits.requests > 0) {
      assert.ok(Date.now() - before < 5000, 'it is still counted')
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
})
