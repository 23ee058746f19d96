/** What a touch may change and what it must leave, and what may be skipped as unchanged: on a real server, with faults. */
import assert from 'node:assert/strict'
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { deserialize, serialize } from 'node:v8'
import type { Request } from 'express-serve-static-core'
import type { SessionData } from 'express-session'
import { altered } from '../../../test/support/altered.ts'
import { type Server, Site } from '../../../test/support/site.ts'
import { type Client, createClient, EndedError, UnconfirmedError } from '../../client/src/index.ts'
import { HoldfastStore } from './index.ts'

let site: Site
let server: Server
let client: Client

/** Of ten minutes at first, and now of `maxAge`: as express-session has it after a touch. */
function sessionOf(values: object, maxAge = 600_000, originalMaxAge = 600_000): SessionData {
  return { cookie: { originalMaxAge, expires: new Date(Date.now() + maxAge), path: '/' }, ...values } as never
}
/** A session as a request has it that begins now: express-session makes it of what `get` gives. */
async function requestOf(store: HoldfastStore, sid = 'remember') {
  const request = { sessionID: sid, sessionStore: store } as unknown as Request
  return store.createSession(request, (await store.get(sid))!)
}
const cartOf = (session: unknown) => (session as { cart: unknown } | null)?.cart
const lifeOf = (session: SessionData | null) => new Date(session!.cookie.expires!).getTime() - Date.now()

/** Another text for the same session each time; keeps Maps. */
const key = randomBytes(32)
const sealing = {
  stringify(session: object) {
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key, iv)
    return Buffer.concat([iv, cipher.update(serialize(session)), cipher.final(), cipher.getAuthTag()]).toString('hex')
  },
  parse(text: string) {
    const bytes = Buffer.from(text, 'hex')
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAuthTag(bytes.subarray(-16))
    return deserialize(Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]))
  },
}

before(async () => {
  site = await Site.make((draft) => {
    draft.stores[0].maxTtl = '30d'
    draft.stores.push({ path: 'fast', atomic: 'no', ttl: '1h', maxTtl: '1d' })
    draft.grants[0].stores.push('fast')
  })
  server = await site.start()
  const { certificate: cert, key } = site.certificates.all
  const tls = { ca: site.authority.certificate, cert, key }
  client = createClient({ url: `https://localhost:${server.ports.public}`, tls })
})
after(async () => {
  await client.close()
  await server.stop()
  site.remove()
})

describe('a touch', () => {
  test('keeps a cookie that was changed ("remember me"), and undoes nothing by it', async () => {
    const [store, other] = [new HoldfastStore({ client }), new HoldfastStore({ client })]
    await store.set('remember', sessionOf({ cart: [] }))
    const [first, second, third] = [await requestOf(store), await requestOf(store), await requestOf(other)]
    first.cookie.maxAge = 864_000_000
    await store.touch('remember', first)
    const kept = await other.get('remember')
    assert.equal(kept!.cookie.originalMaxAge, 864_000_000)
    assert.ok(lifeOf(kept) > 863_000_000)
    // Others that ran meanwhile and read the old one, in this process and in another.
    await store.touch('remember', second)
    await other.touch('remember', third)
    assert.ok(lifeOf(await other.get('remember')) > 863_000_000)
    const late = await requestOf(store)
    late.cookie.maxAge = 60_000
    await other.set('remember', sessionOf({ cart: ['book'] }))
    await store.get('remember')
    await store.touch('remember', late)
    assert.deepEqual(cartOf(await other.get('remember')), ['book'])
    const last = await requestOf(store)
    last.cookie.maxAge = 60_000
    await other.destroy('remember')
    await store.touch('remember', last)
    assert.equal(await other.get('remember'), null)
  })

  test('knows a session that its serializer writes differently each time', async () => {
    const [store, other] = [0, 1].map(() => new HoldfastStore({ client, serializer: sealing })) as [
      HoldfastStore,
      HoldfastStore,
    ]
    const cart = (...of: string[]) => new Map(of.map((name) => [name, 1]))
    await store.set('sealing', sessionOf({ cart: cart('pen') }, 300_000))
    const [first, late] = [await requestOf(store, 'sealing'), await requestOf(store, 'sealing')]
    await store.touch('sealing', first.touch())
    assert.ok(lifeOf(await other.get('sealing')) > 590_000)
    await other.set('sealing', sessionOf({ cart: cart('book') }, 300_000))
    // Read by another request of this process, too: what this one read is older.
    await store.get('sealing')
    await store.touch('sealing', late.touch())
    assert.deepEqual(cartOf(await other.get('sealing')), cart('book'))
  })

  test('in a store that is not atomic looks before it writes: a write stays, a logout stays', async () => {
    for (const path of ['plain', 'fast']) {
      const [store, other] = [new HoldfastStore({ client, store: path }), new HoldfastStore({ client, store: path })]
      await store.set('a', sessionOf({ cart: [] }))
      await store.touch('a', sessionOf({ cart: [] }, 1_200_000))
      assert.ok(lifeOf(await other.get('a')) > 1_100_000)
      await other.set('a', sessionOf({ cart: ['book'] }))
      await store.touch('a', sessionOf({ cart: [] }, 2_400_000))
      assert.deepEqual(cartOf(await other.get('a')), ['book'])
      await store.get('a')
      await other.destroy('a')
      await store.touch('a', sessionOf({ cart: ['book'] }, 2_400_000))
      assert.equal(await other.get('a'), null)
    }
  })

  test('in a final store that is not atomic a logout in the very moment is no fault', async () => {
    // Ended between the look and the write.
    const racing = altered(client, (cells) => ({
      async get(key) {
        const found = await cells.get(key)
        await cells.end(key)
        return found
      },
    }))
    const store = new HoldfastStore({ client: racing, store: 'fast' })
    await store.set('b', sessionOf({}))
    await store.touch('b', sessionOf({}, 1_200_000))
    assert.equal(await new HoldfastStore({ client, store: 'fast' }).get('b'), null)
  })
})

describe('what may be skipped as unchanged', () => {
  test('not a write after one whose answer was lost', async () => {
    let isLost = false
    const lossy = altered(client, (cells) => ({
      async put(...args) {
        const answer = await cells.put(...args)
        if (isLost) throw new UnconfirmedError('connection', 'lost')
        return answer
      },
    }))
    const store = new HoldfastStore({ client: lossy })
    await store.set('doubt', sessionOf({ cart: 'user' }))
    isLost = true
    await assert.rejects(store.set('doubt', sessionOf({ cart: 'admin' })), UnconfirmedError)
    isLost = false
    await store.set('doubt', sessionOf({ cart: 'user' }))
    assert.equal(cartOf(await store.get('doubt')), 'user')
  })

  test('not a session that turned out to be gone', async () => {
    const store = new HoldfastStore({ client })
    await store.set('gone', sessionOf({}))
    await new HoldfastStore({ client }).destroy('gone')
    assert.equal(await store.get('gone'), null)
    await assert.rejects(store.set('gone', sessionOf({})), EndedError)
  })

  test('not a write, or an end, that a slow read saw nothing of', async () => {
    let hold: PromiseWithResolvers<void> | undefined
    let seen = () => {}
    const slow = altered(client, (cells) => ({
      async get(key) {
        const found = await cells.get(key)
        seen()
        await hold?.promise
        return found
      },
    }))
    const store = new HoldfastStore({ client: slow })
    await store.set('late', sessionOf({ cart: 'old' }))
    /** A read that saw what was there before `change`, and is answered after it. */
    const across = async (change: () => Promise<void>) => {
      const { promise: isSeen, resolve } = Promise.withResolvers<void>()
      seen = resolve
      hold = Promise.withResolvers()
      const read = store.get('late')
      await isSeen
      await change()
      hold.resolve()
      hold = undefined
      return read
    }
    assert.equal(cartOf(await across(() => store.set('late', sessionOf({ cart: 'new' })))), 'old')
    await store.set('late', sessionOf({ cart: 'old' }))
    assert.equal(cartOf(await store.get('late')), 'old')
    await across(() => store.destroy('late'))
    await assert.rejects(store.set('late', sessionOf({ cart: 'old' })), EndedError)
  })

  test('not a write after two at once, of which either may be the last', async () => {
    const answers: PromiseWithResolvers<void>[] = []
    const unordered = altered(client, (cells) => ({
      async put(...args) {
        const answer = await cells.put(...args)
        const gate = Promise.withResolvers<void>()
        answers.push(gate)
        await gate.promise
        return answer
      },
    }))
    const store = new HoldfastStore({ client: unordered })
    const written = async (count: number) => {
      while (answers.length < count) await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const first = store.set('two', sessionOf({ cart: 'first' }))
    await written(1)
    const second = store.set('two', sessionOf({ cart: 'second' }))
    await written(2)
    answers[1]!.resolve()
    await second
    answers[0]!.resolve()
    await first
    const third = store.set('two', sessionOf({ cart: 'first' }))
    await Promise.race([third, written(3)])
    answers[2]?.resolve()
    await third
    assert.equal(cartOf(await store.get('two')), 'first')
  })
})
