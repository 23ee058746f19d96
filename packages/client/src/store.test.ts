/** The client against the real server: what each call gives, which error each refusal becomes, and what is on the wire. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { type Server, Site } from '../../../test/support/site.ts'
import {
  type Client,
  ConditionError,
  createClient,
  DeniedError,
  EndedError,
  type HoldfastError,
  RequestError,
  type StoreClient,
  UnavailableError,
} from './index.ts'

let site: Site
let server: Server
let client: Client
let sessions: StoreClient
const clients: Client[] = []

function clientOf(
  name: 'all' | 'reader' | 'stranger',
  options: Partial<Parameters<typeof createClient>[0]> = {},
): Client {
  const { certificate: cert, key } = site.certificates[name]
  const made = createClient({
    url: `https://localhost:${server.ports.public}`,
    tls: { ca: site.authority.certificate, cert, key },
    ...options,
  })
  clients.push(made)
  return made
}

function coded(Class: typeof HoldfastError, code: string) {
  return (error: unknown) => {
    assert.ok(error instanceof Class && error.constructor === Class, `${inspect(error)}`)
    assert.equal(error.code, code)
    return true
  }
}

describe('the client', () => {
  before(async () => {
    site = await Site.make((draft) => {
      draft.stores[0].maxValue = '100KiB'
    })
    server = await site.start()
    client = clientOf('all')
    sessions = client.store('sessions')
  })

  after(async () => {
    await Promise.all(clients.map((each) => each.close()))
    await server.stop()
    site.remove()
  })

  test('puts, gets, ends; what was ended stays ended', async () => {
    assert.equal(await sessions.get('a'), undefined)
    const { etag } = await sessions.put('a', 'value', { ttl: 60 })
    const found = await sessions.get('a')
    assert.deepEqual({ ...found, ttl: 60 }, { value: Buffer.from('value'), etag, ttl: 60 })
    await sessions.end('a')
    await sessions.end('a')
    assert.equal(await sessions.get('a'), undefined)
    await assert.rejects(sessions.put('a', 'late'), coded(EndedError, 'ended'))
  })

  test('a store that does not exist is an error and no miss', async () => {
    const nowhere = client.store('sesions')
    const calls = [nowhere.get('a'), nowhere.take('a'), nowhere.put('a', 'v'), nowhere.end('a')]
    await Promise.all(calls.map((call) => assert.rejects(call, coded(RequestError, 'no-such-path'))))
  })

  test('values of every size and byte', async () => {
    for (const size of [1, 1000, 16_384, 16_385, 100 * 1024]) {
      const value = randomBytes(size)
      await sessions.put(`size ${size}`, value)
      assert.deepEqual((await sessions.get(`size ${size}`))?.value, value)
    }
    const tooLarge = sessions.put('large', Buffer.alloc(100 * 1024 + 1))
    await assert.rejects(tooLarge, coded(RequestError, 'value-too-large'))
    await assert.rejects(sessions.put('empty', ''), coded(RequestError, 'empty-body'))
  })

  test('keys of every kind, and each is its own', async () => {
    const keys = [
      'a/b',
      '.',
      '..',
      '../x',
      '%2F',
      'ключ ✓',
      'a?b#c',
      ' ',
      "!*'()",
      'a\r\nX: y',
      '\0',
      '~-_',
      Buffer.of(0, 255, 47),
    ]
    for (const [n, key] of keys.entries()) await sessions.put(key, String(n))
    for (const [n, key] of keys.entries())
      assert.equal((await sessions.get(key))?.value.toString(), String(n), `${key}`)
    assert.equal((await sessions.get(Buffer.from('ключ ✓')))?.value.toString(), String(keys.indexOf('ключ ✓')))
    await assert.rejects(sessions.get(''), coded(RequestError, 'bad-key'))
    await assert.rejects(sessions.get('\ud800'), coded(RequestError, 'bad-key'))
    await assert.rejects(sessions.get('k'.repeat(4097)), coded(RequestError, 'key-too-long'))
    assert.equal(await sessions.get('k'.repeat(4096)), undefined)
  })

  test('conditions', async () => {
    const { etag } = await sessions.put('c', '1', { ifAbsent: true })
    await assert.rejects(sessions.put('c', '2', { ifAbsent: true }), coded(ConditionError, 'precondition-failed'))
    await sessions.put('c', '2', { ifMatch: etag })
    await assert.rejects(sessions.put('c', '3', { ifMatch: etag }), coded(ConditionError, 'precondition-failed'))
    await sessions.put('c', '4', { ifMatch: '*' })
    assert.equal((await sessions.get('c'))?.value.toString(), '4')
    const inject = { ifMatch: '"x"\r\nHoldfast-TTL: 1' }
    await assert.rejects(sessions.put('c', '5', inject), coded(RequestError, 'bad-condition'))
    for (const ttl of [0, -1, 1.5, Number.NaN]) {
      await assert.rejects(sessions.put('c', '5', { ttl }), coded(RequestError, 'bad-ttl'))
    }
    await assert.rejects(sessions.put('c', '5', { ttl: 86_401 }), coded(RequestError, 'bad-ttl'))
    assert.equal((await sessions.get('c'))?.value.toString(), '4')
  })

  test('of many takes one gets the value', async () => {
    await sessions.put('t', 'once')
    const taken = await Promise.all(Array.from({ length: 20 }, () => sessions.take('t')))
    assert.deepEqual(
      taken.flatMap((found) => (found === undefined ? [] : [found.value.toString()])),
      ['once'],
    )
  })

  test('who may not is told so; who is nobody cannot connect', async () => {
    const reader = clientOf('reader').store('sessions')
    await sessions.put('d', 'x')
    assert.equal((await reader.get('d'))?.value.toString(), 'x')
    await assert.rejects(reader.put('d', 'y'), coded(DeniedError, 'forbidden'))
    await assert.rejects(reader.end('d'), coded(DeniedError, 'forbidden'))
    const nobody = clientOf('all', { tls: { ca: site.authority.certificate }, timeout: 1000 })
    await assert.rejects(nobody.store('sessions').get('d'), coded(UnavailableError, 'connection'))
  })

  test('a basic secret, and a wrong one', async () => {
    const url = `https://localhost:${server.ports.basic}`
    const tls = { ca: site.authority.certificate }
    const secretFile = `${site.folder}/client-secret`
    site.write('client-secret', `${site.basicSecret}\n`)
    const basic = clientOf('all', { url, tls, basic: { name: 'legacy', secretFile } })
    await basic.store('sessions').put('b', 'x')
    const wrong = clientOf('all', { url, tls, basic: { name: 'legacy', secret: 'wrong' } })
    await assert.rejects(wrong.store('sessions').get('b'), coded(DeniedError, 'not_authorized'))
  })

  test('a server whose name or authority is another one is not spoken to', async () => {
    const { certificate: cert, key } = site.certificates.all
    const other = await Site.make()
    const tls = { ca: other.authority.certificate, cert, key }
    await assert.rejects(clientOf('all', { tls }).store('sessions').get('x'), coded(UnavailableError, 'connection'))
    other.remove()
    const url = `https://127.0.0.2:${server.ports.public}`
    await assert.rejects(clientOf('all', { url }).store('sessions').get('x'), coded(UnavailableError, 'connection'))
  })

  test('the server stops and comes back: told, and served again', async () => {
    const own = await site.start()
    const { certificate: cert, key } = site.certificates.all
    const tls = { ca: site.authority.certificate, cert, key }
    const survivor = createClient({ url: `https://localhost:${own.ports.public}`, tls })
    const store = survivor.store('echoseen')
    await Promise.all(Array.from({ length: 40 }, (_, n) => store.put(`k${n}`, 'x')))
    await own.stop()
    const down = once(survivor, 'disconnect')
    await assert.rejects(store.get('k1'), coded(UnavailableError, 'connection'))
    await down
    const up = once(survivor, 'connect')
    site.configure((draft) => {
      draft.listen.port = own.ports.public
      draft.stores[0].maxValue = '100KiB'
    })
    const again = await site.start()
    await up
    assert.equal((await store.get('k1'))?.value.toString(), 'x')
    await survivor.close()
    await assert.rejects(store.get('k1'), coded(UnavailableError, 'closed'))
    await again.stop()
  })

  test('nothing secret is printed with it', () => {
    const { key } = site.certificates.all
    const secret = 'a-secret-of-a-basic-caller'
    const basic = clientOf('all', { basic: { name: 'legacy', secret } })
    const store = basic.store('sessions', { seal: Buffer.alloc(32, 'S') })
    for (const object of [basic, store]) {
      const text = inspect(object, { depth: 20, showHidden: true }) + JSON.stringify(object)
      assert.ok(!text.includes(secret) && !text.includes(Buffer.from(`legacy:${secret}`).toString('base64')))
      assert.ok(!text.includes('SSSS') && !text.includes('53 53 53') && !text.includes(key.slice(40, 80)))
    }
  })
})

test('options that are wrong are refused, each with its name', () => {
  const url = 'https://localhost:8443'
  const wrong: [Partial<Parameters<typeof createClient>[0]>, RegExp][] = [
    [{ url: 'http://localhost' }, /url/],
    [{ url: 'https://name:secret@localhost' }, /url/],
    [{ url: 'https://localhost/?a' }, /url/],
    [{ url: 'nonsense' }, /url/],
    [{ connections: 0 }, /connections/],
    [{ connections: 1025 }, /connections/],
    [{ timeout: 0 }, /timeout/],
    [{ timeout: 600_001 }, /timeout/],
    [{ retries: 11 }, /retries/],
    [{ retries: 1.5 }, /retries/],
    [{ tls: { caFile: '/nowhere/ca.pem' } }, /\/nowhere\/ca\.pem.*ENOENT/],
    [{ tls: { cert: 'x' } }, /certificate needs its key/],
    [{ tls: { cert: 'x', key: 'y' } }, /do not work together/],
    [{ tls: { ca: 'x', caFile: 'y' } }, /given twice/],
    [{ tls: { ca: '' } }, /tls\.ca: no certificate/],
    [{ tls: { ca: 'nonsense' } }, /tls\.ca: no certificate/],
    [{ tls: { ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' } }, /tls\.ca: block 1 of 1/],
    [{ basic: { name: 'a:b', secret: 's' } }, /basic\.name/],
    [{ basic: { name: 'a' } }, /secret/],
    [{ caFile: 'ca.pem' } as object, /caFile: there is no such option/],
    [{ tls: { cafile: 'ca.pem' } as object }, /tls\.cafile: there is no such option/],
    [{ basic: { name: 'a', secret: 's', password: 's' } as never }, /basic\.password: there is no such option/],
  ]
  for (const [options, message] of wrong) {
    assert.throws(
      () => createClient({ url, ...options }),
      (error: unknown) => error instanceof RequestError && message.test(error.message),
      JSON.stringify(options),
    )
  }
  const client = createClient({ url })
  assert.throws(() => client.store('Nonsense/'), RequestError)
  assert.throws(() => client.store('sessions', { seal: Buffer.alloc(31) }), RequestError)
  assert.throws(() => client.store('sessions', { seal: [] }), RequestError)
  assert.throws(() => client.store('sessions', { sealed: true } as object), /sealed: there is no such option/)
})
