/**
 * One load on one node: so many lanes that read records at random, in a closed loop, and what that took of this process'
 * CPU and of Cassandra's. `node load.ts OPTIONS-AS-JSON` prints a LoadRound as JSON.
 *
 * `driver` is the bare driver, a query a read, at the same level and with the same statement as the engine's. `engine` and
 * `engine, not gathered` are the engine with everything it does for a read.
 */
import { readFileSync } from 'node:fs'
import { CassandraEngine, type CassandraOptions } from '@holdfast/engine-cassandra'
import cassandra from 'cassandra-driver'
import { cpuSeconds } from '../procfs.ts'

export const READERS = ['driver', 'engine', 'engine, not gathered'] as const
export type Reader = (typeof READERS)[number]

export interface LoadOptions {
  readonly reader: Reader
  readonly lanes: number
  readonly seconds: number
  readonly warmUp: number
  /** As CassandraOptions, with paths of PEM files, or none for plaintext. */
  readonly connect: Pick<CassandraOptions, 'contactPoints' | 'datacenter' | 'keyspace' | 'credentials'>
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string } | undefined
  readonly keys: number
  readonly cassandraPid: number
}

export interface LoadRound {
  /** Reads per second. */
  readonly rate: number
  /** Microseconds of CPU a read. */
  readonly cpu: number
  readonly cassandraCpu: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** Address n of those that were filled. */
export function addressOf(n: number): Buffer {
  const address = Buffer.alloc(32, 0x5a)
  address.writeUInt32BE(n)
  return address
}

export const SPACE = {
  id: 'store:bench',
  shape: 'cell',
  final: true,
  atomic: 'no',
  longestTtl: 86_400,
  maxSize: 4096,
} as const

if (import.meta.main) await main(JSON.parse(process.argv[2]!))

async function main(options: LoadOptions): Promise<void> {
  const read = await readerOf(options)
  const latencies: number[] = []
  let measuring = false
  const end = performance.now() + (options.warmUp + options.seconds) * 1000
  const lane = async () => {
    for (;;) {
      const start = performance.now()
      if (start >= end) return
      await read(Math.floor(Math.random() * options.keys))
      if (measuring) latencies.push(performance.now() - start)
    }
  }
  const lanes = Promise.all(Array.from({ length: options.lanes }, lane))
  await new Promise((resolve) => setTimeout(resolve, options.warmUp * 1000))
  measuring = true
  const before = { at: performance.now(), own: process.cpuUsage(), cassandra: cpuSeconds(options.cassandraPid) }
  await lanes
  const { user, system } = process.cpuUsage(before.own)
  const count = latencies.length
  latencies.sort((a, b) => a - b)
  const round: LoadRound = {
    rate: (count / (performance.now() - before.at)) * 1000,
    cpu: (user + system) / count,
    cassandraCpu: ((cpuSeconds(options.cassandraPid) - before.cassandra) * 1e6) / count,
    p50: latencies[Math.floor(count * 0.5)]!,
    p99: latencies[Math.floor(count * 0.99)]!,
  }
  console.log(JSON.stringify(round))
  process.exit(0)
}

async function readerOf({ reader, connect, tls: files }: LoadOptions): Promise<(n: number) => Promise<void>> {
  const pem = (file: string) => readFileSync(file, 'utf8')
  const tls = files && { ca: pem(files.ca), cert: pem(files.cert), key: pem(files.key) }
  if (reader !== 'driver') {
    const engine = new CassandraEngine({ ...connect, tls, gather: reader === 'engine' })
    await engine.open([SPACE])
    return async (n) => {
      const answer = await engine.get(SPACE.id, addressOf(n), performance.now() + 10_000)
      if (typeof answer === 'string') throw new Error(`record ${n} is ${answer}`)
    }
  }
  const client = new cassandra.Client({
    contactPoints: [...connect.contactPoints],
    localDataCenter: connect.datacenter,
    ...(connect.credentials && { credentials: { ...connect.credentials } }),
    ...(tls && { sslOptions: { ...tls, rejectUnauthorized: true } }),
  })
  await client.connect()
  const statement = `SELECT sealed, ended FROM ${connect.keyspace}.cells WHERE space = ? AND address = ?`
  const options = { prepare: true, consistency: cassandra.types.consistencies.localQuorum }
  return async (n) => {
    const { rows } = await client.execute(statement, [SPACE.id, addressOf(n)], options)
    if (rows.length !== 1) throw new Error(`record ${n} is absent`)
  }
}
