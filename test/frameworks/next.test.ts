/**
 * The helper for Next in a built application of the real Next, set up as docs/guides/better-auth.md says: route handlers
 * write sessions, a component reads them.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { blocksOf } from '../support/guide.ts'
import { Program, ROOT } from '../support/process.ts'
import { installFrameworks } from './install.ts'
import { checkTypes } from './pages.ts'
import { Backend, Browser } from './support.ts'

const HERE = join(import.meta.dirname, 'next')
const QUIET = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' }
const NEXT = [process.execPath, join(HERE, 'node_modules/next/dist/bin/next')] as const

test('Next: logs in under a new id, is known to a component, logs out for good', { timeout: 240_000 }, async () => {
  installFrameworks(HERE)
  const block = blocksOf(join(ROOT, 'docs/guides/better-auth.md')).find(({ file }) => file === 'session.ts')
  writeFileSync(join(HERE, 'session.ts'), block!.body)
  checkTypes(HERE, ['session.ts'], 'bundler')
  // A machine that builds has no certificate.
  const built = spawnSync(NEXT[0], [NEXT[1], 'build'], { cwd: HERE, env: QUIET, encoding: 'utf8' })
  assert.equal(built.status, 0, built.stdout + built.stderr)

  await using backend = await Backend.start()
  const { certificate, key } = backend.site.certificates.all
  backend.site.write('tls/client.pem', certificate)
  backend.site.write('tls/client-key.pem', key)
  const env = {
    ...QUIET,
    HOLDFAST_URL: `https://localhost:${backend.server.ports.public}`,
    HOLDFAST_TLS: join(backend.site.folder, 'tls'),
  }
  const app = new Program([...NEXT, 'start', '--port', '0', '--hostname', '127.0.0.1'], { cwd: HERE, env })
  try {
    const origin = await app.until('its address', (it) => /http:\/\/127\.0\.0\.1:\d+/.exec(it.stdout)?.[0])
    const browser = new Browser(origin)
    const user = async (visitor = browser) => /user:(\w+)/.exec((await visitor.ask('/')).text)?.[1]
    assert.equal(await user(), 'nobody')

    browser.cookies.set('__Host-session', 'planted')
    assert.equal((await browser.ask('/login', { method: 'POST' })).text, 'in')
    assert.notEqual(browser.cookies.get('__Host-session'), 'planted')
    // A browser takes a `__Host-` cookie only as these say, also one that takes it away.
    assert.match(browser.lastCookie, /Path=\/;.*Secure; HttpOnly; SameSite=lax/)
    assert.equal(await user(), 'alice')

    const thief = new Browser(origin)
    for (const [name, value] of browser.cookies) thief.cookies.set(name, value)
    assert.equal(await user(thief), 'alice')
    await browser.ask('/login', { method: 'POST' })
    assert.equal(await user(thief), 'nobody', 'a login ends what came before it')
    thief.cookies.set('__Host-session', browser.cookies.get('__Host-session')!)
    assert.equal((await browser.ask('/logout', { method: 'POST' })).text, 'out')
    assert.match(browser.lastCookie, /^__Host-session=; Path=\/;.*Max-Age=0; Secure; HttpOnly; SameSite=lax/)
    assert.equal(browser.cookies.size, 0)
    assert.equal(await user(thief), 'nobody')

    await thief.ask('/login', { method: 'POST' })
    await backend.server.stop('SIGKILL')
    assert.equal((await thief.ask('/')).status, 500)
    assert.equal((await thief.ask('/logout', { method: 'POST' })).status, 500)
    assert.ok(thief.cookies.has('__Host-session'), 'a logout that was not done takes no cookie away')
  } finally {
    await app.stop()
  }
})
