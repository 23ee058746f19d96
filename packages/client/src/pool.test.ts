/** Connections over time: a server that is away, hangs or is slow, and what is on its way when a client changes or ends. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { HostileServer, OK } from '../test/hostile-server.ts'
import { type Client, type ClientOptions, createClient, UnavailableError } from './index.ts'

let server: HostileServer
/** Before the server, on TCP: does with each new connection what a test wants. */
let gate: Server
let accept: (socket: Socket) => void
let accepted: number
const clients: Client[] = []

function through(socket: Socket): void {
  const onward = connect(server.port, '127.0.0.1')
  onward.on('error', () => {})
  socket.pipe(onward).pipe(socket)
}
const hang = () => {}
const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

function clientOf(options: Partial<ClientOptions> = {}): Client {
  const { port } = gate.address() as AddressInfo
  const client = createClient({ url: `https://localhost:${port}`, tls: server.tls, ...options })
  clients.push(client)
  return client
}

describe('a pool', { timeout: 60_000 }, () => {
  before(async () => {
    server = await HostileServer.start()
    gate = createServer((socket) => {
      socket.on('error', () => {})
      accepted++
      accept(socket)
    })
    await once(gate.listen(0, '127.0.0.1'), 'listening')
  })
  beforeEach(() => {
    server.reset()
    accepted = 0
    accept = through
    server.respond = (socket) => socket.write(OK)
  })
  afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())))
  after(() => {
    gate.close()
    server.close()
  })

  test('closed while it tries to reach the server makes no further connection', async () => {
    accept = (socket) => void setTimeout(() => socket.destroy(), 100)
    const client = clientOf({ timeout: 500, retries: 0 })
    await assert.rejects(client.store('s').get('k'))
    await until(() => accepted === 2)
    await client.close()
    const before = accepted
    await new Promise((resolve) => setTimeout(resolve, 3000))
    assert.equal(accepted, before)
  })

  test('a call does not wait for an attempt that hangs', async () => {
    for (const connections of [1, 4]) {
      accepted = 0
      accept = (socket) => void socket.destroy()
      const store = clientOf({ timeout: 5000, retries: 0, connections }).store('s')
      await assert.rejects(store.get('k'), UnavailableError)
      accept = hang
      const before = accepted
      await until(() => accepted > before)
      accept = through
      const begun = performance.now()
      assert.equal((await store.get('k'))?.value.toString(), 'value')
      assert.ok(performance.now() - begun < 4000)
    }
  })

  test('a connection whose handshake began before a reload is not used after it', async () => {
    let open = () => {}
    accept = (socket) => {
      open = () => through(socket)
    }
    const client = clientOf({ connections: 1 })
    const first = client.store('s').get('k')
    await until(() => accepted === 1)
    accept = through
    client.reload()
    open()
    assert.equal((await first)?.value.toString(), 'value')
    assert.equal(accepted, 2)
    assert.equal(server.asked.length, 1)
  })

  test('one answer that does not come costs one connection', async () => {
    const slow = '/s/v1/slow'
    server.respond = (socket, _nth, { target }) => {
      if (target !== slow) setTimeout(() => socket.write(OK), 50)
    }
    const store = clientOf({ timeout: 1000, connections: 16 }).store('s')
    const many = () => Promise.all(Array.from({ length: 12 }, (_, n) => store.get(`k${n}`)))
    await many()
    const before = accepted
    await assert.rejects(store.get('slow'), UnavailableError)
    await many()
    assert.ok(accepted <= before + 1, `${accepted - before} new ones`)
  })

  test('of a port without TLS says so, and nothing of OpenSSL', async () => {
    accept = (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    await assert.rejects(clientOf({ retries: 0 }).store('s').get('k'), /no TLS is spoken there/)
  })

  /** A program that prints what it found; its output, and how long it lived after its last line, in ms. */
  async function run(lines: string): Promise<{ output: string; ms: number }> {
    const { port } = gate.address() as AddressInfo
    const program = `
      import { createClient } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))}
      const make = (more) => createClient({ url: 'https://localhost:${port}', tls: ${JSON.stringify(server.tls)}, ...more })
      ${lines}
      const done = Date.now()
      process.on('exit', () => console.log('|' + (Date.now() - done)))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    const [code] = await once(child, 'close')
    assert.equal(code, 0)
    return { output, ms: Number(output.split('|')[1]) }
  }

  test('holds no process by an attempt of its own that hangs', async () => {
    accept = (socket) => {
      accept = hang
      socket.destroy()
    }
    const { ms } = await run(`
      const client = make({ timeout: 30_000, retries: 0 })
      await client.store('s').get('k').catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, 2000))`)
    assert.equal(accepted, 2)
    assert.ok(ms < 5000, `${ms} ms`)
  })

  test('of a host with several addresses says why each failed', async () => {
    const { output } = await run(`
      import dns from 'node:dns'
      dns.lookup = (host, options, found) => found(null, ['127.0.0.1', '::1'].map((address, n) => ({ address, family: 4 + 2 * n })))
      const client = make({ url: 'https://localhost:1', retries: 0 })
      await client.store('s').get('k').catch((error) => console.log(error.message))
      await client.close()`)
    assert.match(output, /cannot connect: connect ECONNREFUSED 127\.0\.0\.1:1, connect E[A-Z]+ ::1:1/)
  })

  test('a listener that throws costs no call and no connection', async () => {
    const { output } = await run(`
      process.on('uncaughtException', (error) => console.log(error.message))
      const client = make({ connections: 1 })
      client.on('connect', () => { throw new Error('of the listener') })
      console.log((await client.store('s').get('k')).value.toString())
      console.log((await client.store('s').get('k')).value.toString())
      await client.close()
      const away = make({ url: 'https://localhost:1', retries: 0, timeout: 20_000 })
      away.on('disconnect', () => { throw new Error('of the other') })
      await away.store('s').get('k').catch((error) => console.log(error.code))
      await away.close()`)
    assert.match(output, /of the listener[\s\S]*connection[\s\S]*of the other|of the other[\s\S]*connection/)
    assert.equal(output.match(/value/g)?.length, 2)
  })
})
