/**
 * The bench itself, tried on a small scale: that its loads see what they must see. A bench that reports a stall as speed,
 * or a refusal as an answer, would be worse than none.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { type Certificates, certificates } from '../bench/certificates.ts'
import type { LoaderOptions } from '../bench/loader.ts'
import { openLoopRound } from '../bench/open-loop.ts'
import { startServer } from '../bench/pinned.ts'
import { bar, median, ratio } from '../bench/statistics.ts'
import { VALUE_BYTES } from '../bench/workload.ts'
import { wrkRound } from '../bench/wrk.ts'

const missing = (tool: string, flag: string) => (spawnSync(tool, [flag]).error ? `${tool} is not installed` : false)
const skip = missing('taskset', '--version') || missing('wrk', '-v')

const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
let pki: Certificates
before(async () => {
  pki = await certificates(folder)
})
after(() => rmSync(folder, { recursive: true }))

/** A server in this process that answers as it is told to, for as long as `use` runs. */
async function serving<T>(answer: RequestListener, use: (port: number) => Promise<T>): Promise<T> {
  const server = createServer({ cert: readFileSync(pki.certificate), key: readFileSync(pki.key) }, answer)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  try {
    return await use((server.address() as AddressInfo).port)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

function options(port: number, change: Partial<LoaderOptions> = {}): LoaderOptions {
  const { authority, clientCertificate: certificate, clientKey: key } = pki
  const load = { rate: 200, writes: 0, keys: 100, warmUp: 0.2, seconds: 1 }
  return { port, pid: process.pid, authority, certificate, key, ...load, ...change }
}

const constant: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-length': VALUE_BYTES }).end(Buffer.alloc(VALUE_BYTES))
}

test('the open loop charges a stall to every request that was due meanwhile', { skip }, async () => {
  let stalled: Promise<void> | undefined
  const stalling: RequestListener = async (request, response) => {
    stalled ??= new Promise((resolve) => setTimeout(resolve, 900))
    await stalled
    constant(request, response)
  }
  // 500 are due in the second, at most 64 can be under way: counted from its sending, half of them would look quick.
  const { p50 } = await serving(stalling, (port) => openLoopRound(options(port, { rate: 500, warmUp: 0 })))
  assert.ok(p50 > 200, `p50 ${p50} ms`)
})

test('the open loop keeps its rate and its share of writes', { skip }, async () => {
  const seen: Record<string, number> = { GET: 0, PUT: 0 }
  const counting: RequestListener = (request, response) => {
    seen[request.method!]! += 1
    if (request.method === 'GET') return constant(request, response)
    request.resume().once('end', () => response.writeHead(204).end())
  }
  const result = await serving(counting, (port) => openLoopRound(options(port, { writes: 50, warmUp: 0 })))
  assert.equal(result.reads, seen.GET)
  assert.equal(result.writes, seen.PUT)
  // A Poisson process of 200 deviates by more than 90 once in many million runs.
  assert.ok(Math.abs(result.reads + result.writes - 200) < 90, JSON.stringify(result))
  assert.ok(Math.abs(result.reads - result.writes) < 90, JSON.stringify(result))
  assert.ok(result.cpu > 0)
})

test('refusals are no result, neither of the open loop nor of wrk', { skip }, async () => {
  const refusing: RequestListener = (_request, response) => response.writeHead(503, { 'content-length': 0 }).end()
  await serving(refusing, async (port) => {
    await assert.rejects(openLoopRound(options(port)), /^Error: (\d+) of \1 requests were refused no code$/)
    const target = { pid: process.pid, port, authorization: 'Basic eA==', keys: 100, writes: 0 }
    await assert.rejects(wrkRound(target, 1), /^Error: (\d+) of \1 requests were refused$/)
  })
})

test('an answer that is neither 2xx nor 503, or short, ends the open loop', { skip }, async () => {
  const missing: RequestListener = (_request, response) => response.writeHead(404, { 'content-length': 0 }).end()
  await serving(missing, (port) => assert.rejects(openLoopRound(options(port)), /neither 2xx nor 503: HTTP\/1\.1 404/))
  const short: RequestListener = (_request, response) => response.writeHead(200, { 'content-length': 1 }).end('x')
  await serving(short, (port) => assert.rejects(openLoopRound(options(port)), /a read answered with 1 bytes/))
})

test('wrk loads the yardstick with reads and writes, and its CPU is counted', { skip }, async () => {
  const program = resolve(import.meta.dirname, '../bench/constant-server.ts')
  const args = [program, pki.certificate, pki.key, pki.authority]
  const server = await startServer(process.execPath, args, /^constant ready (\d+) (\d+)$/)
  try {
    const target = { pid: server.pid, port: Number(server.ready[1]), authorization: 'Basic eA==', keys: 100 }
    for (const writes of [0, 50, 100]) {
      const round = await wrkRound({ ...target, writes }, 1)
      assert.ok(round.rate > 100 && round.p50 > 0 && round.p99 >= round.p50, JSON.stringify(round))
      // One core at most, which tells CPU of the whole process from CPU counted twice or in wrong units.
      const share = (round.rate * round.cpu) / 1e6
      assert.ok(share > 0.05 && share < 1.3, `${share} of a core`)
    }
  } finally {
    await server.stop()
  }
})

test('ratios are formed inside each round, and a bar judges their median', () => {
  assert.equal(median([5, 1, 3]), 3)
  assert.equal(median([4, 1, 3, 2]), 2.5)
  // Medians of each side, divided, would be 30 / 10.
  const measured = ratio([{ cpu: 10 }, { cpu: 30 }, { cpu: 90 }], [{ cpu: 10 }, { cpu: 10 }, { cpu: 60 }], (r) => r.cpu)
  assert.deepEqual(measured, { median: 1.5, least: 1, greatest: 3 })
  assert.throws(() => ratio([1, 2], [1], (r) => r), /do not pair/)
  assert.equal(bar('x', measured, { atMost: 1.5 }).met, true)
  assert.equal(bar('x', measured, { atMost: 1.4 }).met, false)
  assert.equal(bar('x', measured, { atLeast: 1.6 }).met, false)
})
