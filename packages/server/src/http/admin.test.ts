import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { Registry } from 'prom-client'
import { createAdmin } from './admin.ts'
import { Health } from './health.ts'
import { gauge } from './metrics.ts'

let problem = ''
const engine = {
  health: async () => (problem === '' ? { ok: true as const } : { ok: false as const, problem }),
}
const registry = new Registry()
gauge(registry, 'things', 'Things.', () => 7)
let health = new Health(engine)
const make = () => createAdmin({ health, registry, hosts: ['localhost', '[::1]'], fault: () => {} })
const app = make()
after(() => app.close())
const ask = (url: string, options: { method?: 'GET' | 'POST' | 'HEAD' | 'DELETE'; host?: string } = {}) =>
  app.inject({ method: options.method ?? 'GET', url, headers: { host: options.host ?? 'localhost:8444' } })

describe('the admin listener', () => {
  it('is alive from the beginning, and ready when it serves', async () => {
    assert.equal((await ask('/livez')).statusCode, 200)
    const before = await ask('/readyz')
    assert.deepEqual([before.statusCode, before.body], [503, 'not ready\n'])
    health.started()
    assert.deepEqual([(await ask('/readyz')).statusCode, (await ask('/readyz')).body], [200, 'ok\n'])
    assert.equal((await ask('/readyz?verbose')).body, '[+] serving\n[+] engine\nok\n')
  })

  it('shows what is wrong, and stays alive', async (t) => {
    problem = 'the disk is full'
    health = new Health(engine)
    health.started()
    const sick = make()
    t.after(() => {
      problem = ''
      return sick.close()
    })
    const headers = { host: 'localhost' }
    const answer = await sick.inject({ url: '/readyz?verbose', headers })
    assert.equal(answer.statusCode, 503)
    assert.equal(answer.body, '[+] serving\n[-] engine: the disk is full\nnot ready\n')
    assert.equal((await sick.inject({ url: '/livez', headers })).statusCode, 200)
  })

  it('exposes the metrics', async () => {
    const answer = await ask('/metrics')
    assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    assert.match(answer.body, /^things 7$/m)
  })

  it('answers for its own host names only', async () => {
    for (const host of ['localhost', 'LOCALHOST:1', '[::1]:8444', '[::1]']) {
      assert.equal((await ask('/livez', { host })).statusCode, 200, host)
    }
    for (const host of ['evil.example', 'localhost.evil.example', 'xlocalhost', '127.0.0.1', 'localhost:x']) {
      const answer = await ask('/metrics', { host })
      assert.deepEqual([answer.statusCode, answer.json().code], [403, 'unknown-host'], host)
    }
  })

  it('answers GET only, and nothing but its three paths', async () => {
    for (const method of ['POST', 'HEAD', 'DELETE'] as const) {
      const answer = await ask('/livez', { method })
      assert.deepEqual([answer.statusCode, answer.headers.allow], [405, 'GET'], method)
    }
    for (const path of ['/', '/healthz', '/sessions/v1/key', '/docs', '/metrics/', '//metrics', '/%ff', '/%']) {
      const answer = await ask(path)
      assert.deepEqual([answer.statusCode, answer.json().code], [404, 'no-such-path'], path)
      assert.equal(answer.headers['content-type'], 'application/problem+json')
    }
  })
})
