/** Reads of one turn on one connection: each gets its own answer or an error, never another's. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import fc from 'fast-check'
import { type Asked, answering, found, HostileServer, OK, problem, WRITTEN } from '../test/hostile-server.ts'
import { type Client, createClient, type StoreClient, UnavailableError } from './index.ts'

let server: HostileServer
let client: Client
let store: StoreClient

const keyOf = (n: number) => `key${String(n).padStart(2, '0')}`
const of = (asked: Asked) => answering(asked, found(asked.target.slice(-5)))
const keys = (count: number) => Array.from({ length: count }, (_, n) => keyOf(n))
/** In one turn. */
const readAll = (count: number) => Promise.allSettled(keys(count).map((key) => store.get(key)))
type Outcome = Awaited<ReturnType<typeof readAll>>[number]
const got = (outcome: Outcome) => (outcome.status === 'fulfilled' ? outcome.value?.value.toString() : 'lost')

describe('reads of one turn', () => {
  before(async () => {
    server = await HostileServer.start()
  })
  beforeEach(() => {
    server.reset()
    client = createClient({ url: server.url, tls: server.tls, connections: 4 })
    store = client.store('sessions')
    server.respond = (socket, _nth, asked) => socket.write(of(asked))
  })
  afterEach(() => client.close())
  after(() => server.close())

  /** Leaves one idle connection. */
  async function warm(): Promise<void> {
    await store.get(keyOf(0))
    server.asked = []
  }

  test('share a connection, sixteen at a time, and get each its own', async () => {
    await warm()
    assert.deepEqual((await readAll(16)).map(got), keys(16))
    assert.equal(server.connections, 1)
    assert.deepEqual((await readAll(17)).map(got), keys(17))
    assert.equal(server.connections, 2)
  })

  test('share none with a write', async () => {
    await warm()
    const perSocket = new Map<TLSSocket, string[]>()
    server.respond = (socket, _nth, asked) => {
      perSocket.set(socket, [...(perSocket.get(socket) ?? []), asked.method])
      setTimeout(() => socket.write(asked.method === 'PUT' ? answering(asked, WRITTEN) : of(asked)), 20)
    }
    await Promise.all([store.get('key01'), store.put('key02', 'v'), store.get('key03'), store.put('key04', 'v')])
    assert.deepEqual([...perSocket.values()].map((methods) => methods.join()).sort(), ['GET,GET', 'PUT', 'PUT'])
  })

  test('share none on a server that repeats no ids', async () => {
    server.respond = (socket, _nth, { target }) => setTimeout(() => socket.write(found(target.slice(-5))), 50)
    await warm()
    assert.deepEqual((await readAll(4)).map(got), keys(4))
    assert.equal(server.connections, 4)
  })

  test('share none with a read of a later turn', async () => {
    await warm()
    let answer = () => {}
    server.respond = (socket, nth, asked) => {
      if (nth > 1) socket.write(of(asked))
      else answer = () => socket.write(of(asked))
    }
    const first = store.get('key01')
    while (server.asked.length === 0) await new Promise(setImmediate)
    assert.equal((await store.get('key02'))?.value.toString(), 'key02')
    assert.equal(server.connections, 2)
    answer()
    assert.equal((await first)?.value.toString(), 'key01')
  })

  test('each has its own fate', async () => {
    await warm()
    server.respond = (socket, nth, asked) => {
      const told = (text: string) => answering(asked, text)
      socket.write([of(asked), told(problem(404, 'not_found')), told(problem(403, 'forbidden')), of(asked)][nth - 1]!)
    }
    const outcomes = await readAll(4)
    assert.deepEqual(outcomes.map(got), ['key00', undefined, 'lost', 'key03'])
    assert.equal(server.connections, 1)
  })

  test('one odd answer: those behind it are asked again, elsewhere', async () => {
    for (const odd of [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      OK.replace('Content-Length: 5', 'Content-Length: 5\r\nContent-Length: 5'),
      'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnone',
      OK.replace('200 OK', '200 OK\r\nX-Request-ID: 0'),
      // Without an id.
      OK,
    ]) {
      await client.close()
      server.reset()
      client = createClient({ url: server.url, tls: server.tls, connections: 4 })
      store = client.store('sessions')
      server.respond = (socket, _nth, asked) => socket.write(of(asked))
      await warm()
      server.respond = (socket, nth, asked) => {
        socket.write(nth !== 3 ? of(asked) : odd === OK ? odd : answering(asked, odd))
      }
      const outcomes = await readAll(6)
      for (const [n, outcome] of outcomes.entries()) {
        if (n !== 2 || outcome.status === 'fulfilled') assert.equal(got(outcome), keyOf(n))
      }
      assert.equal(server.connections, 2)
    }
  })

  test('one that is not answered: none waits longer than its deadline', async () => {
    await client.close()
    client = createClient({ url: server.url, tls: server.tls, timeout: 500 })
    store = client.store('sessions')
    await warm()
    server.respond = (socket, nth, asked) => nth < 3 && socket.write(of(asked))
    const begun = performance.now()
    const outcomes = await readAll(5)
    assert.ok(performance.now() - begun < 2500)
    assert.deepEqual(outcomes.map(got), [...keys(2), 'lost', 'lost', 'lost'])
    for (const outcome of outcomes.slice(2)) {
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof UnavailableError)
    }
  })

  test('a server that skips an answer, or mixes them up: nobody gets what is not his', async () => {
    for (const order of [
      [0, 2, 3],
      [1, 0, 2, 3],
      [0, 0, 1, 2],
      [3, 2, 1, 0],
    ]) {
      await client.close()
      server.reset()
      client = createClient({ url: server.url, tls: server.tls })
      store = client.store('sessions')
      server.respond = (socket, _nth, asked) => socket.write(of(asked))
      await warm()
      server.respond = (socket, nth, asked) => {
        if (nth > 4) socket.write(of(asked))
        if (nth === 4) for (const n of order) socket.write(of(server.asked[n]!))
      }
      assert.deepEqual((await readAll(4)).map(got), keys(4))
    }
  })

  test('whatever is cut, dropped, doubled or closed: its own value or an error', { timeout: 60_000 }, async () => {
    const single = createClient({ url: server.url, tls: server.tls, timeout: 2000, retries: 1 })
    store = single.store('sessions')
    const fault = fc.constantFrom('none', 'none', 'none', 'close', 'garbage', 'twice', 'half', 'more', 'other')
    const plan = fc.record({ faults: fc.array(fault, { minLength: 1, maxLength: 16 }), cut: fc.nat(60) })
    await fc.assert(
      fc.asyncProperty(plan, async ({ faults, cut }) => {
        server.asked = []
        server.respond = (socket, nth, asked) => {
          const text = of(asked)
          const other = of(server.asked[0]!)
          const whole = {
            none: text,
            twice: text,
            half: text.slice(0, cut),
            more: `${text}x`,
            garbage: `x${text}`,
            other,
          }
          const kind = nth > faults.length ? 'none' : faults[nth - 1]!
          if (kind === 'close') return socket.destroy()
          // An answer that is given twice would be the next one's, if there were no end to the connection.
          socket.write(whole[kind].slice(0, cut))
          socket.write(whole[kind].slice(cut))
          if (kind === 'twice' || kind === 'half') socket.end()
        }
        for (const [n, outcome] of (await readAll(faults.length)).entries()) {
          const value = got(outcome)
          assert.ok(value === 'lost' || value === keyOf(n), `${value} for ${keyOf(n)}`)
        }
      }),
      { numRuns: 100 },
    )
    await single.close()
  })
})
