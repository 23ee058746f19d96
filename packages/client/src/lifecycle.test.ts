/** A client over time: certificates that are renewed under it, and a process that is done while it is still open. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { type CallerName, type Server, Site } from '../../../test/support/site.ts'
import { type Client, createClient, DeniedError, RequestError } from './index.ts'

let site: Site
let server: Server
const clients: Client[] = []

/** Puts this caller's certificate, or another text, where the client reads it; each file whole, as a renewal does. */
function install(certificate: CallerName | string): void {
  const known = site.certificates[certificate as CallerName]
  for (const [name, content] of Object.entries({
    'own-key.pem': known?.key ?? certificate,
    'own.pem': known?.certificate ?? certificate,
  })) {
    site.write(`${name}.new`, content)
    renameSync(join(site.folder, `${name}.new`), join(site.folder, name))
  }
}

function fromFiles(): Client {
  const file = (name: string) => join(site.folder, name)
  const tls = { caFile: file('tls/ca.pem'), certFile: file('own.pem'), keyFile: file('own-key.pem') }
  const client = createClient({ url: `https://localhost:${server.ports.public}`, tls })
  clients.push(client)
  return client
}

describe('a client', () => {
  before(async () => {
    site = await Site.make()
    server = await site.start()
  })
  beforeEach(() => install('reader'))
  afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())))
  after(async () => {
    await server.stop()
    site.remove()
  })

  test('is somebody else after reload(), on connections that were open, too', async () => {
    const client = fromFiles()
    const sessions = client.store('sessions')
    await assert.rejects(sessions.put('k', 'v'), DeniedError)
    install('all')
    await assert.rejects(sessions.put('k', 'v'), DeniedError)
    client.reload()
    await sessions.put('k', 'v')
  })

  test('keeps what works when files do not, and says so', async () => {
    const client = fromFiles()
    const sessions = client.store('sessions')
    await sessions.get('k')
    install('half of a certificate')
    assert.throws(() => client.reload(), RequestError)
    await sessions.get('k')
  })

  test('sees by itself that files changed: it warns of broken ones and uses the next that work', {
    timeout: 60_000,
  }, async () => {
    const client = fromFiles()
    const sessions = client.store('sessions')
    await sessions.get('k')
    const warned = once(client, 'warning')
    install('half of a certificate')
    const [warning] = await warned
    assert.ok(warning instanceof RequestError && !warning.message.includes('half'))
    install('all')
    for (;;) {
      const refused = await sessions.put('k', 'v').then(
        () => false,
        (error) => error instanceof DeniedError,
      )
      if (!refused) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })

  test('a warning that nobody listens for is one of the process', { timeout: 60_000 }, async () => {
    const warned = once(process, 'warning')
    fromFiles()
    install('half of a certificate')
    const [warning] = await warned
    assert.ok(warning instanceof RequestError)
  })

  /** Runs a program that does not close its client; how long it lived after its last line, in ms. */
  async function livesOn(lines: string): Promise<number> {
    const index = JSON.stringify(join(import.meta.dirname, 'index.ts'))
    const file = (name: string) => JSON.stringify(join(site.folder, name))
    const program = `
      import { createClient } from ${index}
      const tls = { caFile: ${file('tls/ca.pem')}, certFile: ${file('tls/all.pem')}, keyFile: ${file('tls/all-key.pem')} }
      ${lines}
      console.log(Date.now())`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const late = setTimeout(() => child.kill('SIGKILL'), 30_000)
    const [[code], printed] = await Promise.all([once(child, 'exit'), text(child.stdout)])
    clearTimeout(late)
    assert.equal(code, 0)
    return Date.now() - Number(printed)
  }

  test('does not keep its process alive: not by idle connections, not by watched files', async () => {
    const idle = await livesOn(`
      const client = createClient({ url: 'https://localhost:${server.ports.public}', tls })
      await Promise.all(Array.from({ length: 40 }, (_, n) => client.store('sessions').get('k' + n)))`)
    assert.ok(idle < 5000, `${idle} ms`)
  })

  test('nor by trying to reach a server that is away', async () => {
    const away = await livesOn(`
      const client = createClient({ url: 'https://localhost:1', tls })
      await client.store('sessions').get('k').catch(() => {})`)
    assert.ok(away < 5000, `${away} ms`)
  })
})
