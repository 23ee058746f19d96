/**
 * Drives a server in every way that a request can go: served, refused, malformed, cut off. Each key, value, header and
 * secret is a canary of its own. What was answered is handed back as sources to be searched; an answer that is bound to
 * carry a value comes apart, with the name of that one canary.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Answer, Client } from '../support/client.ts'
import type { CallerName, Server } from '../support/site.ts'
import type { Mint } from './mint.ts'
import type { Source } from './scanner.ts'

/** A value that was answered to whom it belongs. */
export interface Delivered {
  readonly canary: string
  readonly source: Source
}

interface Driven {
  readonly answers: readonly Source[]
  readonly delivered: readonly Delivered[]
}

const sourceOf = (where: string, { status, headers, body }: Answer): Source => {
  return { where, bytes: Buffer.concat([Buffer.from(`${status} ${JSON.stringify(headers)}\n`), body]) }
}
const TAKE = { prefer: 'return=representation' }
const basic = (name: string, secret: string) => `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`

export async function drive(server: Server, mint: Mint): Promise<Driven> {
  const answers: Source[] = []
  const delivered: Delivered[] = []
  const all = server.client()

  /** Asks, checks the status, and keeps the answer. */
  const ask = async (
    what: string,
    status: number,
    ...[client, method, path, options]: [Client, ...Parameters<Client['ask']>]
  ) => {
    const answer = await client.ask(method, path, options)
    assert.equal(answer.status, status, what)
    answers.push(sourceOf(`the answer to ${what}`, answer))
    return answer
  }
  /** The same for an answer that must carry a value. */
  const fetchValue = async (canary: string, value: Buffer, method: string, path: string, headers = {}) => {
    const answer = await all.ask(method, path, { headers })
    assert.ok(answer.status === 200 && answer.body.equals(value), `the answer with ${canary}`)
    delivered.push({ canary, source: sourceOf(`the answer with ${canary}`, answer) })
  }

  for (const store of ['sessions', 'echoseen', 'plain']) {
    for (const size of [48, 1500, 60_000]) {
      const name = `value of ${size} bytes in ${store}`
      const value = mint.bytes(name, size)
      const key = size === 1500 ? mint.escaped(`key of the ${name}`) : mint.text(`key of the ${name}`)
      const path = `/${store}/v1/${key}`
      await ask('PUT', 201, all, 'PUT', path, { body: value })
      await fetchValue(name, value, 'GET', path)
      await ask('HEAD', 200, all, 'HEAD', path)
      if (size === 60_000)
        await ask('POST over it', 201, all, 'POST', path, { body: mint.bytes('overwritten by POST', 300) })
      if (size === 48) await ask('DELETE', 204, all, 'DELETE', path)
      if (size === 48 && store === 'sessions')
        await ask('PUT after DELETE', 409, all, 'PUT', path, { body: mint.bytes('late value') })
      if (size === 1500 && store !== 'plain') await fetchValue(name, value, 'DELETE', path, TAKE)
    }
  }

  const kept = `/sessions/v1/${mint.text('key with conditions')}`
  const { headers } = await ask('If-None-Match', 201, all, 'PUT', kept, {
    body: mint.bytes('first'),
    headers: { 'if-none-match': '*' },
  })
  const conditional = { body: mint.bytes('refused by a condition'), headers: { 'if-none-match': '*' } }
  await ask('If-None-Match again', 412, all, 'PUT', kept, conditional)
  await ask('If-Match', 201, all, 'PUT', kept, {
    body: mint.bytes('second'),
    headers: { 'if-match': String(headers.etag) },
  })
  const invented = { body: mint.bytes('not written'), headers: { 'if-match': `"${mint.text('made-up tag')}"` } }
  await ask('If-Match of a made-up tag', 412, all, 'PUT', kept, invented)
  await ask('a condition where none is served', 400, all, 'PUT', `/plain/v1/${mint.text('key')}`, conditional)
  await ask('DELETE with a condition', 400, all, 'DELETE', kept, { headers: { 'if-match': '"x"' } })
  await ask('take where none is served', 400, all, 'DELETE', `/plain/v1/${mint.text('key')}`, { headers: TAKE })

  const key = () => mint.text('key of a refused request')
  const body = () => mint.bytes('value of a refused request')
  for (const caller of ['stranger', 'faraway', 'reader'] satisfies CallerName[]) {
    await ask(`PUT by ${caller}`, 403, server.client(caller), 'PUT', `/sessions/v1/${key()}`, { body: body() })
  }
  await ask('an unknown store', 404, all, 'PUT', `/${mint.text('store')}/v1/${key()}`, { body: body() })
  await ask('an unknown path', 404, all, 'GET', `/${key()}`)
  await ask('an absent key', 404, all, 'GET', `/sessions/v1/${key()}`)
  await ask('a query', 400, all, 'GET', `/sessions/v1/${key()}?${mint.text('query')}`)
  await ask('a malformed escape', 400, all, 'GET', `/sessions/v1/${key()}%zz`)
  await ask('a key too long', 400, all, 'GET', `/sessions/v1/${key().repeat(80)}`)
  await ask('another method', 405, all, 'PATCH', `/sessions/v1/${key()}`, { body: body() })
  await ask('an empty body', 400, all, 'PUT', `/sessions/v1/${key()}`, { body: '' })
  await ask('a bad TTL', 400, all, 'PUT', `/sessions/v1/${key()}`, {
    body: body(),
    headers: { 'holdfast-ttl': mint.text('TTL') },
  })
  await ask('headers that nobody reads', 404, all, 'GET', `/sessions/v1/${key()}`, {
    headers: {
      cookie: mint.text('cookie'),
      'user-agent': mint.text('agent'),
      'x-request-id': mint.text('request id'),
      authorization: `Bearer ${mint.text('bearer')}`,
    },
  })

  const { basicSecret: secret } = server.site
  const open = server.basic()
  const legacy = `/sessions/v1/${mint.text('key of a basic caller')}`
  const authorization = (name: string, secret: string) => ({ headers: { authorization: basic(name, secret) } })
  await ask('PUT with a secret', 201, open, 'PUT', legacy, { body: body(), ...authorization('legacy', secret) })
  await ask('no secret', 401, open, 'PUT', `/sessions/v1/${key()}`, { body: body() })
  await ask('a wrong secret', 401, open, 'GET', legacy, authorization('legacy', mint.text('wrong secret')))
  await ask('a wrong name', 401, open, 'GET', legacy, authorization(mint.text('wrong name'), secret))
  await ask('another scheme', 401, open, 'GET', legacy, {
    headers: { authorization: `Bearer ${mint.text('bearer secret')}` },
  })

  answers.push(...(await driveRaw(server, mint)))
  return { answers, delivered }
}

/** What no client library would send. */
async function driveRaw(server: Server, mint: Mint): Promise<Source[]> {
  const key = () => mint.text('key of a broken request')
  const put = (length: string) => `PUT /sessions/v1/${key()} HTTP/1.1\r\nHost: localhost\r\n${length}\r\n\r\n`
  const large = mint.bytes('value too large', 200_000)
  const broken: Record<string, string | Buffer> = {
    'a value too large, announced': put('Content-Length: 200000\r\nConnection: close') + large.toString('latin1'),
    'a value too large, in chunks': `${put('Transfer-Encoding: chunked\r\nConnection: close')}30d40\r\n${large.toString('latin1')}\r\n0\r\n\r\n`,
    'a version that is none': `GET /sessions/v1/${key()} HTTP/9.9\r\n\r\n`,
    'a method that is none': `${mint.text('method')} /sessions/v1/${key()} HTTP/1.1\r\n\r\n`,
    'a header that is none': `GET /sessions/v1/${key()} HTTP/1.1\r\n${mint.text('header')}\r\n\r\n`,
    'a head too large': `GET /sessions/v1/${key()} HTTP/1.1\r\nHost: localhost\r\nCookie: ${mint.text('long').repeat(1000)}\r\n\r\n`,
    'a wrong expectation': put(`Expect: ${mint.text('expectation')}\r\nContent-Length: 48\r\nConnection: close`),
    'bytes that are no HTTP': mint.bytes('noise', 960),
  }
  const answers: Source[] = []
  for (const [what, bytes] of Object.entries(broken)) {
    const socket = await connect(server)
    const answered = untilClosed(socket)
    socket.end(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    answers.push({ where: `the answer to ${what}`, bytes: await answered })
  }
  for (const cut of [
    put('Content-Length: 60000').slice(0, 60),
    `${put('Content-Length: 60000')}${mint.bytes('half a value', 30_000).toString('latin1')}`,
  ]) {
    const socket = await connect(server)
    await new Promise((sent) => socket.write(Buffer.from(cut, 'latin1'), sent))
    socket.destroy()
  }
  const plain = connectTcp(server.ports.public, '127.0.0.1')
  const answered = untilClosed(plain)
  plain.end(put('Content-Length: 48') + mint.text('value in plaintext'))
  answers.push({ where: 'the answer to plain HTTP', bytes: await answered })
  return answers
}

async function connect({ site, ports }: Server): Promise<TLSSocket> {
  const { certificate: cert, key } = site.certificates.all
  const socket = connectTls({ port: ports.public, host: 'localhost', ca: site.authority.certificate, cert, key })
  await once(socket, 'secureConnect')
  return socket
}

function untilClosed(socket: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((done) => {
    // A reset is one way of saying no; what came before it counts all the same.
    socket.on('error', () => {})
    socket.on('close', () => done(Buffer.concat(chunks)))
  })
}
