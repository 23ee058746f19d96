/** `holdfast dev` where it must refuse, and `init` and `serve` as the way from trying to running. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as secureConnect } from 'node:tls'
import { inDays, makeRevocationList } from '../../packages/server/src/cli/pki.ts'
import { Client } from '../support/client.ts'
import { holdfast, type Program, whenReady } from '../support/process.ts'
import { Site } from '../support/site.ts'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-dev-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const ready = (program: Program) =>
  program.until('ready', (it) => /Ready on https:\/\/localhost:(\d+)/.exec(it.stdout)?.[1])

test('dev refuses every address but loopback, and makes nothing', async (t) => {
  const data = join(folder(t), 'data')
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org', '']) {
    const program = holdfast(['dev', '--port', '0', '--data', data, '--host', host])
    assert.equal((await program.ended).code, 2, host)
    assert.match(program.stderr, /loopback only/)
  }
  assert.ok(!existsSync(data))
})

test('dev says which port is taken', async (t) => {
  const data = folder(t)
  const first = holdfast(['dev', '--port', '0', '--data', join(data, 'a')])
  const port = await ready(first)
  const second = holdfast(['dev', '--port', port, '--admin-port', '0', '--data', join(data, 'b')])
  assert.equal((await second.ended).code, 1)
  assert.match(second.stderr, new RegExp(`port ${port} \\(--port\\) is taken\n  Try the same with --port \\d+\n`))
  const below = String(Number(port) - 1)
  const third = holdfast(['dev', '--port', below, '--data', join(data, 'c')])
  assert.equal((await third.ended).code, 1)
  // The one below may be taken, too, by whatever else runs.
  if (!third.stderr.includes(`port ${below} `)) {
    assert.match(third.stderr, new RegExp(`port ${port} \\(--admin-port, 1 above --port\\) is taken\n.*--admin-port`))
  }
  assert.equal((await first.stop('SIGINT')).code, 0)
})

test('dev does not go on with a keyset that is not the one of its database', async (t) => {
  const data = folder(t)
  const first = holdfast(['dev', '--port', '0', '--data', data])
  await ready(first)
  await first.stop()
  rmSync(join(data, 'keys/stores.json'))
  const second = holdfast(['dev', '--port', '0', '--data', data])
  assert.equal((await second.ended).code, 3)
  assert.match(second.stderr, /keyset/)
})

test('a repeated signal is one wish', async (t) => {
  const program = holdfast(['dev', '--port', '0', '--data', folder(t)])
  await ready(program)
  program.child.kill('SIGTERM')
  program.child.kill('SIGINT')
  program.child.kill('SIGTERM')
  assert.deepEqual(await program.ended, { code: 0, signal: null })
})

test('a client that stays silent in its handshake does not hold up the end', async (t) => {
  const program = holdfast(['dev', '--port', '0', '--data', folder(t)])
  const port = Number(await ready(program))
  const silent = connect(port, '127.0.0.1').on('error', () => {})
  await once(silent, 'connect')
  const before = performance.now()
  assert.equal((await program.stop()).code, 0)
  assert.ok(performance.now() - before < 4000, 'the drain time is 5 s')
  silent.destroy()
})

test('while it drains it is not ready; a second signal, later, ends it at once', async (t) => {
  const data = folder(t)
  const program = holdfast(['dev', '--port', '0', '--data', data])
  const port = Number(await ready(program))
  const read = (name: string) => readFileSync(join(data, 'tls', name), 'utf8')
  const identity = { ca: read('ca.pem'), cert: read('client.pem'), key: read('client-key.pem') }
  const slow = secureConnect({ port, host: 'localhost', ...identity }).on('error', () => {})
  slow.write('PUT /sessions/v1/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
  await once(slow, 'data')
  program.child.kill('SIGTERM')
  await program.until('the stop', (it) => it.audit().find((line) => line.event === 'stop'))
  const probe = /http:\/\/localhost:(\d+)\/readyz/.exec(program.stdout)?.[1]
  assert.equal((await fetch(`http://127.0.0.1:${probe}/readyz`)).status, 503)
  await new Promise((done) => setTimeout(done, 1100))
  assert.equal(program.child.exitCode, null, 'it drains')
  assert.deepEqual(await program.stop('SIGTERM'), { code: 1, signal: null })
  slow.destroy()
})

test('a fault that nobody expected ends with 1 and a log line without its message', async (t) => {
  const data = folder(t)
  writeFileSync(join(data, 'fault.mjs'), "process.on('SIGUSR2', () => { throw new RangeError('enwiki:s3cr3t') })")
  const env = { NODE_OPTIONS: `--import=${join(data, 'fault.mjs')}` }
  const program = holdfast(['dev', '--port', '0', '--data', data], { env })
  await ready(program)
  program.child.kill('SIGUSR2')
  assert.deepEqual(await program.ended, { code: 1, signal: null })
  const line = program.lines().find(({ level }) => level === 'fatal') as { err: { type: string } }
  assert.equal(line.err.type, 'RangeError')
  assert.deepEqual(
    program.audit().map(({ event, cause }) => [event, cause]),
    [
      ['start', undefined],
      ['stop', 'fault'],
    ],
  )
  assert.ok(!`${program.stdout}${program.stderr}`.includes('s3cr3t'))
})

test('a reader of its output that goes away does not stop it', async (t) => {
  const data = folder(t)
  const program = holdfast(['dev', '--port', '0', '--data', data])
  const port = Number(await ready(program))
  program.child.stdout?.destroy()
  const read = (name: string) => readFileSync(join(data, 'tls', name), 'utf8')
  const identity = { ca: read('ca.pem'), cert: read('client.pem'), key: read('client-key.pem') }
  const client = new Client(`https://localhost:${port}`, identity, 1)
  for (let i = 0; i < 3; i++) assert.equal((await client.delete(`/sessions/v1/${i}`)).status, 204, 'audited each time')
  await client.close()
  assert.equal((await program.stop()).code, 0)
})

test('init and serve: from the commented file to a server that answers', async (t) => {
  const site = await Site.make()
  t.after(() => site.remove())
  const root = join(folder(t), 'production')
  assert.equal((await holdfast(['init', root]).ended).code, 0)
  for (const name of ['ca.pem', 'server.pem', 'server-key.pem']) {
    writeFileSync(join(root, 'tls', name), readFileSync(join(site.folder, 'tls', name)), { mode: 0o600 })
  }
  const list = await makeRevocationList(site.authority, [], { notAfter: inDays(1) })
  writeFileSync(join(root, 'tls/ca.crl'), list)
  const file = join(root, 'holdfast.yaml')
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replaceAll(/#port: 844[34]/g, 'port: 0').replace('org/mediawiki', 'org/all'))
  const program = holdfast(['serve', '--config', file])
  t.after(() => program.stop('SIGKILL'))
  const ports = await whenReady(program)
  const { certificate, key } = site.certificates.all
  const connectWith = { ca: site.authority.certificate, cert: certificate, key }
  const client = new Client(`https://localhost:${ports.public}`, connectWith, 1)
  assert.equal((await client.put('/sessions/v1/a', 'value')).status, 201)
  assert.equal((await client.get('/sessions/v1/a')).body.toString(), 'value')
  await client.close()
  assert.equal((await program.stop()).code, 0)
})

test('serve refuses what development made: its authority, its keyset', async (t) => {
  const data = folder(t)
  const dev = holdfast(['dev', '--port', '0', '--data', data])
  await ready(dev)
  await dev.stop()
  const site = await Site.make()
  t.after(() => site.remove())
  const refused = async (says: RegExp) => {
    const program = site.launch()
    assert.equal((await program.ended).code, 3)
    assert.match(program.stderr, says)
    assert.equal(program.stdout.includes('"ready"'), false)
  }
  site.configure((draft) => {
    draft.authorities[0].certificate = join(data, 'tls/ca.pem')
  })
  await refused(/made for development/)
  site.configure((draft) => {
    draft.listen.certificate = join(data, 'tls/server.pem')
    draft.listen.key = join(data, 'tls/server-key.pem')
  })
  await refused(/made for development/)
  site.configure((draft) => {
    draft.keys.stores.file = join(data, 'keys/stores.json')
  })
  await refused(/not wrapped/)
})
