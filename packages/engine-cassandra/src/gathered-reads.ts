/**
 * Reads of cells. While a query for a group of replicas is under way, reads that arrive wait, and then go together as one
 * query: group commit, for reads. It costs Cassandra and this process less than a query a read, and the longest waits grow
 * shorter under load, since queues do. A read never joins a query that was sent before it arrived: that could show a session
 * whose end was acknowledged meanwhile.
 *
 * A group holds the records of the same replicas, so that whoever coordinates a query owns all of it. It is bounded by count
 * and, by the sizes lately seen, by bytes. A query that is slow does not hold up those that come after it for more than a few
 * milliseconds. A read alone is sent at once. When a query for several fails, each is asked for alone.
 */
import type { Client } from 'cassandra-driver'
import { readFault } from './faults.ts'
import type { Row } from './frame.ts'
import { localQuorum, type Session } from './session.ts'

/** Reads in one query. */
const MOST = 64
/** Bytes that one query is expected to bring, at most. */
const MOST_BYTES = 1024 * 1024
/** Queries of a group under way, at most. */
const UNDER_WAY = 4
/** Ms after which the latest query no longer holds up the next one. */
const PATIENCE_MS = 10

interface Read {
  readonly space: string
  readonly address: Buffer
  readonly deadline: number
  readonly resolve: (row: Row | undefined) => void
  readonly reject: (error: unknown) => void
}

interface Group {
  readonly waiting: Read[]
  underWay: number
  timer: NodeJS.Timeout | undefined
}

export class GatheredReads {
  readonly #session: Session
  readonly #single: string
  readonly #several: string
  readonly #keyspace: string
  readonly #gather: boolean
  readonly #groups = new Map<string, Group>()
  /** Of the records lately read, in bytes. */
  #size = 1024
  #queries = 0
  #reads = 0

  constructor(session: Session, keyspace: string, gather: boolean) {
    this.#session = session
    this.#keyspace = keyspace
    this.#gather = gather
    this.#single = `SELECT sealed, ended FROM ${keyspace}.cells WHERE space = ? AND address = ?`
    this.#several = `SELECT address, sealed, ended FROM ${keyspace}.cells WHERE space = ? AND address IN ?`
  }

  get counts(): { readonly reads: number; readonly queries: number } {
    return { reads: this.#reads, queries: this.#queries }
  }

  /** The row, as of some moment after this call. Rejects with `EngineUnavailable`. */
  read(space: string, address: Buffer, deadline: number): Promise<Row | undefined> {
    this.#reads++
    if (!this.#gather) return this.#alone(space, address, deadline)
    const group = this.#groupOf(space, address)
    if (group.underWay === 0) {
      group.underWay++
      return this.#alone(space, address, deadline).finally(() => this.#answered(group))
    }
    return new Promise((resolve, reject) => {
      group.waiting.push({ space, address, deadline, resolve, reject })
      group.timer ??= this.#hurry(group)
    })
  }

  async #alone(space: string, address: Buffer, deadline: number): Promise<Row | undefined> {
    this.#queries++
    try {
      const run = { level: localQuorum, deadline, reads: true }
      const [row] = await this.#session.run(this.#single, [space, address], run)
      return this.#sized(row as unknown as Row | undefined)
    } catch (error) {
      throw readFault(error)
    }
  }

  /** If the query under way is slow, those who wait go without it. */
  #hurry(group: Group): NodeJS.Timeout {
    return setTimeout(() => {
      group.timer = undefined
      if (group.waiting.length === 0) return
      if (group.underWay < UNDER_WAY) this.#send(group)
      if (group.waiting.length > 0) group.timer = this.#hurry(group)
    }, PATIENCE_MS)
  }

  #answered(group: Group): void {
    group.underWay--
    if (group.waiting.length > 0) this.#send(group)
    if (group.waiting.length > 0 || group.timer === undefined) return
    clearTimeout(group.timer)
    group.timer = undefined
  }

  /** Those of one space, the oldest first. */
  #send(group: Group): void {
    const most = Math.max(1, Math.min(MOST, Math.floor(MOST_BYTES / this.#size)))
    const { space } = group.waiting[0]!
    const reads: Read[] = []
    const others: Read[] = []
    for (const read of group.waiting) (read.space === space && reads.length < most ? reads : others).push(read)
    group.waiting.splice(0, group.waiting.length, ...others)
    group.underWay++
    void this.#together(space, reads).finally(() => this.#answered(group))
  }

  async #together(space: string, reads: readonly Read[]): Promise<void> {
    const [first] = reads
    if (reads.length === 1) return settle(first!, this.#alone(space, first!.address, first!.deadline))
    this.#queries++
    const byAddress = new Map<string, Read[]>()
    for (const read of reads) {
      const name = read.address.toString('latin1')
      const same = byAddress.get(name)
      if (same === undefined) byAddress.set(name, [read])
      else same.push(read)
    }
    const deadline = Math.max(...reads.map((read) => read.deadline))
    const addresses = Array.from(byAddress.values(), ([read]) => read!.address)
    const late = reads.map((read) => expire(read, deadline))
    try {
      const run = { level: localQuorum, deadline, reads: true, routingKey: routingKeyOf(space, first!.address) }
      const rows = await this.#session.run(this.#several, [space, addresses as unknown as Buffer], run)
      for (const row of rows as unknown as readonly (Row & { address: Buffer })[]) {
        const name = row.address.toString('latin1')
        for (const read of byAddress.get(name) ?? []) read.resolve(this.#sized(row))
        byAddress.delete(name)
      }
      for (const absent of byAddress.values()) for (const read of absent) read.resolve(undefined)
    } catch {
      await Promise.all(reads.map((read) => settle(read, this.#alone(space, read.address, read.deadline))))
    } finally {
      for (const timer of late) clearTimeout(timer)
    }
  }

  #sized(row: Row | undefined): Row | undefined {
    const bytes = row?.sealed?.length ?? 0
    // Rises at once and falls slowly: a query too large is worse than two.
    this.#size = Math.max(64, bytes, this.#size * 0.99)
    return row
  }

  #groupOf(space: string, address: Buffer): Group {
    const name = replicasOf(this.#session.client, this.#keyspace, space, address)
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = { waiting: [], underWay: 0, timer: undefined }
      this.#groups.set(name, group)
    }
    return group
  }
}

/** A read in a query of several does not wait longer than it would alone. */
function expire(read: Read, deadline: number): NodeJS.Timeout | undefined {
  if (read.deadline >= deadline) return undefined
  const fault = () => read.reject(readFault(new Error('late')))
  return setTimeout(fault, Math.max(1, read.deadline - performance.now()))
}

function settle(read: Read, answer: Promise<Row | undefined>): Promise<void> {
  return answer.then(read.resolve, read.reject)
}

/** As the driver composes the key of a partition that has several columns: each as u16 length, bytes, 0. */
function routingKeyOf(space: string, address: Buffer): Buffer {
  const name = Buffer.from(space)
  const key = Buffer.alloc(name.length + address.length + 6)
  key.writeUInt16BE(name.length)
  name.copy(key, 2)
  key.writeUInt16BE(address.length, name.length + 3)
  address.copy(key, name.length + 5)
  return key
}

/** Which nodes of this datacenter hold an address; all addresses alike where each node holds all. */
function replicasOf(client: Client, keyspace: string, space: string, address: Buffer): string {
  const datacenter = (client as unknown as { options: { localDataCenter: string } }).options.localDataCenter
  const local = client.hosts.values().filter((host) => host.datacenter === datacenter)
  if (local.length === 1) return ''
  const replicas = client.getReplicas(keyspace, routingKeyOf(space, address)) ?? []
  return replicas
    .filter((host) => host.datacenter === datacenter)
    .map((host) => host.address)
    .sort()
    .join()
}
