import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { startServer, Wire } from '../../test/store-server.ts'
import { Caller } from '../access/caller.ts'

const server = await startServer()
after(() => server.close())

const ask = async (caller: string, method: string, target: string, body?: string) => {
  const wire = await Wire.open(server.port, caller)
  const { status } = await wire.request(method, target, {}, body).answer(method === 'HEAD')
  wire.destroy()
  return status
}

describe('metrics', () => {
  it("count requests under Kask's names and ours, with labels from the configuration only", async () => {
    await ask('all', 'PUT', '/sessions/v1/secret-key', 'secret-value')
    await ask('all', 'GET', '/sessions/v1/secret-key')
    await ask('reader', 'GET', '/sessions/v1/secret-missing')
    await ask('nobody', 'GET', '/sessions/v1/secret-key')
    await ask('all', 'DELETE', '/echoseen/v1/secret-key')
    await ask('all', 'PATCH', '/sessions/v1/secret-key')
    await ask('all', 'GET', '/secret-store/v1/secret-key')
    const text = await server.metrics.registry.metrics()
    const expected = [
      'http_requests_total{code="201",method="PUT"} 1',
      'http_requests_total{code="200",method="GET"} 1',
      'http_requests_total{code="404",method="GET"} 2',
      'http_requests_total{code="403",method="GET"} 1',
      'http_requests_total{code="405",method="other"} 1',
      'http_request_duration_seconds_count{code="204",method="DELETE"} 1',
      'http_request_duration_seconds_bucket{le="+Inf",code="200",method="GET"} 1',
      'holdfast_store_requests_total{store="sessions",caller="spiffe://example.org/all",operation="write",outcome="ok"} 1',
      'holdfast_store_requests_total{store="sessions",caller="spiffe://example.org/reader",operation="read",outcome="not_found"} 1',
      'holdfast_store_requests_total{store="sessions",caller="unknown",operation="read",outcome="forbidden"} 1',
      'holdfast_store_requests_total{store="echoseen",caller="spiffe://example.org/all",operation="end",outcome="ok"} 1',
      'holdfast_store_requests_total{store="sessions",caller="spiffe://example.org/all",operation="other",outcome="method-not-allowed"} 1',
      'holdfast_engine_duration_seconds_count{operation="write"} 1',
      'holdfast_requests_in_flight 0',
      'holdfast_saturated 0',
      `kask_build_info{version="1.2.3",build_date="",build_host="",go_version="${process.version}"} 1`,
    ]
    const lines = new Set(text.split('\n'))
    for (const line of expected) assert.ok(lines.has(line), `${line}\n${text}`)
    assert.ok(!text.includes('secret'))
    assert.match(text, /^process_cpu_seconds_total /m)
  })
})

describe('after a reload', () => {
  it('those who were known keep their labels, new ones get some, and nobody costs anything twice', async () => {
    const { metrics } = server
    const caller = (name: string) => new Caller(`spiffe://example.org/${name}`, new Map())
    const [all, sessions] = [metrics.labelOf(caller('all')), metrics.storeLabelOf('sessions')]
    assert.equal(metrics.labelOf(caller('new')), 0)
    metrics.know({ stores: ['carts', 'sessions'], callers: [caller('new').id, caller('all').id] })
    assert.deepEqual([metrics.labelOf(caller('all')), metrics.storeLabelOf('sessions')], [all, sessions])
    metrics.storeRequest(metrics.storeLabelOf('carts'), metrics.labelOf(caller('new')), 'GET', 'ok')
    const counted = 'store="carts",caller="spiffe://example.org/new",operation="read",outcome="ok"} 1'
    assert.ok((await metrics.registry.metrics()).includes(counted))
    metrics.know({ stores: ['carts'], callers: [caller('new').id] })
    assert.ok((await metrics.registry.metrics()).includes(counted))
  })
})
