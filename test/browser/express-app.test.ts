/** examples/express-app in a real browser: what a visitor sees, and what he is told when things fail. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { holdfast, type Program, ROOT } from '../support/process.ts'
import { type Server, Site } from '../support/site.ts'
import { ExampleApp, launch, missing, Visitor } from './support.ts'

test('the example application without Holdfast says what to start', () => {
  const main = join(ROOT, 'examples/express-app/src/main.ts')
  const { status, stderr } = spawnSync(process.execPath, [main], {
    ...{ encoding: 'utf8', env: { ...process.env, HOLDFAST_TLS: '/nowhere' } },
  })
  assert.equal(status, 1)
  assert.match(stderr, /^\/nowhere is not there\. Start Holdfast first: npm start.*\n$/)
})

describe('the example application', { skip: missing, timeout: 300_000 }, () => {
  let folder: string
  let browser: Browser

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-browser-'))
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true })
  })

  describe('on holdfast dev', () => {
    let server: Program
    let port = '0'
    let app: ExampleApp

    async function serve(): Promise<void> {
      server = holdfast(['dev', '--port', port, '--admin-port', '0', '--data', join(folder, 'data')])
      port = await server.until('the ready line', (it) => /Ready on https:\/\/localhost:(\d+)/.exec(it.stdout)?.[1])
    }

    /** A visitor that is alice. */
    async function alice(): Promise<Visitor> {
      const visitor = await Visitor.arrive(browser, app.origin)
      assert.equal(await visitor.logIn('alice', 'wonderland'), 200)
      assert.equal(await visitor.title(), 'Hello, alice')
      return visitor
    }

    before(async () => {
      await serve()
      app = await ExampleApp.start({
        HOLDFAST_URL: `https://localhost:${port}`,
        HOLDFAST_TLS: join(folder, 'data/tls'),
        SESSION_SECRET_FILE: join(folder, 'secret'),
      })
    })
    after(async () => {
      try {
        await app?.stop()
      } finally {
        await server?.stop()
      }
    })

    test('a stranger gets no cookie, and a wrong password no session', async () => {
      const visitor = await Visitor.arrive(browser, app.origin)
      await visitor.open('/whoami')
      assert.equal(await visitor.title(), 'Log in')
      assert.equal(await visitor.logIn('alice', 'looking glass'), 401)
      assert.match((await visitor.text())!, /do not belong together/)
      assert.equal(await visitor.logIn('nobody', 'wonderland'), 401)
      assert.deepEqual(await visitor.cookies(), [])
    })

    test('a login outlives kill -9 of Holdfast and a restart of the application', async () => {
      const visitor = await alice()
      const count = async () => {
        await visitor.press('Count')
        return visitor.page.locator('output').textContent()
      }
      for (const wanted of ['1', '2', '3']) assert.equal(await count(), wanted)
      await server.stop('SIGKILL')
      await serve()
      assert.equal(await count(), '4')
      await app.restart()
      assert.equal(await count(), '5')
      await visitor.open('/whoami')
      assert.match((await visitor.text())!, /User\s*alice/)
    })

    test('while Holdfast is away the page says so, and nobody is logged out', async () => {
      const visitor = await alice()
      const cookies = await visitor.cookies()
      await server.stop('SIGKILL')
      // First the store fails; then it is known to be away, and there are no sessions at all.
      for (const path of ['/', '/whoami', '/login', '/']) {
        assert.equal(await visitor.open(path), 503, path)
        assert.equal(await visitor.title(), 'Back in a moment')
        assert.match((await visitor.text())!, /You have not been logged out/)
      }
      assert.deepEqual(await visitor.cookies(), cookies)
      await serve()
      await app.told(/away[\s\S]*can be reached\n$/)
      await visitor.open('/')
      assert.equal(await visitor.title(), 'Hello, alice')
    })

    test('a logout while Holdfast is away is shown as not done, and can be repeated until it is', async () => {
      const visitor = await alice()
      await server.stop('SIGKILL')
      for (const button of ['Log out', 'Log out again']) {
        assert.equal(await visitor.press(button), 503)
        assert.equal(await visitor.title(), 'You may still be logged in')
      }
      await serve()
      await app.told(/away[\s\S]*can be reached\n$/)
      assert.equal(await visitor.press('Log out again'), 200)
      assert.match((await visitor.text())!, /You are logged out/)
      assert.deepEqual(await visitor.cookies(), [])
    })

    test('a logout is for good: the cookie from before is nobody, in another browser, too', async () => {
      const visitor = await alice()
      const cookies = await visitor.cookies()
      const thief = await Visitor.arrive(browser, app.origin)
      await thief.page.context().addCookies(cookies)
      await thief.open('/')
      assert.equal(await thief.title(), 'Hello, alice')
      assert.equal(await visitor.press('Log out'), 200)
      assert.deepEqual(await visitor.cookies(), [])
      for (const each of [thief, visitor]) {
        await each.page.context().addCookies(cookies)
        await each.open('/')
        assert.equal(await each.title(), 'Log in')
      }
    })

    test('a login changes the id, so one that was planted before is worth nothing', async () => {
      const first = await alice()
      const planted = await first.cookies()
      const victim = await Visitor.arrive(browser, app.origin)
      await victim.page.context().addCookies(planted)
      assert.equal(await victim.logIn('bob', 'builder'), 200)
      assert.notEqual((await victim.cookies())[0]!.value, planted[0]!.value)
      await first.open('/')
      assert.equal(await first.title(), 'Log in')
    })

    test("another site's form does nothing in a visitor's name", async () => {
      const visitor = await alice()
      const evil = createServer((_req, res) => {
        res.setHeader('Content-Type', 'text/html')
        res.end(`<form method="post" action="${app.origin}/logout"><button>Win</button></form>`)
      }).listen(0, '127.0.0.1')
      await once(evil, 'listening')
      try {
        await visitor.page.goto(`http://127.0.0.1:${(evil.address() as AddressInfo).port}/`)
        assert.equal(await visitor.press('Win'), 403)
      } finally {
        evil.closeAllConnections()
        evil.close()
      }
      await visitor.open('/')
      assert.equal(await visitor.title(), 'Hello, alice')
    })

    test('pages forbid scripts and frames, are not cached, and break none of their own rules', async () => {
      const visitor = await Visitor.arrive(browser, app.origin)
      const complaints: string[] = []
      visitor.page.on('console', (message) => complaints.push(message.text()))
      const response = await visitor.page.goto(`${app.origin}/login`)
      const { 'content-security-policy': policy, 'cache-control': cache } = response!.headers()
      assert.match(policy!, /default-src 'none'.*frame-ancestors 'none'/)
      assert.equal(cache, 'no-store')
      await visitor.logIn('bob', 'builder')
      for (const path of ['/', '/whoami']) assert.equal(await visitor.open(path), 200)
      assert.deepEqual(complaints, [])
      const styled = await visitor.page.locator('main').evaluate((main) => {
        return (main as unknown as { computedStyleMap(): Map<string, unknown> }).computedStyleMap().get('border-radius')
      })
      assert.notEqual(String(styled), '0px')
    })
  })

  describe('in production', () => {
    let site: Site
    let server: Server
    let app: ExampleApp
    let origin: string
    let proxy: ReturnType<typeof createTlsServer>
    let granted = 0

    /** Resolves when the running server has taken it over. */
    async function grant(operations: string[]): Promise<void> {
      site.configure((draft) => {
        draft.grants[0].operations = operations
      })
      server.program.child.kill('SIGHUP')
      granted++
      await server.program.until('new grants', (it) => {
        const changes = it.audit().filter(({ event, changed }) => event === 'reload' && /grants/.test(String(changed)))
        return changes.length === granted || undefined
      })
    }

    before(async () => {
      site = await Site.make()
      site.write('tls/client.pem', site.certificates.all.certificate)
      site.write('tls/client-key.pem', site.certificates.all.key)
      server = await site.start()
      app = await ExampleApp.start({
        NODE_ENV: 'production',
        HOLDFAST_URL: `https://localhost:${server.ports.public}`,
        HOLDFAST_TLS: join(site.folder, 'tls'),
        SESSION_SECRET_FILE: join(folder, 'secret'),
      })
      // What ends TLS in front of an application.
      const pem = (file: string) => readFileSync(join(site.folder, 'tls', file))
      const [cert, key] = [pem('server.pem'), pem('server-key.pem')]
      proxy = createTlsServer({ cert, key }, (req, res) => {
        const headers = { ...req.headers, 'x-forwarded-proto': 'https' }
        const onward = request(app.origin.replace('localhost', '127.0.0.1') + req.url, { method: req.method!, headers })
        onward.on('response', (answer) => {
          res.writeHead(answer.statusCode!, answer.rawHeaders)
          answer.pipe(res)
        })
        req.pipe(onward)
      }).listen(0, '127.0.0.1')
      await once(proxy, 'listening')
      origin = `https://localhost:${(proxy.address() as AddressInfo).port}`
    })
    after(async () => {
      proxy?.closeAllConnections()
      proxy?.close()
      try {
        await app?.stop()
      } finally {
        await server?.stop()
        site?.remove()
      }
    })

    test('the cookie is for TLS, for this host and for no script; a logout takes it away', async () => {
      const visitor = await Visitor.arrive(browser, origin)
      assert.equal(await visitor.logIn('alice', 'wonderland'), 200)
      const [cookie, ...others] = await visitor.cookies()
      assert.deepEqual(others, [])
      const { name, secure, httpOnly, sameSite, path } = cookie!
      assert.deepEqual(
        { name, secure, httpOnly, sameSite, path },
        { name: '__Host-session', secure: true, httpOnly: true, sameSite: 'Lax', path: '/' },
      )
      assert.equal(await visitor.press('Log out'), 200)
      assert.deepEqual(await visitor.cookies(), [])
    })

    test('a logout that Holdfast refuses is shown as not done, and it is not', async () => {
      const visitor = await Visitor.arrive(browser, origin)
      await visitor.logIn('alice', 'wonderland')
      await grant(['read', 'write'])
      assert.equal(await visitor.press('Log out'), 503)
      assert.equal(await visitor.title(), 'You may still be logged in')
      await visitor.open('/')
      assert.equal(await visitor.title(), 'Hello, alice')
      await grant(['read', 'write', 'end'])
      assert.equal(await visitor.press('Log out'), 200)
      assert.match((await visitor.text())!, /You are logged out/)
    })
  })
})
