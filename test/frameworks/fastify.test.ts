/** @fastify/session on Holdfast: the real framework, on a real server and on one that is away. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../packages/client/src/index.ts'
import { FastifyHoldfastStore } from '../../packages/connect-holdfast/src/fastify.ts'
import { framework } from './install.ts'
import { Backend, Browser } from './support.ts'

let backend: Backend

describe('Fastify', () => {
  before(async () => {
    backend = await Backend.start()
  })
  after(() => backend[Symbol.asyncDispose]())

  test('a session with an end of its own keeps it', async () => {
    const [{ default: Fastify }, { default: cookie }, { default: session }] = await Promise.all(
      ['fastify', '@fastify/cookie', '@fastify/session'].map(framework),
    )
    const app = Fastify()
    await using _closed = { [Symbol.asyncDispose]: () => app.close() }
    await app.register(cookie)
    const store = new FastifyHoldfastStore({ client: backend.client })
    await app.register(session, { store, secret: 'of this test, and long enough for it', cookie: { secure: false } })
    const expires = new Date(Date.now() + 60_000)
    // biome-ignore lint/suspicious/noExplicitAny: the framework's request
    app.get('/', async ({ session }: any) => {
      session.views = (session.views ?? 0) + 1
      if (session.views === 1) session.options({ expires })
      return `${session.views} ${session.cookie.expires.toJSON()}`
    })
    const browser = new Browser(await app.listen({ port: 0, host: '127.0.0.1' }))
    for (const views of [1, 2, 3]) assert.equal((await browser.ask('/')).text, `${views} ${expires.toJSON()}`)
  })

  test('rolling sessions are not written in every request', async () => {
    const [{ default: Fastify }, { default: cookie }, { default: session }] = await Promise.all(
      ['fastify', '@fastify/cookie', '@fastify/session'].map(framework),
    )
    const app = Fastify()
    await using _closed = { [Symbol.asyncDispose]: () => app.close() }
    await app.register(cookie)
    await app.register(session, {
      store: new FastifyHoldfastStore({ client: backend.client }),
      secret: 'a secret of this test that is long enough',
      cookie: { secure: false, maxAge: 3_600_000 },
      saveUninitialized: false,
    })
    // biome-ignore lint/suspicious/noExplicitAny: the framework's request
    type Any = any
    app.get('/login', async (request: Any) => {
      request.session.user = 'alice'
      return 'in'
    })
    app.get('/', async (request: Any) => request.session.user ?? 'nobody')
    app.get('/logout', async (request: Any) => {
      await request.session.destroy()
      return 'out'
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const browser = new Browser(`http://127.0.0.1:${app.server.address().port}`)
    await browser.ask('/login')
    const writes = async () => {
      const { body } = await backend.server.admin('/metrics')
      return Number(/^http_requests_total\{code="201",method="PUT"\} (\d+)$/m.exec(body)![1])
    }
    assert.equal((await browser.ask('/')).text, 'alice')
    const before = await writes()
    for (let n = 0; n < 5; n++) assert.equal((await browser.ask('/')).text, 'alice')
    assert.equal(await writes(), before)
    const thief = new Map(browser.cookies)
    await browser.ask('/logout')
    browser.cookies.clear()
    for (const [name, value] of thief) browser.cookies.set(name, value)
    assert.equal((await browser.ask('/')).text, 'nobody')
  })
})

test('Fastify answers 503 by itself while Holdfast is away, and sets no cookie', async () => {
  const client = createClient({ url: 'https://localhost:1' })
  const [{ default: Fastify }, { default: cookie }, { default: session }] = await Promise.all(
    ['fastify', '@fastify/cookie', '@fastify/session'].map(framework),
  )
  const fastify = Fastify()
  await fastify.register(cookie)
  const secret = 'a secret of this test that is long enough'
  await fastify.register(session, { store: new FastifyHoldfastStore({ client }), secret, cookie: { secure: false } })
  // biome-ignore lint/suspicious/noExplicitAny: the framework's request
  fastify.get('/', async (request: any) => {
    request.session.user = 'alice'
    return 'in'
  })
  const answer = await fastify.inject('/')
  assert.equal(answer.statusCode, 503, answer.body)
  assert.equal(answer.headers['set-cookie'], undefined)
  await fastify.close()
  await client.close()
})
