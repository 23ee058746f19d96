/**
 * The peer: Redis GET over TLS 1.3, without persistence, loaded by redis-benchmark with as many connections and as large
 * values as the server under test. Redis neither seals nor asks who may read; it is what an application has today.
 *
 * redis-benchmark generates the load, since wrk speaks only HTTP; it is slower than wrk, so trust the CPU per request
 * more than the rate.
 */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { connect } from 'node:tls'
import { runLoad, type Server, startServer } from './pinned.ts'
import { cpuSeconds, endedChildrenCpuSeconds } from './procfs.ts'
import { CONNECTIONS, SATURATION_KEYS, VALUE_BYTES } from './workload.ts'
import type { Round } from './wrk.ts'

export interface Redis extends Server {
  readonly port: number
  readonly version: string
}

/** A port that was free a moment ago; redis-server cannot choose one by itself. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Starts a filled redis-server, or tells why there is none. */
export async function startRedis(certificate: string, key: string, core?: number): Promise<Redis | string> {
  const version = /v=(\S+)/.exec(spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1]
  if (version === undefined) return 'redis-server is not installed'
  if (spawnSync('redis-benchmark', ['--version']).status !== 0) return 'redis-benchmark is not installed'
  const port = await freePort()
  const server = await startServer(
    'redis-server',
    [
      ...['--port', '0', '--tls-port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
      ...['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate],
      ...['--tls-auth-clients', 'no', '--tls-protocols', 'TLSv1.3', '--tls-session-caching', 'no'],
    ],
    /Ready to accept connections/,
    core,
  )
  await fill(port)
  return { ...server, port, version }
}

/** Writes every key that redis-benchmark asks for, so that each GET carries a value. */
async function fill(port: number): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const value = 'x'.repeat(VALUE_BYTES)
  let answers = 0
  socket.on('data', (data: Buffer) => {
    for (const byte of data) answers += byte === 0x0a ? 1 : 0
    if (answers === SATURATION_KEYS) socket.end()
  })
  for (let n = 0; n < SATURATION_KEYS; n++) {
    const key = `key:${String(n).padStart(12, '0')}`
    socket.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${VALUE_BYTES}\r\n${value}\r\n`)
  }
  await once(socket, 'close')
}

/** One round of about `requests` GETs; redis-benchmark takes a number, not a time. */
export async function redisRound(redis: Redis, requests: number): Promise<Round> {
  const before = cpuSeconds(redis.pid)
  const loaderBefore = endedChildrenCpuSeconds()
  const output = await runLoad('redis-benchmark', [
    ...['-h', '127.0.0.1', '-p', String(redis.port), '--tls', '--insecure', '--csv', '-t', 'get'],
    ...['-c', String(CONNECTIONS), '-r', String(SATURATION_KEYS), '-d', String(VALUE_BYTES), '-n', String(requests)],
  ])
  const cpu = cpuSeconds(redis.pid) - before
  // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
  const fields = /^"GET",(.*)$/m
    .exec(output)?.[1]
    ?.split(',')
    .map((field) => Number(field.replaceAll('"', '')))
  if (fields?.length !== 7 || !(fields[0]! > 0)) throw new Error(`redis-benchmark printed no result:\n${output}`)
  const rate = fields[0]!
  return {
    rate,
    cpu: (cpu / requests) * 1e6,
    p50: fields[3]!,
    p99: fields[5]!,
    refused: 0,
    loader: (endedChildrenCpuSeconds() - loaderBefore) / (requests / rate),
  }
}
