/** koa-session on Holdfast: the real framework, on a real server and on one that is away. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { koaStore } from '../../packages/adapters/src/koa.ts'
import { createClient } from '../../packages/client/src/index.ts'
import { framework } from './install.ts'
import { Application, Backend, Browser, keyOf, pending } from './support.ts'

let backend: Backend

describe('Koa', () => {
  before(async () => {
    backend = await Backend.start((draft) => {
      draft.stores[0].maxTtl = '30d'
      draft.stores.push({ path: 'day', ttl: '1d', maxTtl: '1d' })
      draft.grants[0].stores = ['sessions', 'day']
    })
  })
  after(() => backend[Symbol.asyncDispose]())

  async function koa(client = backend.client) {
    const [{ default: Koa }, koaSession] = await Promise.all([framework('koa'), framework('koa-session')])
    const app = new Koa()
    app.keys = ['of this test']
    app.silent = true
    app.use(koaSession.default({ store: koaStore({ client, store: 'day' }) }, app))
    // biome-ignore lint/suspicious/noExplicitAny: the framework's context
    app.use(async (context: any) => {
      const { session } = context
      if (context.path === '/set') session.user = 'alice'
      if (context.path === '/save') {
        session.user = 'bob'
        await session.save()
      }
      if (context.path === '/renew') await session.regenerate()
      if (context.path === '/out') context.session = null
      context.body = context.session?.user ?? 'nobody'
    })
    const web = await Application.start(app.callback())
    return { web, browser: new Browser(web.origin) }
  }

  function copyOf(web: Application, { cookies }: Browser): Browser {
    const copy = new Browser(web.origin)
    for (const [name, value] of cookies) copy.cookies.set(name, value)
    return copy
  }

  test('a session of a day, saved by itself and by hand, renewed, and ended for good', async () => {
    const { web, browser } = await koa()
    await using _closed = web
    assert.equal((await browser.ask('/set')).text, 'alice')
    assert.equal((await browser.ask('/')).text, 'alice')
    assert.equal((await browser.ask('/save')).text, 'bob')
    assert.equal((await browser.ask('/')).text, 'bob')
    const thief = copyOf(web, browser)
    assert.equal((await thief.ask('/')).text, 'bob')
    assert.equal((await browser.ask('/renew')).text, 'bob')
    assert.equal((await browser.ask('/')).text, 'bob')
    assert.equal((await thief.ask('/')).text, 'nobody')
    const second = copyOf(web, browser)
    await browser.ask('/out')
    assert.equal((await second.ask('/')).text, 'nobody')
  })

  test('while another datacenter is away a session is renewed, and a logout says that it is pending', async () => {
    const { web, browser } = await koa(pending(backend.client))
    await using _closed = web
    await browser.ask('/set')
    const thief = copyOf(web, browser)
    assert.deepEqual(await browser.ask('/renew'), { status: 200, text: 'alice' })
    assert.equal((await browser.ask('/')).text, 'alice')
    assert.equal((await thief.ask('/')).text, 'nobody')
    assert.equal((await browser.ask('/out')).status, 503)
  })

  test('what a request did not change is prolonged when due, and never written over', async () => {
    const store = koaStore({ client: backend.client })
    const [first, second] = [{}, {}]
    const ttl = async () => (await backend.client.store('sessions').get(keyOf('koa:0:', 'k')))!.ttl
    await store.set('k', { user: 'alice' }, 110_000)
    assert.ok((await ttl()) <= 100)
    assert.deepEqual(await store.get('k', 610_000, { ctx: first }), { user: 'alice' })
    await store.get('k', 610_000, { ctx: second })
    await store.set('k', { user: 'alice' }, 610_000, { ctx: first })
    assert.ok((await ttl()) > 590)
    await store.set('k', { user: 'bob' }, 110_000, { ctx: first })
    await store.set('k', { user: 'alice' }, 610_000, { ctx: second })
    assert.deepEqual(await store.get('k'), { user: 'bob' })
    await store.destroy('k')
    await store.set('k', { user: 'alice' }, 610_000, { ctx: second })
    assert.equal(await store.get('k'), undefined)
    await assert.rejects(store.set('k', { user: 'late' }, 610_000), { code: 'ended' })
  })

  test('`renew` renews in the second half of its life', async () => {
    const [{ default: Koa }, koaSession] = await Promise.all([framework('koa'), framework('koa-session')])
    const app = new Koa()
    app.keys = ['of this test']
    app.use(koaSession.default({ store: koaStore({ client: backend.client }), maxAge: 3_600_000, renew: true }, app))
    // biome-ignore lint/suspicious/noExplicitAny: the framework's context
    app.use(async (context: any) => {
      context.session.user ??= 'alice'
      context.body = context.session.externalKey
    })
    await using web = await Application.start(app.callback())
    const browser = new Browser(web.origin)
    const key = keyOf('koa:0:', (await browser.ask('/')).text)
    const cells = backend.client.store('sessions')
    const before = (await cells.get(key))!
    browser.lastCookie = ''
    await browser.ask('/')
    assert.equal(browser.lastCookie, '')
    assert.equal((await cells.get(key))!.etag, before.etag)
    // As if 31 minutes had passed.
    await cells.put(key, before.value, { ttl: 29 * 60, ifMatch: before.etag })
    await browser.ask('/')
    assert.match(browser.lastCookie, /^koa\.sess/)
    assert.ok((await cells.get(key))!.ttl > 3590)
  })

  test("with maxAge 'session', too, what a request only read it does not write over", async () => {
    const store = koaStore({ client: backend.client })
    const [first, second] = [{}, {}]
    await store.set('s', { cart: 'empty', _session: true }, 'session')
    await store.get('s', 'session', { ctx: first })
    await store.get('s', 'session', { ctx: second })
    const before = await backend.client.store('sessions').get(keyOf('koa:0:', 's'))
    await store.set('s', { cart: 'empty', _session: true }, 'session', { ctx: first })
    assert.notEqual((await backend.client.store('sessions').get(keyOf('koa:0:', 's')))!.etag, before!.etag, 'prolonged')
    await store.set('s', { cart: 'book', _session: true }, 'session', { ctx: first })
    await store.set('s', { cart: 'empty', _session: true }, 'session', { ctx: second })
    assert.deepEqual(await store.get('s'), { cart: 'book', _session: true })
  })
})

test('Koa answers 503 by itself while Holdfast is away, and sets no cookie', async () => {
  const client = createClient({ url: 'https://localhost:1' })
  const [{ default: Koa }, koaSession] = await Promise.all([framework('koa'), framework('koa-session')])
  const koa = new Koa()
  koa.keys = ['of this test']
  koa.silent = true
  koa.use(koaSession.default({ store: koaStore({ client }) }, koa))
  // biome-ignore lint/suspicious/noExplicitAny: the framework's context
  koa.use((context: any) => {
    context.session.user = 'alice'
    context.body = 'in'
  })
  await using web = await Application.start(koa.callback())
  const browser = new Browser(web.origin)
  assert.equal((await browser.ask('/')).status, 503)
  assert.equal(browser.cookies.size, 0)
  await client.close()
})
