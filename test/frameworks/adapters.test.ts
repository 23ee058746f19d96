/** Each adapter on its real framework (Next's on a jar of its kind; Koa's in ./koa.test.ts) and a real Holdfast. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { holdfastStorage } from '../../packages/adapters/src/better-auth.ts'
import { koaStore } from '../../packages/adapters/src/koa.ts'
import { type CookieJar, sessionsOf } from '../../packages/adapters/src/next.ts'
import { sessionStrategy } from '../../packages/adapters/src/react-router.ts'
import { holdfastDriver } from '../../packages/adapters/src/unstorage.ts'
import { LogoutPendingError } from '../../packages/client/src/index.ts'
import { framework } from './install.ts'
import { Backend, keyOf, pending } from './support.ts'

let backend: Backend

describe('on a real server', () => {
  before(async () => {
    backend = await Backend.start((draft) => {
      draft.stores[0].maxTtl = '30d'
      draft.stores[1].path = 'auth'
      draft.grants[0].stores = ['sessions', 'auth']
    })
  })
  after(() => backend[Symbol.asyncDispose]())

  test('better-auth: signs up, is known, is limited, signs out', async () => {
    const { betterAuth } = await framework('better-auth')
    const { memoryAdapter } = await framework('better-auth/adapters/memory')
    const auth = betterAuth({
      baseURL: 'http://localhost',
      secret: 'a secret of this test that is long enough',
      database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
      secondaryStorage: holdfastStorage({ client: backend.client, store: 'auth' }),
      emailAndPassword: { enabled: true },
      rateLimit: { enabled: true, window: 60, max: 100, storage: 'secondary-storage' },
      logger: { disabled: true },
    })
    let cookie = ''
    const ask = async (path: string, body?: object) => {
      const answer: Response = await auth.handler(
        new Request(`http://localhost/api/auth/${path}`, {
          method: body === undefined ? 'GET' : 'POST',
          headers: {
            'content-type': 'application/json',
            origin: 'http://localhost',
            'x-forwarded-for': '192.0.2.1',
            cookie,
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
      )
      const set = answer.headers.getSetCookie().map((line) => line.split(';')[0]!)
      if (set.length > 0) cookie = set.join('; ')
      const text = await answer.text()
      return { status: answer.status, body: text === '' ? null : JSON.parse(text) }
    }
    const signedUp = await ask('sign-up/email', {
      email: 'alice@example.org',
      password: 'correct horse',
      name: 'Alice',
    })
    assert.equal(signedUp.status, 200, JSON.stringify(signedUp.body))
    const session = await ask('get-session')
    assert.equal(session.body.user.email, 'alice@example.org')
    assert.equal((await ask('list-sessions')).body.length, 1)
    const stolen = cookie
    assert.equal((await ask('sign-out', {})).status, 200)
    cookie = stolen
    assert.equal((await ask('get-session')).body, null)
  })

  test('better-auth: counters are exact and keep their end; takes give once', async () => {
    const storage = holdfastStorage({ client: backend.client, store: 'auth' })
    const counts = await Promise.all(Array.from({ length: 20 }, () => storage.increment('counter', 60)))
    assert.deepEqual(
      counts.sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, n) => n + 1),
    )
    const short = performance.now()
    assert.equal(await storage.increment('short', 1), 1)
    let last = 1
    for (let count = 1; count === 1 || performance.now() - short < 900; count++)
      last = await storage.increment('short', 1)
    assert.ok(last > 1)
    while (performance.now() - short < 1100) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(await storage.increment('short', 1), 1)
    await storage.set('once', 'value', 60)
    const taken = await Promise.all([1, 2, 3, 4].map(() => storage.getAndDelete('once')))
    assert.deepEqual(
      taken.filter((each) => each !== null),
      ['value'],
    )
    await storage.set('once', 'again')
    assert.equal(await storage.get('once'), 'again')
  })

  test('unstorage: items, raw bytes, lives; nothing is listed', async () => {
    const { createStorage } = await framework('unstorage')
    const storage = createStorage({ driver: holdfastDriver({ client: backend.client, store: 'auth' }) })
    await storage.setItem('a:b', { deep: [1, 2] }, { ttl: 100 })
    assert.deepEqual(await storage.getItem('a:b'), { deep: [1, 2] })
    assert.ok((await storage.getMeta('a:b')).ttl <= 100)
    assert.equal(await storage.hasItem('a:b'), true)
    await storage.removeItem('a:b')
    assert.equal(await storage.hasItem('a:b'), false)
    assert.equal(await storage.getItem('a:b'), null)
    await storage.setItemRaw('raw', Buffer.of(0, 255, 128))
    assert.deepEqual(Buffer.from(await storage.getItemRaw('raw')), Buffer.of(0, 255, 128))
    await storage.setItem('empty', '')
    assert.equal(await storage.getItem('empty'), '')
    assert.equal((await storage.getMeta('empty')).size, 0)
    for (const bytes of [Buffer.alloc(0), Buffer.of(0), Buffer.of(0, 0), Buffer.of(0, 1), Buffer.of(1, 0)]) {
      await storage.setItemRaw('zeros', bytes)
      assert.deepEqual(await storage.getItemRaw('zeros'), bytes)
      assert.equal((await storage.getMeta('zeros')).size, bytes.length)
    }
    for (const wrong of [new Float32Array([1]), new ArrayBuffer(2), { a: 1 }, null, 7]) {
      await assert.rejects(storage.setItemRaw('raw', wrong), {
        name: 'TypeError',
        message: /^setItemRaw: a string or a/,
      })
    }
    assert.deepEqual(await storage.getItemRaw('raw'), Buffer.of(0, 255, 128))
    await assert.rejects(storage.getKeys(), { code: 'not-listable' })
    await assert.rejects(storage.clear(), { code: 'not-listable' })
  })

  /** An application of Koa whose store lets a session live a day at most. */
  test('React Router: get, commit, destroy', async () => {
    const { createSessionStorage } = await framework('react-router')
    const { getSession, commitSession, destroySession } = createSessionStorage({
      cookie: { name: '__session', secrets: ['of this test'], maxAge: 3600 },
      ...sessionStrategy({ client: backend.client }),
    })
    const first = await getSession()
    first.set('user', 'alice')
    const cookie = await commitSession(first)
    const second = await getSession(cookie)
    assert.equal(second.get('user'), 'alice')
    second.set('user', 'bob')
    await commitSession(second)
    assert.equal((await getSession(cookie)).get('user'), 'bob')
    await destroySession(second)
    assert.equal((await getSession(cookie)).get('user'), undefined)
    await assert.rejects(commitSession(second), { code: 'ended' })
  })

  test('prefix and name trade no bytes', async () => {
    const [short, long] = ['app', 'app:2'].map((prefix) => holdfastStorage({ client: backend.client, prefix }))
    await long!.set('xyz', 'of the long one')
    assert.equal(await short!.get('2:xyz'), null)
  })

  test('options that are wrong are refused, and what is stored is not quoted', async () => {
    assert.throws(() => koaStore({} as never), { name: 'TypeError', message: /^client: / })
    assert.throws(() => koaStore({ client: backend.client, ttl: 3 } as never), { message: /^ttl: there is no such/ })
    const cookies = async () => ({ get: () => ({ value: 'id' }), set: () => {} })
    await backend.client.store('sessions').put(keyOf('next:0:', 'id'), 'not JSON')
    await assert.rejects(sessionsOf({ client: backend.client, cookies })(), {
      name: 'TypeError',
      message: 'what is stored under this name was not written by this adapter',
    })
  })

  test('Next: commit, renew, destroy; a planted id is not taken over', async () => {
    const cookies = new Map<string, string>()
    const options: object[] = []
    const jar: CookieJar = {
      get: (name) => (cookies.has(name) ? { value: cookies.get(name)! } : undefined),
      set: (name, value, option) => {
        options.push(option)
        if (option.maxAge > 0) cookies.set(name, value)
        else cookies.delete(name)
      },
    }
    const getSession = sessionsOf<{ user?: string }>({ client: backend.client, cookies: async () => jar })
    cookies.set('__Host-session', 'planted')
    const session = await getSession()
    assert.deepEqual(session.data, {})
    session.data.user = 'alice'
    await session.commit()
    const before = cookies.get('__Host-session')!
    assert.notEqual(before, 'planted')
    assert.deepEqual(options, [{ httpOnly: true, secure: true, sameSite: 'lax', path: '/', maxAge: 86_400 }])
    const again = await getSession()
    assert.equal(again.data.user, 'alice')
    await again.renew()
    const after = cookies.get('__Host-session')!
    assert.notEqual(after, before)
    cookies.set('__Host-session', before)
    assert.deepEqual((await getSession()).data, {})
    cookies.set('__Host-session', after)
    const last = await getSession()
    assert.equal(last.data.user, 'alice')
    await last.destroy()
    assert.equal(cookies.size, 0)
    cookies.set('__Host-session', after)
    assert.deepEqual((await getSession()).data, {})
  })

  test('Next: while another datacenter is away a session is renewed, and a logout says that it is pending', async () => {
    const client = pending(backend.client)
    let cookie = ''
    const jar: CookieJar = {
      get: () => ({ value: cookie }),
      set(_name, value) {
        cookie = value
      },
    }
    const getSession = sessionsOf<{ user?: string }>({ client, cookies: () => jar })
    const session = await getSession()
    await session.commit()
    const before = cookie
    session.data.user = 'alice'
    await session.renew()
    assert.notEqual(cookie, before)
    assert.equal((await getSession()).data.user, 'alice')
    const after = cookie
    await assert.rejects(session.destroy(), LogoutPendingError)
    assert.equal(cookie, after, 'a logout that is not final takes no cookie away')
    cookie = before
    assert.deepEqual((await getSession()).data, {})
  })
})
