/** Express 5 and express-session on a real Holdfast: the life of a session, and what happens when things fail. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Request, Response } from 'express-serve-static-core'
import { LogoutPendingError } from '../../packages/client/src/index.ts'
import {
  destroySession,
  HoldfastStore,
  regenerateSession,
  requireSession,
  saveSession,
} from '../../packages/connect-holdfast/src/index.ts'
import { altered } from '../support/altered.ts'
import { Application, Backend, Browser } from './support.ts'

const { default: express } = await import('express' as string)
const { default: session } = await import('express-session')

type Data = { user?: string; views?: number }
const data = (req: Request) => req.session as unknown as Data

function application(backend: Pick<Backend, 'client'>, cookie: { maxAge?: number } = {}, rolling = false) {
  const app = express()
  const store = new HoldfastStore({ client: backend.client })
  app.use(session({ store, secret: 'only of this test', resave: false, saveUninitialized: false, rolling, cookie }))
  app.use(requireSession())
  app.post('/login/:user', async (req: Request, res: Response) => {
    await regenerateSession(req)
    data(req).user = String(req.params.user)
    await saveSession(req)
    res.send(req.sessionID)
  })
  app.get('/', (req: Request, res: Response) => res.send(data(req).user ?? 'nobody'))
  app.post('/views', (req: Request, res: Response) => {
    const mine = data(req)
    mine.views = (mine.views ?? 0) + 1
    res.send(String(mine.views))
  })
  app.post('/slow', async (req: Request, res: Response) => {
    data(req).views = 1000
    await new Promise((resolve) => app.once('go', resolve))
    res.send('done')
  })
  app.post('/logout', async (req: Request, res: Response) => {
    await destroySession(req)
    res.send('out')
  })
  // No handler of errors: what Express does by itself is under test, too.
  app.set('env', 'test')
  return { app, store }
}

test('logs in, counts, logs out for good; a replayed cookie is nobody', async () => {
  await using backend = await Backend.start()
  await using web = await Application.start(application(backend).app)
  const browser = new Browser(web.origin)
  assert.equal((await browser.ask('/')).text, 'nobody')
  assert.equal(browser.cookies.size, 0)
  await browser.ask('/login/alice', { method: 'POST' })
  assert.equal((await browser.ask('/')).text, 'alice')
  for (const views of ['1', '2', '3']) assert.equal((await browser.ask('/views', { method: 'POST' })).text, views)
  const thief = new Browser(web.origin)
  for (const [name, value] of browser.cookies) thief.cookies.set(name, value)
  assert.equal((await thief.ask('/')).text, 'alice')
  assert.equal((await browser.ask('/logout', { method: 'POST' })).text, 'out')
  assert.equal((await thief.ask('/')).text, 'nobody')
})

test('a request that was still running at logout does not bring the session back', async () => {
  await using backend = await Backend.start()
  const { app } = application(backend)
  await using web = await Application.start(app)
  const browser = new Browser(web.origin)
  await browser.ask('/login/alice', { method: 'POST' })
  const other = new Browser(web.origin)
  for (const [name, value] of browser.cookies) other.cookies.set(name, value)
  const slow = other.ask('/slow', { method: 'POST' })
  while (app.listenerCount('go') === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await browser.ask('/logout', { method: 'POST' })
  app.emit('go')
  // express-session has answered when it learns that the write was refused: 200, and nothing is written.
  await slow
  assert.equal((await other.ask('/')).text, 'nobody')
})

test('while another datacenter is away a visitor can log in, under a new id, and a logout says that it is pending', async () => {
  await using backend = await Backend.start()
  // Ended here; elsewhere it is not confirmed.
  const client = altered(backend.client, (cells) => ({
    async end(key) {
      await cells.end(key)
      throw new LogoutPendingError('logout-pending', 'a datacenter is away')
    },
  }))
  await using web = await Application.start(application({ client }).app)
  const browser = new Browser(web.origin)
  assert.equal((await browser.ask('/login/alice', { method: 'POST' })).status, 200)
  const thief = new Browser(web.origin)
  for (const [name, value] of browser.cookies) thief.cookies.set(name, value)
  assert.equal((await thief.ask('/')).text, 'alice')
  assert.equal((await browser.ask('/login/bob', { method: 'POST' })).status, 200)
  assert.equal((await browser.ask('/')).text, 'bob')
  assert.equal((await thief.ask('/')).text, 'nobody')
  assert.equal((await browser.ask('/logout', { method: 'POST' })).status, 503)
})

test('sessions survive a crash of the server; while it is away nobody is taken for a stranger', async () => {
  await using backend = await Backend.start()
  await using web = await Application.start(application(backend).app)
  const browser = new Browser(web.origin)
  await browser.ask('/login/alice', { method: 'POST' })
  const { ports } = backend.server
  await backend.server.stop('SIGKILL')
  // First the store fails, then express-session knows that it is away and calls the application without a session.
  const away = [await browser.ask('/'), await browser.ask('/')]
  assert.deepEqual(
    away.map(({ status }) => status),
    [503, 503],
  )
  backend.site.configure((draft) => {
    draft.listen.port = ports.public
  })
  backend.server = await backend.site.start()
  for (;;) {
    const { status, text } = await browser.ask('/')
    if (status !== 503) {
      assert.equal(text, 'alice')
      break
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
})

test("a session that is only read is not written, and its expiry is the cookie's", async () => {
  await using backend = await Backend.start()
  const { app, store } = application(backend, { maxAge: 3_600_000 }, true)
  await using web = await Application.start(app)
  const browser = new Browser(web.origin)
  const sid = (await browser.ask('/login/alice', { method: 'POST' })).text
  const writes = async () => {
    const { body } = await backend.server.admin('/metrics')
    return Number(/^http_requests_total\{code="201",method="PUT"\} (\d+)$/m.exec(body)![1])
  }
  const before = await writes()
  for (let n = 0; n < 5; n++) assert.equal((await browser.ask('/')).text, 'alice')
  assert.equal(await writes(), before)
  const read = await store.get(sid)
  const left = new Date(read!.cookie.expires!).getTime() - Date.now()
  assert.ok(left > 3_590_000 && left <= 3_601_000, `${left}`)
})
