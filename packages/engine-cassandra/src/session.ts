/**
 * The connection to the cluster: statements, each with a consistency level and a deadline of ours.
 *
 * No write is retried or tried elsewhere by the driver once it was sent: that would do it twice, or hide that an attempt
 * timed out behind the refusal of the next. A read that a node keeps waiting is asked of another one besides. The driver's
 * own time-outs (12 s) never end a wait; ours do. Nodes that are lost are tried again each second, for ever, so no restart
 * is needed.
 */
import type { ConnectionOptions } from 'node:tls'
import { EngineUnavailable, EngineUnconfirmed } from '@holdfast/engine'
import cassandra, { type Client, type Host, types } from 'cassandra-driver'
import { type CassandraConnection, type CassandraOptions, CONNECT_MS, RECONNECT_MS } from './options.ts'

export const { localQuorum, eachQuorum, localSerial, serial } = types.consistencies
export type Value = Buffer | bigint | number | string | boolean | null

/** How a statement is to be run. */
export interface Run {
  readonly level: types.consistencies
  /** Of a conditional statement's consensus. */
  readonly serial?: types.consistencies
  /** On `performance.now()`. */
  readonly deadline: number
  readonly reads?: boolean
  /** Partition key as the driver routes by it; for statements whose parameters do not tell. */
  readonly routingKey?: Buffer
}

export type { Host }

/** A row as the driver gives it. */
export type Row = { readonly [column: string]: unknown }

/** A read that has no answer after so many ms is asked of another node, too. */
const HEDGE_MS = 100
/** After close() the driver may wait for ever for an answer (seen after an authorization fault). */
const SHUTDOWN_MS = 2_000

/** The password as it is when a connection is made. */
class CurrentLogin extends cassandra.auth.PlainTextAuthProvider {
  current: NonNullable<CassandraConnection['credentials']>

  constructor(credentials: NonNullable<CassandraConnection['credentials']>) {
    super(credentials.username, credentials.password)
    this.current = credentials
  }

  override newAuthenticator(endpoint: string, name: string): cassandra.auth.Authenticator {
    const { username, password } = this.current
    return new cassandra.auth.PlainTextAuthProvider(username, password).newAuthenticator(endpoint, name)
  }
}

export class Session {
  readonly client: Client
  /** The driver reads both anew for each connection. */
  readonly #tls: (ConnectionOptions & { rejectUnauthorized: true }) | undefined
  readonly #login: CurrentLogin | undefined
  readonly #known = new Set<Known>()
  #closed = false

  constructor(options: CassandraOptions) {
    const { contactPoints, datacenter, credentials, tls } = options
    this.#tls = tls && { ...tls, rejectUnauthorized: true }
    const login = credentials && new CurrentLogin(credentials)
    this.#login = login
    this.client = new cassandra.Client({
      contactPoints: [...contactPoints],
      localDataCenter: datacenter,
      ...(login && { authProvider: login }),
      ...(this.#tls && { sslOptions: this.#tls }),
      policies: {
        retry: new cassandra.policies.retry.FallthroughRetryPolicy(),
        reconnection: new cassandra.policies.reconnection.ConstantReconnectionPolicy(RECONNECT_MS),
        // Reads alone: nothing else is said to be idempotent.
        speculativeExecution: new cassandra.policies.speculativeExecution.ConstantSpeculativeExecutionPolicy(
          HEDGE_MS,
          1,
        ),
      },
      socketOptions: { connectTimeout: CONNECT_MS, tcpNoDelay: true },
      pooling: { warmup: true },
      encoding: { useBigIntAsLong: true },
      queryOptions: { prepare: true, isIdempotent: false },
    })
  }

  /** Nodes that are up, as seen from here. */
  get nodes(): number {
    return this.client.hosts.values().filter((host) => host.isUp()).length
  }

  /** Those in which the keyspace has replicas; as few as 0 if that is not known. */
  datacentersOf(keyspace: string): number {
    // Its type leaves out what its replication says.
    const known = this.client.metadata.keyspaces[keyspace] as { strategyOptions?: object } | undefined
    return Object.keys(known?.strategyOptions ?? {}).filter((name) => name !== 'class').length
  }

  /** Of all datacenters. */
  get hosts(): readonly Host[] {
    return this.client.hosts.values()
  }

  /** Rejects with the driver's own errors. */
  async connect(): Promise<void> {
    this.client.on('hostAdd', (host) => this.#known.add(host))
    await this.client.connect()
    for (const host of this.client.hosts.values()) this.#known.add(host as unknown as Known)
  }

  /** For connections that are made from now on. Whether there is TLS, and whether a password, cannot change. */
  renew({ credentials, tls }: CassandraConnection): void {
    if (this.#tls !== undefined && tls !== undefined) {
      // What is not there any more goes: undefined would be a value for Node.
      for (const name of ['ca', 'cert', 'key', 'checkServerIdentity'] as const) delete this.#tls[name]
      Object.assign(this.#tls, tls)
    }
    if (this.#login !== undefined && credentials !== undefined) this.#login.current = credentials
  }

  /** The same as `run` for statements that are asked once, or that no node prepares; of one node, if given. */
  async ask(statement: string, values: readonly Value[], run: Run & { readonly host?: Host }): Promise<readonly Row[]> {
    const { level, host } = run
    const options = { consistency: level, prepare: false, ...(host && { host }) }
    const send = (readTimeout: number) => this.client.execute(statement, [...values], { ...options, readTimeout })
    const { rows } = await this.#send(send, run)
    return rows ?? []
  }

  /** The rows. Rejects with the driver's errors, with `EngineUnavailable` if it was not sent, or as {@link late}. */
  async run(statement: string, values: readonly Value[], run: Run): Promise<readonly Row[]> {
    const { level, serial, routingKey } = run
    const options = {
      consistency: level,
      ...(serial && { serialConsistency: serial }),
      ...(routingKey && { routingKey }),
    }
    const send = () => this.client.execute(statement, [...values], { ...options, readTimeout: 0 })
    const { rows } = await this.#send(send, run)
    return rows ?? []
  }

  /** All of them, sooner or later, or none: a logged batch. One alone goes as it is. */
  async batch(queries: readonly { query: string; params: Value[] }[], run: Run): Promise<void> {
    const [only] = queries
    if (queries.length === 1) await this.run(only!.query, only!.params, run)
    else {
      const options = { consistency: run.level, prepare: true, logged: true }
      await this.#send((readTimeout) => this.client.batch([...queries], { ...options, readTimeout }), run)
    }
  }

  /** The driver hears of the time-out a little later, and gives up a connection on which there are many. */
  async #send(
    send: (readTimeout: number) => Promise<types.ResultSet>,
    { deadline, reads = false }: Run,
  ): Promise<types.ResultSet> {
    const left = deadline - performance.now()
    if (this.#closed) throw new EngineUnavailable('the engine is closed')
    if (left <= 0) throw new EngineUnavailable('out of time')
    return inTime(send(Math.ceil(left) + 100), left, reads)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const { connected, controlConnection } = this.client as unknown as Parts
    if (!connected) {
      controlConnection?.shutdown()
      controlConnection?.connection?.close()
    }
    const shutdown = this.client
      .shutdown()
      .then(() => Promise.all(Array.from(this.#known, (host) => host.shutdown(false))))
    await Promise.race([shutdown.catch(() => {}), new Promise((resolve) => setTimeout(resolve, SHUTDOWN_MS).unref())])
  }
}

/** Parts of the driver that its own shut-down may leave open, and that would reconnect for ever. */
interface Parts {
  readonly connected: boolean
  /** Its first connection, where a start failed half-way. */
  readonly controlConnection?: { shutdown(): void; readonly connection?: { close(): void } }
}

/** A node that was known once: one that restarted may have been exchanged for another object. */
interface Known {
  shutdown(waits: boolean): Promise<void>
}

/** The answer, unless it comes too late: then it is not known, of a write, whether it happened. */
function inTime<T>(answer: Promise<T>, left: number, reads: boolean): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => {
      const Fault = reads ? EngineUnavailable : EngineUnconfirmed
      reject(new Fault('Cassandra did not answer in time'))
    }
    const timer = setTimeout(expire, Math.ceil(left))
    answer.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
