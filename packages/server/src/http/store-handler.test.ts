import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { startServer, Wire } from '../../test/store-server.ts'

const server = await startServer()
after(() => server.close())
const wire = await Wire.open(server.port)
after(() => wire.destroy())
let serial = 0
const fresh = () => `/sessions/v1/key-${++serial}`

const ask = (method: string, target: string, headers: Record<string, string> = {}, body?: string | Buffer) =>
  wire.request(method, target, headers, body).answer(method === 'HEAD')

describe("Kask's requests", () => {
  it('writes, reads, ends', async () => {
    const key = fresh()
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    for (const method of ['PUT', 'POST']) {
      const written = await ask(method, key, {}, bytes)
      assert.equal(written.status, 201)
      assert.equal(written.headers['content-length'], '0')
      assert.equal(written.headers['content-type'], undefined)
    }
    const read = await ask('GET', key)
    assert.equal(read.status, 200)
    assert.equal(read.headers['content-type'], 'application/octet-stream')
    assert.deepEqual(read.body, bytes)
    const ended = await ask('DELETE', key)
    assert.equal(ended.status, 204)
    assert.equal(ended.headers['content-length'], undefined)
    assert.equal((await ask('GET', key)).status, 404)
    assert.equal((await ask('DELETE', key)).status, 204)
  })
})
