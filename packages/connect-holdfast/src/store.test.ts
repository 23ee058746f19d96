/** The contract of a session store, as users of connect-redis know it, on a real server. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { SessionData } from 'express-session'
import { type Server, Site } from '../../../test/support/site.ts'
import { type Client, createClient, EndedError, RequestError } from '../../client/src/index.ts'
import { FastifyHoldfastStore } from './fastify.ts'
import { HoldfastStore } from './index.ts'

let site: Site
let server: Server
let client: Client
let store: HoldfastStore

function sessionOf(values: object, maxAge: number | null = 3_600_000): SessionData {
  const expires = maxAge === null ? null : new Date(Date.now() + maxAge)
  return {
    cookie: { originalMaxAge: maxAge === null ? null : 3_600_000, expires, path: '/', httpOnly: true },
    ...values,
  } as unknown as SessionData
}
const keyOf = (sid: string) => createHash('sha256').update(`5:sess:${sid}`).digest('base64url')
const raw = (sid: string) => client.store('sessions').get(keyOf(sid))

describe('a session store', () => {
  before(async () => {
    site = await Site.make((draft) => {
      draft.stores[0].maxTtl = '2d'
      draft.stores[0].ttl = '1d'
    })
    server = await site.start()
    const { certificate: cert, key } = site.certificates.all
    const tls = { ca: site.authority.certificate, cert, key }
    // Patient: a thousand calls at once take their time on a busy machine.
    client = createClient({ url: `https://localhost:${server.ports.public}`, tls, timeout: 30_000 })
    store = new HoldfastStore({ client })
  })

  after(async () => {
    await client.close()
    await server.stop()
    site.remove()
  })

  test('sets, gets, destroys, by promise and by callback', async () => {
    assert.equal(await store.get('s1'), null)
    await store.set('s1', sessionOf({ user: 'alice' }))
    const found = (await store.get('s1')) as SessionData & { user: string }
    assert.equal(found.user, 'alice')
    assert.equal(found.cookie.path, '/')
    const byCallback = await new Promise((resolve, reject) =>
      store.get('s1', (error, session) => (error ? reject(error) : resolve(session))),
    )
    assert.deepEqual((byCallback as { user: string }).user, 'alice')
    await new Promise<void>((resolve, reject) => store.destroy('s1', (error) => (error ? reject(error) : resolve())))
    assert.equal(await store.get('s1'), null)
    await store.destroy('s1')
  })

  test('an error goes to the callback, and the ended session stays ended', async () => {
    await store.set('s2', sessionOf({}))
    await store.destroy('s2')
    await assert.rejects(store.set('s2', sessionOf({ user: 'late' })), EndedError)
    const error = await new Promise((resolve) => store.set('s2', sessionOf({ user: 'late' }), resolve))
    assert.ok(error instanceof EndedError)
  })

  test("the life of a session: the cookie's expiry, else ttl, which may be a function; beyond the store's is an error", async () => {
    const near = async (sid: string, seconds: number) => {
      const { ttl } = (await raw(sid))!
      assert.ok(Math.abs(ttl - seconds) <= 2, `${ttl}, not ${seconds}`)
    }
    await store.set('t1', sessionOf({}, 600_000))
    await near('t1', 600)
    await store.set('t2', sessionOf({}, null))
    await near('t2', 86_400)
    const short = new HoldfastStore({ client, ttl: (session) => ((session as { admin?: true }).admin ? 60 : 120) })
    await short.set('t3', sessionOf({ admin: true }, null))
    await short.set('t4', sessionOf({}, 600_000))
    await near('t3', 60)
    await near('t4', 120)
    await assert.rejects(store.set('t5', sessionOf({}, 3 * 86_400_000)), RequestError)
  })

  test('a ttl that shrinks takes life away, and at 0 the session is ended, also by a touch', async () => {
    let ttl = 600
    const own = new HoldfastStore({ client, ttl: () => ttl })
    const session = sessionOf({ a: 1 })
    await own.set('l1', session)
    ttl = 100
    await own.touch('l1', session)
    assert.ok((await raw('l1'))!.ttl <= 100)
    const { etag } = (await raw('l1'))!
    await own.touch('l1', session)
    assert.equal((await raw('l1'))!.etag, etag, 'as long as it may be already')
    ttl = 0
    await own.touch('l1', session)
    assert.equal(await own.get('l1'), null)
    await assert.rejects(client.store('sessions').put(keyOf('l1'), 'late'), EndedError)
  })

  test('options that are wrong are refused, each with its name', () => {
    const wrong: [object, RegExp][] = [
      [{}, /^client: /],
      [{ client: { get() {} } }, /^client: /],
      [{ client, ttl: 0 }, /^ttl: /],
      [{ client, touchAfter: 1.1 }, /^touchAfter: /],
      [{ client, disableTTL: true }, /^disableTTL: there is no such option/],
      [{ client, store: '/sessions' }, /^store: /],
      [{ client, seal: 'a password' }, /^seal: /],
    ]
    for (const [options, message] of wrong) {
      for (const Store of [HoldfastStore, FastifyHoldfastStore]) {
        assert.throws(() => new Store(options as never), { message }, JSON.stringify(options))
      }
    }
  })

  test('many stores on one client warn of nothing, and each tells of the connection', async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    const stores = Array.from({ length: 40 }, (_, n) => new HoldfastStore({ client, prefix: `${n}:` }))
    let told = 0
    for (const each of stores) each.once('disconnect', () => told++)
    client.emit('disconnect', undefined)
    await new Promise((resolve) => setImmediate(resolve))
    process.removeListener('warning', note)
    assert.equal(told, 40)
    assert.deepEqual(warnings, [])
  })

  test('setting one whose expiry has passed ends it', async () => {
    await store.set('p1', sessionOf({}))
    await store.set('p1', sessionOf({}, -1000))
    assert.equal(await store.get('p1'), null)
  })

  test("what comes back has the expiry that is true now, and a cookie of the browser's session has none", async () => {
    await store.set('e1', sessionOf({}, 600_000))
    const expires = new Date((await store.get('e1'))!.cookie.expires!).getTime()
    assert.ok(Math.abs(expires - Date.now() - 600_000) < 3000)
    await store.set('e2', sessionOf({}, null))
    assert.equal((await store.get('e2'))!.cookie.expires, undefined)
  })

  test("a fixed expiry (Fastify's `expires`) is kept to the millisecond, however often it is written", async () => {
    const own = new FastifyHoldfastStore({ client })
    const expires = new Date(Date.now() + 5_500)
    const session = (user: string) => ({ cookie: { originalMaxAge: null, expires, originalExpires: expires }, user })
    await own.set('x1', session('alice'))
    for (const user of ['bob', 'carol']) {
      const found = (await own.get('x1'))!
      assert.deepEqual(found.cookie.expires, expires)
      await own.set('x1', { ...found, ...session(user), cookie: found.cookie })
    }
    const { ttl, value } = (await raw('x1'))!
    assert.ok(ttl <= 6)
    assert.deepEqual(Object.keys(JSON.parse(value.toString()).cookie), ['originalMaxAge', 'expires'])
  })

  test('an unchanged session is not written while most of its life remains', async () => {
    await store.set('u1', sessionOf({ a: 1 }, 600_000))
    const { etag } = (await raw('u1'))!
    await store.set('u1', sessionOf({ a: 1 }, 600_000))
    await store.touch('u1', sessionOf({ a: 1 }, 600_000))
    assert.equal((await raw('u1'))!.etag, etag)
    // Half of its life is gone, as the longer one sees it: now it is prolonged.
    await store.touch('u1', sessionOf({ a: 1 }, 1_200_000))
    const prolonged = (await raw('u1'))!
    assert.notEqual(prolonged.etag, etag)
    assert.ok(prolonged.ttl > 1_100)
    await store.set('u1', sessionOf({ a: 2 }, 600_000))
    assert.notEqual((await raw('u1'))!.etag, prolonged.etag)
  })

  test('touchAfter 1 prolongs each time, disableTouch never', async () => {
    const always = new HoldfastStore({ client, touchAfter: 1 })
    const never = new HoldfastStore({ client, disableTouch: true })
    await always.set('d1', sessionOf({}, 600_000))
    const { etag } = (await raw('d1'))!
    await never.touch('d1', sessionOf({}, 1_200_000))
    assert.equal((await raw('d1'))!.etag, etag)
    await always.touch('d1', sessionOf({}, 600_000))
    assert.notEqual((await raw('d1'))!.etag, etag)
  })

  test("a touch undoes nothing: not another request's write, not a logout", async () => {
    const other = new HoldfastStore({ client })
    await store.set('w1', sessionOf({ cart: [] }, 600_000))
    await other.set('w1', sessionOf({ cart: ['book'] }, 600_000))
    await store.touch('w1', sessionOf({ cart: [] }, 1_200_000))
    assert.deepEqual(((await store.get('w1')) as unknown as { cart: string[] }).cart, ['book'])
    // One that was never seen in this process is looked at first.
    const fresh = new HoldfastStore({ client })
    await fresh.touch('w1', sessionOf({ cart: [] }, 1_200_000))
    assert.deepEqual(((await store.get('w1')) as unknown as { cart: string[] }).cart, ['book'])
    await fresh.touch('w1', sessionOf({ cart: ['book'] }, 1_200_000))
    assert.ok((await raw('w1'))!.ttl > 1_100)
    await other.destroy('w1')
    await store.touch('w1', sessionOf({ cart: ['book'] }, 1_900_000))
    assert.equal(await store.get('w1'), null)
  })

  test('neither the session id nor, if sealed, a byte of the session reaches the server', async () => {
    const sealed = new HoldfastStore({ client, seal: Buffer.alloc(32, 7) })
    await sealed.set('secret-id', sessionOf({ user: 'alice' }))
    assert.equal(await client.store('sessions').get('sess:secret-id'), undefined)
    assert.ok(!(await raw('secret-id'))!.value.includes('alice'))
    assert.equal(((await sealed.get('secret-id')) as unknown as { user: string }).user, 'alice')
  })

  test('prefix and id trade no bytes', async () => {
    const [short, long] = ['app', 'app2'].map((prefix) => new HoldfastStore({ client, prefix }))
    await long!.set('xyz', sessionOf({}))
    assert.equal(await short!.get('2xyz'), null)
  })

  test("a serializer of one's own, also an asynchronous one", async () => {
    const serializer = {
      stringify: (value: object) => Buffer.from(JSON.stringify(value)).toString('base64'),
      parse: async (text: string) => JSON.parse(Buffer.from(text, 'base64').toString()),
    }
    const own = new HoldfastStore({ client, serializer })
    await own.set('z1', sessionOf({ user: 'alice' }))
    assert.equal(((await own.get('z1')) as unknown as { user: string }).user, 'alice')
    // What is not JSON is not quoted.
    await assert.rejects(store.get('z1'), { name: 'TypeError', message: /^what is stored .* is not a session$/ })
    await client.store('sessions').put(keyOf('z2'), '[1]')
    await assert.rejects(store.get('z2'), TypeError)
  })

  test('a thousand sessions at once', async () => {
    const ids = Array.from({ length: 1000 }, (_, n) => `many-${n}`)
    await Promise.all(ids.map((id) => store.set(id, sessionOf({ id }))))
    const found = await Promise.all(ids.map((id) => store.get(id)))
    assert.deepEqual(
      found.map((each) => (each as unknown as { id: string }).id),
      ids,
    )
  })

  test("Fastify's store does the same", async () => {
    const own = new FastifyHoldfastStore({ client })
    await new Promise<void>((resolve, reject) =>
      own.set('f1', sessionOf({ user: 'bob' }), (error) => (error ? reject(error) : resolve())),
    )
    const found = await new Promise((resolve) => own.get('f1', (_error, session) => resolve(session)))
    assert.equal((found as { user: string }).user, 'bob')
    await new Promise<void>((resolve) => own.destroy('f1', () => resolve()))
    assert.equal(await store.get('f1'), null)
  })
})
