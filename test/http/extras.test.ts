/**
 * Extras that no table of single requests can show: values that expire, one winner among many clients at once, and
 * writes that the engine is spared.
 */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { type CallerName, Site } from '../support/site.ts'
import { type Ask, curl, missing, undici } from './drivers.ts'
import { figure } from './metrics.ts'

const site = await Site.make((draft) => {
  // However busy the machine: overload has tests of its own.
  draft.limits = { requestsSaturated: 1024 }
  draft.stores.push({ path: 'always', final: false, ttl: '1h', maxTtl: '1d', skipUnchanged: 1 })
  draft.grants[0].stores.push('always')
})
const server = await site.start()
after(async () => {
  await server.stop()
  site.remove()
})
const client = server.client()
const many = server.client('all', 16)
const drivers = [undici(server), curl(server)]
const TAKE = { Prefer: 'return=representation' }

let serial = 0
const fresh = (store = 'sessions') => `/${store}/v1/extra-${++serial}`
const statuses = (answers: readonly { status: number }[]) => answers.map(({ status }) => status).sort()

describe('a value expires', () => {
  for (const driver of drivers) {
    const ask = (method: string, target: string, rest: Partial<Ask> = {}) =>
      driver.ask({ method, target, headers: {}, body: undefined, chunked: false, as: 'all', ...rest })

    test(`and nobody sees it then, by ${driver.name}; it was not ended, so its key may be written again`, {
      skip: missing(driver.name),
    }, async () => {
      const target = fresh()
      const headers = { 'Holdfast-TTL': '1' }
      const sentAt = performance.now()
      assert.equal((await ask('PUT', target, { headers, body: Buffer.from('brief') })).status, 201)
      const writtenAt = performance.now()
      for (;;) {
        const askedAt = performance.now()
        const answer = await ask('GET', target)
        if (answer.status === 404) {
          assert.ok(performance.now() - sentAt >= 990, 'it lived for a second')
          break
        }
        assert.equal(answer.status, 200)
        assert.equal(answer.headers['holdfast-ttl'], '1')
        assert.ok(askedAt - writtenAt <= 1010, 'and for no longer')
      }
      assert.equal((await ask('HEAD', target)).status, 404)
      assert.equal((await ask('DELETE', target, { headers: TAKE })).status, 404)
      const other = fresh()
      await ask('PUT', other, { headers, body: Buffer.from('brief') })
      while ((await ask('GET', other)).status === 200) {}
      assert.equal((await ask('PUT', other, { body: Buffer.from('again') })).status, 201)
      assert.equal((await ask('GET', other)).body.toString(), 'again')
    })
  }
})

describe('of many clients at once', () => {
  const MANY = Array.from({ length: 48 }, (_, index) => index)

  for (const store of ['sessions', 'echoseen']) {
    test(`one takes the value, in ${store}`, async () => {
      const target = fresh(store)
      await client.put(target, 'once')
      const ask = { method: 'DELETE', target, headers: TAKE, body: undefined, chunked: false, as: 'all' } as const
      const others = drivers
        .filter(({ name }) => name === 'curl' && !missing(name))
        .flatMap((by) => [by.ask(ask), by.ask(ask)])
      const answers = await Promise.all([...MANY.map(() => many.delete(target, TAKE)), ...others])
      assert.deepEqual(statuses(answers), [200, ...Array(answers.length - 1).fill(404)])
      assert.equal(answers.find(({ status }) => status === 200)!.body.toString(), 'once')
      assert.equal((await client.put(target, 'again')).status, store === 'sessions' ? 409 : 201)
    })
  }

  test('one creates a key, one replaces a value, and both are there', async () => {
    const target = fresh('echoseen')
    for (const round of ['first', 'second']) {
      const { etag } = (await client.get(target)).headers
      const condition: Record<string, string> =
        etag === undefined ? { 'If-None-Match': '*' } : { 'If-Match': String(etag) }
      const answers = await Promise.all(MANY.map((index) => many.put(target, `${round} ${index}`, condition)))
      assert.deepEqual(statuses(answers), [201, ...Array(MANY.length - 1).fill(412)])
      const winner = answers.findIndex(({ status }) => status === 201)
      const found = await client.get(target)
      assert.deepEqual(
        [found.body.toString(), found.headers.etag],
        [`${round} ${winner}`, answers[winner]!.headers.etag],
      )
    }
  })

  test('each adds to a counter with If-Match, and no addition is lost', async () => {
    const target = fresh()
    await client.put(target, '0')
    const add = async () => {
      for (;;) {
        const { body, headers } = await many.get(target)
        const { status } = await many.put(target, String(Number(body) + 1), { 'If-Match': String(headers.etag) })
        if (status === 201) return
        assert.equal(status, 412)
      }
    }
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let i = 0; i < 5; i++) await add()
      }),
    )
    assert.equal((await client.get(target)).body.toString(), '40')
  })

  test('no writer brings an ended key back', async () => {
    const target = fresh()
    await client.put(target, 'alive')
    const [ended, ...writes] = await Promise.all([
      client.delete(target),
      ...MANY.map((index) => many.put(target, `late ${index}`)),
    ])
    assert.equal(ended.status, 204)
    assert.ok(writes.every(({ status }) => status === 201 || status === 409))
    assert.equal((await client.get(target)).status, 404)
    assert.equal((await client.put(target, 'later')).status, 409)
  })
})

describe('skipUnchanged', () => {
  /** What a write was answered, and how many writes the engine and the count of unchanged ones rose by. */
  async function write(target: string, value: string, headers: Record<string, string> = {}, as: CallerName = 'all') {
    const figures = () =>
      Promise.all([
        figure(server, 'holdfast_engine_committed_operations_total'),
        figure(server, 'holdfast_store_requests_total', { outcome: 'unchanged' }),
      ])
    const [writes, unchanged] = await figures()
    const { status, headers: answered } = await server.client(as).put(target, value, headers)
    assert.equal(status, 201)
    const [writesNow, unchangedNow] = await figures()
    return { etag: answered.etag, writes: writesNow - writes, unchanged: unchangedNow - unchanged }
  }

  test('a value that is there already is not written again, and keeps its ETag', async () => {
    const target = fresh()
    const first = await write(target, 'value')
    assert.deepEqual([first.writes, first.unchanged], [1, 0])
    assert.deepEqual(await write(target, 'value'), { etag: first.etag, writes: 0, unchanged: 1 })
    assert.equal((await client.get(target)).headers.etag, first.etag)
    const other = await write(target, 'other')
    assert.deepEqual([other.writes, other.unchanged], [1, 0])
    assert.notEqual(other.etag, first.etag)
    assert.equal((await client.get(target)).body.toString(), 'other')
  })

  test('but it is where more than a tenth of its TTL is gone, under a condition, and for who may not read', async () => {
    const target = fresh()
    await write(target, 'value', { 'Holdfast-TTL': '1000' })
    assert.equal((await write(target, 'value', { 'Holdfast-TTL': '1000' })).writes, 0)
    assert.equal((await write(target, 'value', { 'Holdfast-TTL': '1100' })).writes, 0)
    assert.equal((await write(target, 'value', { 'Holdfast-TTL': '1112' })).writes, 1)
    assert.equal((await write(target, 'value', { 'Holdfast-TTL': '1112', 'If-Match': '*' })).writes, 1)
    assert.equal((await write(target, 'value', { 'Holdfast-TTL': '1112' }, 'writer')).writes, 1)
    assert.equal((await write(target, 'value', { 'Holdfast-TTL': '1112' })).writes, 0)
  })

  test('1 turns it off', async () => {
    const target = fresh('always')
    const first = await write(target, 'value')
    const second = await write(target, 'value')
    assert.deepEqual([second.writes, second.unchanged], [1, 0])
    assert.notEqual(second.etag, first.etag)
  })
})
