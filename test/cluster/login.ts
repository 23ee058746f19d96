/** Logging in to one node, for set-up and to know that it serves: TLS with its address verified, a client certificate, a password. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import cassandra from 'cassandra-driver'
import type { ClientFiles } from './certificates.ts'

export interface Login {
  readonly username: string
  readonly password: string
}

export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly datacenter: string
  /** Undefined: plaintext. */
  readonly tls: ClientFiles | undefined
}

const CONNECT_MS = 5_000
/** A schema change waits until every node has it, and a node may be busy compiling. */
const STATEMENT_MS = 30_000
/** After some refusals the driver's own shutdown never ends. */
const SHUTDOWN_MS = 2_000

/** A client of this node and no other; it ends with `use`. */
export async function loggedIn<T>(
  { host, port, datacenter, tls }: Endpoint,
  login: Login,
  use: (client: cassandra.Client) => Promise<T>,
): Promise<T> {
  const { loadBalancing, reconnection, retry } = cassandra.policies
  const client = new cassandra.Client({
    contactPoints: [`${host}:${port}`],
    localDataCenter: datacenter,
    authProvider: new cassandra.auth.PlainTextAuthProvider(login.username, login.password),
    ...(tls === undefined ? {} : { sslOptions: sslOptions(tls) }),
    policies: {
      loadBalancing: new loadBalancing.AllowListPolicy(new loadBalancing.RoundRobinPolicy(), [`${host}:${port}`]),
      reconnection: new reconnection.ConstantReconnectionPolicy(500),
      retry: new retry.FallthroughRetryPolicy(),
    },
    socketOptions: { connectTimeout: CONNECT_MS, readTimeout: STATEMENT_MS },
  })
  try {
    await client.connect()
    return await use(client)
  } finally {
    await Promise.race([client.shutdown().catch(() => {}), sleep(SHUTDOWN_MS, undefined, { ref: false })])
  }
}

function sslOptions({ authority, clientCertificate, clientKey }: ClientFiles) {
  const [ca, cert, key] = [authority, clientCertificate, clientKey].map((file) => readFileSync(file))
  return { ca, cert, key, rejectUnauthorized: true }
}
