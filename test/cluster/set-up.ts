/**
 * From a cluster that just came up to one that can be used: replicas of the roles in each datacenter, a superuser with a name of
 * its own, and Cassandra's default user without a login. The order matters: roles made before they are replicated would
 * be found in one place only. The default user is never used afterwards, since its role is read at QUORUM of all datacenters.
 */
import cassandra from 'cassandra-driver'
import { type Endpoint, type Login, loggedIn } from './login.ts'

export const DEFAULT_USER: Login = { username: 'cassandra', password: 'cassandra' }

/** Keyspaces of Cassandra's own that are not on every node by themselves. */
const REPLICATED = ['system_auth', 'system_distributed', 'system_traces']

export async function setUp(endpoint: Endpoint, superuser: Login, replicas: Record<string, number>): Promise<void> {
  const counts = Object.entries(replicas).map(([datacenter, count]) => `, '${datacenter}': ${count}`)
  const replication = `{'class': 'NetworkTopologyStrategy'${counts.join('')}}`
  await loggedIn(endpoint, DEFAULT_USER, async (client) => {
    for (const keyspace of REPLICATED) await run(client, `ALTER KEYSPACE ${keyspace} WITH replication = ${replication}`)
    const { username, password } = superuser
    await run(client, `CREATE ROLE ${username} WITH PASSWORD = '${password}' AND LOGIN = true AND SUPERUSER = true`)
  })
  await loggedIn(endpoint, superuser, async (client) => {
    await run(client, `ALTER ROLE ${DEFAULT_USER.username} WITH LOGIN = false AND SUPERUSER = false`)
  })
}

/** Whether this node has heard of so many others, and of their datacenters. */
export async function knows(client: cassandra.Client, others: number): Promise<boolean> {
  const { rows } = await client.execute('SELECT data_center FROM system.peers_v2')
  return rows.filter((row) => row.data_center !== null).length === others
}

/** Whether this node takes all others for alive: the roles are on each of them, once they are set up. */
export async function reachesAll(client: cassandra.Client): Promise<boolean> {
  const consistency = cassandra.types.consistencies.all
  await client.execute(`SELECT role FROM system_auth.roles WHERE role = '${DEFAULT_USER.username}'`, [], {
    consistency,
  })
  return true
}

/** Statements of set-up are asked once each, so preparing them gains nothing. */
async function run(client: cassandra.Client, statement: string): Promise<void> {
  await client.execute(statement, [], { prepare: false })
}
