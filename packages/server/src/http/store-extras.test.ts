import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { startServer, Wire } from '../../test/store-server.ts'

const server = await startServer()
after(() => server.close())
const wire = await Wire.open(server.port)
after(() => wire.destroy())

const ask = (method: string, target: string, headers: Record<string, string> = {}, body?: string | Buffer) =>
  wire.request(method, target, headers, body).answer(method === 'HEAD')
const code = async (...request: Parameters<typeof ask>) => {
  const answer = await ask(...request)
  return answer.status < 300 ? answer.status : JSON.parse(answer.body.toString()).code
}
const read = async (target: string) => (await ask('GET', target)).body.toString()

let serial = 0
const fresh = (store = 'sessions') => `/${store}/v1/key-${++serial}`
const held = async (store = 'sessions', value = 'value') => {
  const target = fresh(store)
  const { status, headers } = await ask('PUT', target, {}, value)
  assert.equal(status, 201)
  return { target, etag: headers.etag! }
}

describe('Holdfast-TTL', () => {
  it('sets the life of a value, and tells what remains of it', async () => {
    const target = fresh()
    assert.equal(await code('PUT', target, { 'Holdfast-TTL': '60' }, 'x'), 201)
    for (const method of ['GET', 'HEAD']) {
      const remaining = Number((await ask(method, target)).headers['holdfast-ttl'])
      assert.ok(remaining === 60 || remaining === 59, String(remaining))
    }
    const { target: plain } = await held()
    assert.ok(Number((await ask('GET', plain)).headers['holdfast-ttl']) >= 86_399)
  })

  it('ends the value', async () => {
    const target = fresh()
    const before = Date.now()
    await ask('PUT', target, { 'Holdfast-TTL': '1' }, 'x')
    assert.equal(await code('GET', target), 200)
    while ((await code('GET', target)) === 200) assert.ok(Date.now() < before + 5000, 'it never ended')
    assert.ok(Date.now() - before >= 1000)
  })

  it("is refused outside 1 to the store's maximum, and changes nothing then", async () => {
    const { target } = await held()
    for (const bad of ['0', '86401', '-1', '1.0', 'x', '']) {
      assert.equal(await code('PUT', target, { 'Holdfast-TTL': bad }, 'other'), 'bad-ttl', bad)
    }
    assert.equal(await read(target), 'value')
    assert.equal(await code('PUT', fresh(), { 'Holdfast-TTL': '86400' }, 'x'), 201)
  })
})

describe('conditions', () => {
  it('write only if nothing is there', async () => {
    const target = fresh('echoseen')
    assert.equal(await code('PUT', target, { 'If-None-Match': '*' }, 'first'), 201)
    assert.equal(await code('PUT', target, { 'If-None-Match': '*' }, 'second'), 'precondition-failed')
    assert.equal(await read(target), 'first')
    await ask('DELETE', target)
    assert.equal(await code('PUT', target, { 'If-None-Match': '*' }, 'third'), 201)
  })

  it('write only over the value that was read', async () => {
    const { target, etag } = await held()
    assert.equal((await ask('GET', target)).headers.etag, etag)
    const second = await ask('PUT', target, { 'If-Match': etag }, 'second')
    assert.equal(second.status, 201)
    assert.notEqual(second.headers.etag, etag)
    assert.equal(await code('PUT', target, { 'If-Match': etag }, 'lost'), 'precondition-failed')
    const list = `"no", W/${second.headers.etag}, ${second.headers.etag}`
    assert.equal(await code('PUT', target, { 'If-Match': list }, 'third'), 201)
    assert.equal(await read(target), 'third')
  })

  it('compare strongly: a weak tag never matches', async () => {
    const { target, etag } = await held()
    assert.equal(await code('PUT', target, { 'If-Match': `W/${etag}` }, 'x'), 'precondition-failed')
  })

  it('write only if something is there', async () => {
    const target = fresh('echoseen')
    assert.equal(await code('PUT', target, { 'If-Match': '*' }, 'x'), 'precondition-failed')
    assert.equal(await code('GET', target), 'not_found')
    await ask('PUT', target, {}, 'x')
    assert.equal(await code('PUT', target, { 'If-Match': '*' }, 'y'), 201)
  })

  it('let one of many concurrent writers win', async () => {
    const { target, etag } = await held()
    const wires = await Promise.all(Array.from({ length: 10 }, () => Wire.open(server.port)))
    const answers = await Promise.all(
      wires.map((one, i) => one.request('PUT', target, { 'If-Match': etag }, `winner ${i}`).answer()),
    )
    for (const one of wires) one.destroy()
    const winners = answers.flatMap(({ status }, i) => (status === 201 ? [i] : []))
    assert.equal(winners.length, 1)
    assert.ok(answers.every(({ status }) => status === 201 || status === 412))
    assert.equal(await read(target), `winner ${winners[0]}`)
  })

  it('are refused where the store is not atomic, where they are malformed, and on DELETE', async () => {
    assert.equal(await code('PUT', fresh('plain'), { 'If-None-Match': '*' }, 'x'), 'not-atomic')
    assert.equal(await code('PUT', fresh('plain'), { 'If-Match': '"x"' }, 'x'), 'not-atomic')
    assert.equal(await code('PUT', fresh(), { 'If-None-Match': '"x"' }, 'x'), 'bad-condition')
    assert.equal(await code('PUT', fresh(), { 'If-Match': 'x' }, 'x'), 'bad-condition')
    const { target, etag } = await held()
    assert.equal(await code('DELETE', target, { 'If-Match': etag }), 'condition-on-delete')
    assert.equal(await code('DELETE', target, { 'If-None-Match': '*' }), 'condition-on-delete')
    assert.equal(await read(target), 'value')
  })

  it('do not exist for reads: GET never answers 304 or 412', async () => {
    const { target, etag } = await held()
    for (const headers of [{ 'If-None-Match': etag }, { 'If-None-Match': '*' }, { 'If-Match': '"other"' }]) {
      assert.equal(await code('GET', target, headers), 200)
    }
  })
})

describe('an ended key', () => {
  it('refuses every write in a final store, and ended wins over a failed condition', async () => {
    const { target, etag } = await held()
    await ask('DELETE', target)
    for (const headers of [{}, { 'If-None-Match': '*' }, { 'If-Match': etag }, { 'If-Match': '*' }]) {
      const answer = await ask('PUT', target, headers, 'again')
      assert.equal(answer.status, 409)
      assert.equal(JSON.parse(answer.body.toString()).code, 'ended')
    }
    assert.equal(await code('GET', target), 'not_found')
    const never = fresh()
    assert.equal(await code('DELETE', never), 204)
    assert.equal(await code('PUT', never, {}, 'late'), 'ended')
  })

  it('may be written again in a reusable store', async () => {
    const { target } = await held('echoseen')
    await ask('DELETE', target)
    assert.equal(await code('PUT', target, {}, 'again'), 201)
    assert.equal(await read(target), 'again')
  })
})

describe('take', () => {
  const take = { Prefer: 'return=representation' }

  it('answers the value exactly once, and ends the key', async () => {
    const { target, etag } = await held('sessions', 'once')
    const taken = await ask('DELETE', target, take)
    assert.equal(taken.status, 200)
    assert.equal(taken.body.toString(), 'once')
    assert.equal(taken.headers['preference-applied'], 'return=representation')
    assert.equal(taken.headers.etag, etag)
    assert.equal(await code('DELETE', target, take), 'not_found')
    assert.equal(await code('PUT', target, {}, 'x'), 'ended')
  })

  it('gives one of many concurrent takers the value', async () => {
    const { target } = await held('echoseen')
    const wires = await Promise.all(Array.from({ length: 10 }, () => Wire.open(server.port)))
    const answers = await Promise.all(wires.map((one) => one.request('DELETE', target, take).answer()))
    for (const one of wires) one.destroy()
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(9).fill(404)])
  })

  it('needs an atomic store, and ends nothing in another', async () => {
    const { target } = await held('plain')
    assert.equal(await code('DELETE', target, take), 'not-atomic')
    assert.equal(await read(target), 'value')
    const ended = await ask('DELETE', target, { Prefer: 'return=minimal' })
    assert.equal(ended.status, 204)
    assert.equal(ended.headers['preference-applied'], undefined)
  })
})

describe('skipUnchanged', () => {
  const puts = async (act: () => Promise<unknown>) => {
    let count = 0
    server.engine.before = (call) => {
      if (call === 'put') count++
    }
    await act()
    server.engine.before = () => {}
    return count
  }

  it('skips the write of a value that is there and fresh', async () => {
    const { target, etag } = await held()
    assert.equal(
      await puts(async () => {
        const again = await ask('PUT', target, {}, 'value')
        assert.equal(again.status, 201)
        assert.equal(again.headers.etag, etag)
      }),
      0,
    )
    const unchanged = (await server.metrics.registry.metrics()).match(/outcome="unchanged"} (\d+)/)
    assert.equal(unchanged?.[1], '1')
  })

  it('writes another value, a value that is old, a longer life, and under a condition', async () => {
    const { target, etag } = await held()
    const written = (headers: Record<string, string>, value: string) =>
      puts(async () => assert.equal(await code('PUT', target, headers, value), 201))
    assert.equal(await written({ 'If-Match': etag }, 'value'), 1)
    assert.equal(await written({}, 'other'), 1)
    assert.equal(await written({ 'Holdfast-TTL': '1000' }, 'short'), 1)
    assert.equal(await written({ 'Holdfast-TTL': '1000' }, 'short'), 0)
    assert.equal(await written({ 'Holdfast-TTL': '1112' }, 'short'), 1, '1,000 s are less than 0.9 of 1,112 s')
    assert.equal(await written({ 'Holdfast-TTL': '1000' }, 'short'), 0)
  })

  it('does not compare for a caller that may not read', async (t) => {
    const writer = await Wire.open(server.port, 'writer')
    t.after(() => writer.destroy())
    const { target } = await held()
    assert.equal(await puts(() => writer.request('PUT', target, {}, 'value').answer()), 1)
  })
})
