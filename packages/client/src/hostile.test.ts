/** Servers that break, lie or stall, over real TLS: a call ends in time, with an error that says whether it was done. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { createServer, type TLSSocket } from 'node:tls'
import fc from 'fast-check'
import { inDays, issue, makeAuthority } from '../../server/src/cli/pki.ts'
import { DONE, found, HostileServer, OK, problem, WRITTEN } from '../test/hostile-server.ts'
import {
  type Client,
  createClient,
  EndedError,
  HoldfastError,
  LogoutPendingError,
  RequestError,
  type StoreClient,
  UnavailableError,
  UnconfirmedError,
} from './index.ts'

const TIMEOUT = 500

let server: HostileServer
let client: Client
let store: StoreClient

describe('a server that', () => {
  before(async () => {
    server = await HostileServer.start()
  })

  beforeEach(async () => {
    await client?.close()
    server.reset()
    client = createClient({ url: server.url, tls: server.tls, timeout: TIMEOUT, connections: 4 })
    store = client.store('sessions')
  })

  after(async () => {
    await client.close()
    server.close()
  })

  const fails = async (call: Promise<unknown>, Class: typeof HoldfastError, code: string) => {
    const begun = performance.now()
    await assert.rejects(call, (error: unknown) => {
      assert.ok(error instanceof HoldfastError && error.constructor === Class, `${error} ${code}`)
      assert.equal(error.code, code)
      return true
    })
    assert.ok(performance.now() - begun < TIMEOUT + 2000, 'it took too long')
  }

  test('never answers: the call ends at its deadline, and a write is in doubt', async () => {
    server.respond = () => {}
    await fails(store.get('k'), UnavailableError, 'timeout')
    await fails(store.put('k', 'v'), UnconfirmedError, 'timeout')
    await fails(store.end('k'), UnconfirmedError, 'timeout')
    await fails(store.take('k'), UnconfirmedError, 'timeout')
    assert.deepEqual(server.methods, ['GET', 'PUT', 'DELETE', 'DELETE'])
  })

  test('drips: the deadline holds', async () => {
    server.respond = (socket) => {
      let at = 0
      const timer = setInterval(
        () => (at < OK.length && !socket.destroyed ? socket.write(OK[at++]!) : clearInterval(timer)),
        20,
      )
    }
    await fails(store.get('k'), UnavailableError, 'timeout')
  })

  for (const [what, text] of Object.entries({
    nothing: '',
    'half a head': OK.slice(0, 20),
    'half a body': OK.slice(0, -2),
  })) {
    test(`sends ${what} and closes: asked again only where that is safe`, async () => {
      server.respond = (socket, nth) =>
        nth === 1 ? socket.end(text) : socket.write(server.methods[0] === 'PUT' ? WRITTEN : OK)
      assert.equal((await store.get('k'))?.value.toString(), 'value')
      server.asked = []
      await store.put('k', 'v')
      assert.deepEqual(server.methods, ['PUT', 'PUT'])
      for (const call of [
        () => store.take('k'),
        () => store.put('k', 'v', { ifAbsent: true }),
        () => store.put('k', 'v', { ifMatch: '"a"' }),
      ]) {
        server.asked = []
        await fails(call(), UnconfirmedError, 'connection')
        assert.equal(server.asked.length, 1)
      }
    })
  }

  test('answers garbage: an error, and the connection is not used again', async () => {
    server.respond = (socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
    await fails(store.get('k'), UnavailableError, 'connection')
    assert.equal(server.connections, 3)
    await fails(store.put('k', 'v', { ifAbsent: true }), UnconfirmedError, 'connection')
  })

  test('says more than it was asked: nobody gets what was not meant for him', async () => {
    server.respond = (socket, nth) => socket.write(nth === 1 ? OK + found('other') : found('right'))
    assert.equal((await store.get('a'))?.value.toString(), 'value')
    assert.equal((await store.get('b'))?.value.toString(), 'right')
  })

  test('speaks before it is asked: that connection is given up', async () => {
    let first = true
    server.greet = (socket) => {
      if (first) socket.write(found('wrong'))
      first = false
    }
    server.respond = (socket) => socket.write(OK)
    // The unasked bytes come before or after the request is sent; then they are the answer to it, as HTTP has it.
    const value = (await store.get('k'))?.value.toString()
    assert.ok(value === 'value' || value === 'wrong')
    assert.equal((await store.get('k'))?.value.toString(), 'value')
  })

  test('refused before doing anything: asked again, whatever it is', async () => {
    server.respond = (socket, nth) => socket.write(nth <= 2 ? problem(503, 'overloaded') : OK)
    assert.equal((await store.take('k'))?.value.toString(), 'value')
    assert.deepEqual(server.methods, ['DELETE', 'DELETE', 'DELETE'])
  })

  test('asks for a wait that does not fit into the deadline: told at once', async () => {
    server.respond = (socket) => socket.write(problem(503, 'overloaded', 'Retry-After: 1\r\n'))
    const begun = performance.now()
    await fails(store.get('k'), UnavailableError, 'overloaded')
    assert.ok(performance.now() - begun < TIMEOUT)
    assert.equal(server.asked.length, 1)
  })

  test('does not know whether it was done: asked again only if that is safe', async () => {
    server.respond = (socket, nth) => socket.write(nth === 1 ? problem(503, 'unconfirmed') : DONE)
    await store.end('k')
    server.asked = []
    await fails(store.put('k', 'v', { ifAbsent: true }), UnconfirmedError, 'unconfirmed')
    assert.equal(server.asked.length, 1)
  })

  for (const [status, code, Class] of [
    [503, 'storage-full', UnconfirmedError],
    [403, 'forbidden', UnconfirmedError],
    [500, 'unreadable', UnconfirmedError],
    [409, 'ended', EndedError],
    [503, 'logout-pending', LogoutPendingError],
  ] as const) {
    test(`loses a write and then answers ${code}: the doubt remains, unless that says it all`, async () => {
      server.respond = (socket, nth) => (nth === 1 ? socket.end() : socket.write(problem(status, code)))
      await fails(store.put('k', 'v'), Class, code)
    })
  }

  test('is behind a proxy that does not hear from it: not done, or in doubt', async () => {
    for (const status of [502, 503, 504]) {
      server.asked = []
      server.respond = (socket) => socket.write(`HTTP/1.1 ${status} X\r\nContent-Length: 9\r\n\r\n<p>no</p>`)
      await fails(store.get('k'), UnavailableError, 'gateway')
      await fails(store.put('k', 'v'), UnconfirmedError, 'gateway')
      assert.deepEqual(server.methods, ['GET', 'GET', 'GET', 'PUT', 'PUT', 'PUT'])
      server.asked = []
      await fails(store.take('k'), UnconfirmedError, 'gateway')
      assert.equal(server.asked.length, 1)
    }
  })

  test('has a value that is too large: told as that, and once; misses and refusals are none the less', async () => {
    const small = createClient({ url: server.url, tls: server.tls, maxValue: 4 })
    const sessions = small.store('sessions')
    server.respond = (socket) => socket.write(OK)
    await fails(sessions.get('k'), HoldfastError, 'too-large')
    await fails(sessions.take('k'), UnconfirmedError, 'too-large')
    assert.equal(server.asked.length, 2)
    server.respond = (socket) => socket.write(found('val').replace('5', '3'))
    assert.equal((await sessions.get('k'))?.value.toString(), 'val')
    server.respond = (socket) => socket.write(problem(404, 'not_found'))
    assert.equal(await sessions.get('k'), undefined)
    server.respond = (socket) => socket.write(problem(409, 'ended'))
    await fails(sessions.put('k', 'v'), EndedError, 'ended')
    await small.close()
  })

  test('answers before the request has gone out: nothing is put behind the rest of it', async () => {
    server.greet = (socket) => {
      if (server.connections > 1) return
      socket.once('data', () => {
        socket.pause()
        socket.write(problem(413, 'value-too-large'))
      })
    }
    server.respond = (socket) => socket.write(OK)
    const patient = createClient({ url: server.url, tls: server.tls, timeout: 30_000, connections: 1 })
    const sessions = patient.store('sessions')
    await assert.rejects(sessions.put('k', Buffer.alloc(20_000_000)), RequestError)
    assert.equal((await sessions.get('k'))?.value.toString(), 'value')
    assert.equal(server.connections, 2)
    await patient.close()
  })

  test('closes before its first answer: the certificate may be the reason, and the error says so', async () => {
    server.greet = (socket) => socket.end()
    const patient = createClient({ url: server.url, tls: server.tls, timeout: 30_000, retries: 0 })
    await assert.rejects(patient.store('s').get('k'), /perhaps it refuses this client's certificate/)
    await patient.close()
  })

  test('is asked nothing where key or value are of another kind than the types allow', async () => {
    const injected = ['x HTTP/1.1\r\nHost: a\r\n\r\nGET /sessions/v1/other']
    for (const key of [injected, { length: 1 }, 5, null, new Uint16Array([1]), new ArrayBuffer(4)]) {
      await fails(store.get(key as unknown as string), RequestError, 'bad-key')
    }
    for (const value of [injected, {}, 5, null, undefined, new Float32Array([1]), new DataView(new ArrayBuffer(4))]) {
      await fails(store.put('k', value as unknown as string), RequestError, 'bad-value')
    }
    assert.equal(server.connections, 0)
  })

  test('is not Holdfast: its 404 is no miss, its 200 no value', async () => {
    server.respond = (socket) => socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot here!')
    await fails(store.get('k'), HoldfastError, 'protocol')
    server.respond = (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello')
    await fails(store.get('k'), HoldfastError, 'protocol')
    await fails(store.put('k', 'v'), HoldfastError, 'protocol')
    await fails(store.end('k'), HoldfastError, 'protocol')
    server.respond = (socket) =>
      socket.write('HTTP/1.1 302 Found\r\nLocation: https://example.org/\r\nContent-Length: 0\r\n\r\n')
    await fails(store.get('k'), HoldfastError, 'protocol')
    server.respond = (socket) => socket.write(problem(404, 'not_found'))
    assert.equal(await store.get('k'), undefined)
  })

  test('closed the idle connections: the next calls do not notice, and conditional ones mostly not', async () => {
    const sockets: TLSSocket[] = []
    server.greet = (socket) => sockets.push(socket)
    server.respond = (socket) => socket.write(OK)
    await Promise.all([store.get('a'), store.get('b'), store.get('c')])
    for (const socket of sockets) socket.destroy()
    assert.equal((await store.get('d'))?.value.toString(), 'value')
  })

  test('whatever bytes it sends in whatever pieces: the right value or an error, in time', {
    timeout: 60_000,
  }, async () => {
    const pieces = fc.array(
      fc.oneof(
        fc.constantFrom(
          OK,
          OK.slice(0, 40),
          OK.slice(40),
          'HTTP/1.1 ',
          '200 OK\r\n',
          'Content-Length: 5\r\n',
          '\r\n',
          'value',
          DONE,
        ),
        fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      ),
      { maxLength: 6 },
    )
    let everSent = ''
    const single = createClient({ url: server.url, tls: server.tls, retries: 0 })
    const patient = single.store('sessions')
    await fc.assert(
      fc.asyncProperty(pieces, fc.boolean(), async (sent, closes) => {
        // What an earlier answer left on its way may come on a kept connection.
        everSent += `|${sent.join('')}`
        server.respond = (socket) => {
          for (const piece of sent) socket.write(piece, 'latin1')
          if (closes) socket.end()
          else setTimeout(() => socket.destroy(), 5)
        }
        const result = await patient.get('k').catch((error: unknown) => error)
        if (result instanceof HoldfastError) return
        assert.ok(typeof result === 'object' && result !== null && 'value' in result, `${result}`)
        const value = (result.value as Buffer).toString('latin1')
        assert.ok(everSent.includes(`\r\n\r\n${value}`), 'a value that was not sent as one')
      }),
      { numRuns: 500 },
    )
    await single.close()
  })

  test('speaks TLS 1.2 only is not spoken to, unless that was asked for', async () => {
    server.respond = (socket) => socket.write(OK)
    const authority = await makeAuthority('old', { notAfter: inDays(1) })
    const leaf = await issue({ authority, name: 's', dns: ['localhost'], usages: ['server'], notAfter: inDays(1) })
    const old = createServer({ cert: leaf.certificate, key: leaf.key, maxVersion: 'TLSv1.2' }, (socket) => {
      socket.on('error', () => {}).on('data', () => socket.write(OK))
    })
    await once(old.listen(0, '127.0.0.1'), 'listening')
    const url = `https://localhost:${(old.address() as AddressInfo).port}`
    const ask = async (minVersion?: 'TLSv1.2') => {
      const one = createClient({
        url,
        retries: 0,
        tls: { ca: authority.certificate, ...(minVersion && { minVersion }) },
      })
      try {
        return (await one.store('s').get('k'))?.value.toString()
      } finally {
        await one.close()
      }
    }
    try {
      await assert.rejects(ask(), UnavailableError)
      assert.equal(await ask('TLSv1.2'), 'value')
      assert.throws(() => createClient({ url, tls: { minVersion: 'TLSv1' as 'TLSv1.2' } }), /tls\.minVersion/)
    } finally {
      old.close()
    }
  })
})
