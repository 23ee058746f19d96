/** Keyspaces of a test cluster: one for each engine that a test makes, with a login of its own, as an operator makes them. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type CassandraOptions, schemaStatements } from '@holdfast/engine-cassandra'
import type { Cluster } from '../cluster/cluster.ts'

export interface Keyspace extends AsyncDisposable {
  readonly name: string
  /** For an engine of an instance in that datacenter, the first unless given. */
  optionsIn(datacenter?: string): CassandraOptions
  /** Forgets which spaces there are. Records stay: addresses are drawn anew by each test. */
  forget(): Promise<void>
}

export async function makeKeyspace(cluster: Cluster): Promise<Keyspace> {
  const name = `t${randomBytes(6).toString('hex')}`
  const password = randomBytes(24).toString('base64url')
  const datacenters = [...new Set(cluster.nodes.map(({ datacenter }) => datacenter))]
  const copies = (datacenter: string) =>
    Math.min(3, cluster.nodes.filter((node) => node.datacenter === datacenter).length)
  const replicas = Object.fromEntries(datacenters.map((datacenter) => [datacenter, copies(datacenter)]))
  const schema = { keyspace: name, replicas, app: { name, password } }
  for (const statement of schemaStatements(schema)) await cluster.cql(statement)
  const pem = (file: string) => readFileSync(file, 'utf8')
  const tls = { ca: pem(cluster.authority), cert: pem(cluster.clientCertificate), key: pem(cluster.clientKey) }
  return {
    name,
    optionsIn(datacenter = datacenters[0]!) {
      const nodes = cluster.nodes.filter((node) => node.datacenter === datacenter)
      const contactPoints = nodes.map(({ host, port }) => `${host}:${port}`)
      return { contactPoints, datacenter, keyspace: name, credentials: { username: name, password }, tls }
    },
    async forget() {
      await cluster.cql(`TRUNCATE ${name}.spaces`)
    },
    async [Symbol.asyncDispose]() {
      await cluster.cql(`DROP KEYSPACE ${name}`)
      await cluster.cql(`DROP ROLE ${name}`)
    },
  }
}
