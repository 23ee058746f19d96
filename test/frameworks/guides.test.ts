/** docs/guides/express.md and better-auth.md: their code is what is checked and run here. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { SessionData } from 'express-session'
import { HoldfastStore } from '../../packages/connect-holdfast/src/index.ts'
import { follow } from '../support/follow.ts'
import { MAIN, Program, ROOT } from '../support/process.ts'
import { framework } from './install.ts'
import { Guide } from './pages.ts'
import { Application, Browser } from './support.ts'

const noRedis = spawnSync('redis-server', ['--version']).status === 0 ? false : 'no redis-server'
/** As a proxy that ends TLS tells it. */
const SECURE = { 'x-forwarded-proto': 'https' }
const HOME = process.cwd()

for (const page of ['express.md', 'better-auth.md']) {
  test(`docs/guides/${page}, followed from its begin`, async (t) => {
    // Beside the frameworks, which stand for what the page installs.
    const folder = mkdtempSync(join(import.meta.dirname, '.guide-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const npx = `shift; exec '${process.execPath}' '${MAIN}' "$@"`
    await follow(join(ROOT, 'docs/guides', page), { folder, commands: { npm: 'exit 0', npx } })
  })
}

/** Logs in, is known, changes the id at login, logs out for good. */
async function livesItsLife(origin: string, { get = '/', post = 'POST' } = {}): Promise<void> {
  const ask = (browser: Browser, path: string, method = 'GET') => browser.ask(path, { method, headers: SECURE })
  const browser = new Browser(origin)
  assert.equal((await ask(browser, get)).text, 'nobody')
  await ask(browser, '/login', post)
  assert.match(browser.lastCookie, /^__Host-session(\.sig)?=.*secure/i)
  assert.equal((await ask(browser, get)).text, 'alice')
  const thief = new Browser(origin)
  for (const [name, value] of browser.cookies) thief.cookies.set(name, value)
  assert.equal((await ask(thief, get)).text, 'alice')
  await ask(browser, '/login', post)
  assert.equal((await ask(thief, get)).text, 'nobody', 'an id from before the login')
  for (const [name, value] of browser.cookies) thief.cookies.set(name, value)
  await ask(browser, '/logout', post)
  assert.equal((await ask(thief, get)).text, 'nobody')
  assert.equal([...browser.cookies.keys()].filter((name) => !name.endsWith('.sig')).length, 0)
  assert.match(browser.lastCookie, /secure/i)
}

describe('docs/guides/express.md', () => {
  let guide: Guide
  before(async () => {
    guide = await Guide.open('express.md')
    guide.write('session-secret', randomBytes(32).toString('base64url'))
    guide.write('seal.key', randomBytes(32))
    process.chdir(guide.folder)
  })
  after(async () => {
    await guide?.[Symbol.asyncDispose]()
    process.chdir(HOME)
  })

  test('Express', async () => {
    const { app } = await guide.load('app.ts')
    await using web = await Application.start(app as RequestListener)
    await livesItsLife(web.origin)
  })

  test('Fastify', async () => {
    const { fastify } = await guide.load('fastify.ts')
    await livesItsLife(await fastify.listen({ port: 0, host: '127.0.0.1' }))
    await fastify.close()
  })

  test('an absolute lifetime', async () => {
    const { store } = await guide.load('lifetime.ts')
    const { client } = await guide.load('holdfast.ts')
    const key = createHash('sha256').update('5:sess:s').digest('base64url')
    const session = (hours: number) => ({ cookie: { originalMaxAge: null }, begun: Date.now() - hours * 3_600_000 })
    await store.set('s', session(0))
    const life = async () => (await client.store('sessions').get(key))?.ttl
    assert.equal(await life(), 1800)
    await store.set('s', session(7.9))
    assert.ok((await life())! <= 360)
    await store.touch('s', session(8))
    assert.equal(await life(), undefined)
  })

  test('sealed in the application', async () => {
    const { store } = await guide.load('sealed.ts')
    await store.set('sealed', { cookie: { originalMaxAge: null }, user: 'alice' })
    assert.equal((await store.get('sealed')).user, 'alice')
  })

  test('moving from Redis', { skip: noRedis }, async () => {
    const arguments_ = [
      '--port',
      '0',
      '--unixsocket',
      join(guide.folder, 'redis.sock'),
      '--save',
      '',
      '--dir',
      guide.folder,
    ]
    const redis = new Program(['redis-server', ...arguments_])
    await redis.until('redis', (it) => (it.stdout.includes('eady to accept') ? true : undefined))
    const url = `unix://${join(guide.folder, 'redis.sock')}`
    const [{ createClient }, { RedisStore }] = await Promise.all(['redis', 'connect-redis'].map(framework))
    const old = await createClient({ url }).connect()
    const store = new RedisStore({ client: old })
    const expires = new Date(Date.now() + 100_000)
    const cookie = { originalMaxAge: 100_000, expires: expires.toJSON() }
    for (let n = 0; n < 50; n++) await store.set(`id ${n}`, { cookie, user: `user ${n}` })
    guide.replace('move.ts', 'redis://localhost:6379', url)
    const { stdout, stderr } = spawnSync(process.execPath, ['move.ts'], { cwd: guide.folder, encoding: 'utf8' })
    assert.equal(stdout, 'moved 50 sessions\n', stderr)
    await old.close()
    await redis.stop()
    const moved = new HoldfastStore({ client: (await guide.load('holdfast.ts')).client })
    const last = (await moved.get('id 49')) as SessionData & { user: string }
    assert.equal(last.user, 'user 49')
    assert.ok(Math.abs(last.cookie.expires!.getTime() - expires.getTime()) < 3000)
  })

  test('Fastify, and Holdfast is away: the visitor learns of no host and no port', async () => {
    const { fastify } = await guide.load('fastify.ts?again')
    const browser = new Browser(await fastify.listen({ port: 0, host: '127.0.0.1' }))
    const headers = SECURE
    await browser.ask('/login', { method: 'POST', headers })
    await guide.backend.server.stop()
    for (const [path, method] of [
      ['/', 'GET'],
      ['/logout', 'POST'],
    ] as const) {
      const { status, text } = await browser.ask(path, { method, headers })
      assert.equal(status, 503)
      assert.match(text, path === '/' ? /^Sessions cannot be reached/ : /^The logout is not confirmed/)
    }
    await fastify.close()
  })
})

describe('docs/guides/better-auth.md', () => {
  let guide: Guide
  before(async () => {
    guide = await Guide.open('better-auth.md', ['session.ts'])
    guide.write('session-secret', randomBytes(32).toString('base64url'))
    process.chdir(guide.folder)
  })
  after(async () => {
    await guide?.[Symbol.asyncDispose]()
    process.chdir(HOME)
  })

  test('better-auth', async () => {
    const { auth } = await guide.load('auth.ts')
    const body = { name: 'Alice', email: 'alice@example.org', password: 'correct horse' }
    const { headers } = await auth.api.signUpEmail({ body, returnHeaders: true })
    const lines = headers.getSetCookie().map((line: string) => line.split(';')[0])
    const cookie = new Headers({ cookie: lines.join('; ') })
    assert.equal((await auth.api.getSession({ headers: cookie })).user.name, 'Alice')
    await auth.api.signOut({ headers: cookie })
    assert.equal(await auth.api.getSession({ headers: cookie }), null)
  })

  test('Koa', async () => {
    const { app } = await guide.load('koa.ts')
    await using web = await Application.start(app.callback())
    await livesItsLife(web.origin)
  })

  test('React Router', async () => {
    const { getSession, logIn, destroySession } = await guide.load('sessions.ts')
    const request = (cookie = '') => new Request('https://shop.example', { headers: { cookie } })
    const first = await logIn(request(), 'alice')
    assert.match(first, /^__Host-session=.*Secure/)
    const second = await logIn(request(first), 'bob')
    assert.equal((await getSession(first)).get('user'), undefined)
    assert.equal((await getSession(second)).get('user'), 'bob')
    await destroySession(await getSession(second))
    assert.equal((await getSession(second)).get('user'), undefined)
  })

  test('unstorage', async () => {
    const { storage } = await guide.load('storage.ts')
    assert.deepEqual(await storage.getItem('greeting'), { text: 'hello' })
    await assert.rejects(storage.keys(), { code: 'not-listable' })
  })
})
