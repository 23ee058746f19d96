/**
 * A client that has not read its answer yet sends the next request: large ones, in both directions. Whether its bytes
 * come in one piece or several, and whatever waits to be sent, a sound request is never taken for a broken one.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { type Server, Site } from '../support/site.ts'

const LARGE = 4_000_000

async function open({ site, ports }: Server): Promise<TLSSocket> {
  const { certificate: cert, key } = site.certificates.all
  const socket = connect({ port: ports.public, host: 'localhost', ca: site.authority.certificate, cert, key })
  await once(socket, 'secureConnect')
  return socket
}

/** How many GETs the server has answered, or handed to the system to be sent. */
async function answered(server: Server): Promise<number> {
  const { body } = await server.admin('/metrics')
  return Number(/^http_requests_total\{code="200",method="GET"\} (\d+)$/m.exec(body)?.[1] ?? 0)
}

test('a large write behind a large answer that nobody has read is served', { timeout: 60_000 }, async (t) => {
  const site = await Site.make()
  t.after(() => site.remove())
  const server = await site.start()
  t.after(() => server.stop())
  assert.equal((await server.client().put('/sessions/v1/large', Buffer.alloc(LARGE, 1))).status, 201)
  for (let attempt = 0; attempt < 10; attempt++) {
    const size = 20_000 + attempt * 20_000
    const socket = await open(server)
    socket.pause()
    const before = await answered(server)
    socket.write('GET /sessions/v1/large HTTP/1.1\r\nHost: localhost\r\n\r\n')
    while ((await answered(server)) === before);
    const head = `PUT /sessions/v1/next HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`
    socket.write(Buffer.concat([Buffer.from(head), Buffer.alloc(size, attempt)]))
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
    })
    socket.resume()
    await once(socket, 'close')
    assert.ok(text.length > LARGE)
    assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 201'], `a body of ${size} bytes`)
  }
})
