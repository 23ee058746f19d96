/**
 * What was acknowledged is there and what was ended stays ended: after `kill -9`, after an orderly stop, and after both
 * again and again. The plain form of the promise; soak.test.ts holds it under load.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { Client } from '../support/client.ts'
import { type Server, Site } from '../support/site.ts'

const TAKE = { prefer: 'return=representation' }

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  describe(signal === 'SIGKILL' ? 'after kill -9' : 'after an orderly stop', () => {
    let site: Site
    let server: Server
    let client: Client
    const values = [1, 1500, 100_000].map((size) => randomBytes(size))
    let tag: string

    before(async () => {
      site = await Site.make()
      server = await site.start()
      client = server.client()
      for (const [i, value] of values.entries()) {
        assert.equal((await client.put(`/sessions/v1/kept-${i}`, value)).status, 201)
        assert.equal((await client.put(`/echoseen/v1/kept-${i}`, value)).status, 201)
      }
      for (const key of ['overwritten', 'ended', 'taken'])
        assert.equal((await client.put(`/sessions/v1/${key}`, 'old')).status, 201)
      const { status, headers } = await client.put('/sessions/v1/overwritten', 'new')
      assert.equal(status, 201)
      tag = String(headers.etag)
      assert.equal((await client.delete('/sessions/v1/ended')).status, 204)
      assert.equal((await client.delete('/sessions/v1/never-there')).status, 204)
      assert.equal((await client.delete('/sessions/v1/taken', TAKE)).body.toString(), 'old')
      assert.equal((await client.put('/echoseen/v1/removed', 'old')).status, 201)
      assert.equal((await client.delete('/echoseen/v1/removed')).status, 204)

      for (let restart = 0; restart < 2; restart++) {
        const { code, signal: died } = await server.stop(signal)
        assert.deepEqual([code, died], signal === 'SIGKILL' ? [null, 'SIGKILL'] : [0, null])
        server = await site.start()
      }
      client = server.client()
    })
    after(async () => {
      await server.stop()
      site.remove()
    })

    test('every acknowledged value is there, byte for byte', async () => {
      for (const [i, value] of values.entries()) {
        assert.deepEqual((await client.get(`/sessions/v1/kept-${i}`)).body, value)
        assert.deepEqual((await client.get(`/echoseen/v1/kept-${i}`)).body, value)
      }
    })

    test('the last of two writes won, under the same ETag, and a condition on it holds', async () => {
      const { body, headers } = await client.get('/sessions/v1/overwritten')
      assert.deepEqual([body.toString(), headers.etag], ['new', tag])
      assert.equal((await client.put('/sessions/v1/overwritten', 'newer', { 'if-match': tag })).status, 201)
    })

    test('what was ended stays ended: 404, and 409 for every kind of write', async () => {
      for (const key of ['ended', 'never-there', 'taken']) {
        const path = `/sessions/v1/${key}`
        assert.equal((await client.get(path)).status, 404)
        for (const condition of [{}, { 'if-none-match': '*' }, { 'if-match': tag }]) {
          assert.equal((await client.put(path, 'late', condition)).status, 409, key)
        }
        assert.equal((await client.get(path)).status, 404)
      }
    })

    test('what was taken is not given out again', async () => {
      assert.equal((await client.delete('/sessions/v1/taken', TAKE)).status, 404)
    })

    test('what was removed from a reusable store is gone, and may be written again', async () => {
      assert.equal((await client.get('/echoseen/v1/removed')).status, 404)
      assert.equal((await client.put('/echoseen/v1/removed', 'again')).status, 201)
    })
  })
}
