/**
 * Finds out what ./preflight.ts judges, by what the login may ask: which roles it has, how the keyspaces are replicated,
 * which tables there are, and, where it was granted, the settings of each node of this datacenter. It changes nothing.
 *
 * A node that does not answer is left out: it would have to answer before an instance may start while it is down.
 */
import { types } from 'cassandra-driver'
import { isForbidden } from './faults.ts'
import type { CassandraOptions } from './options.ts'
import { type ClusterFacts, type Column, type Replication, SETTINGS, type Settings } from './preflight.ts'
import type { Host, Row, Session } from './session.ts'

const AUTH = 'system_auth'

/** Rejects as the session does. */
export async function readFacts(
  session: Session,
  { datacenter, credentials, tls }: Pick<CassandraOptions, 'datacenter' | 'credentials' | 'tls'>,
  keyspace: string,
  deadline: number,
): Promise<ClusterFacts> {
  const ask = (statement: string, values: readonly string[] = [], host?: Host) =>
    session.ask(statement, values, { level: types.consistencies.localOne, deadline, ...(host && { host }) })
  const hosts = session.hosts
  const near = hosts.filter((host) => host.datacenter === datacenter && host.isUp())
  const [roles, keyspaces, columns, settings] = await Promise.all([
    rolesOf(ask, credentials?.username),
    ask(`SELECT keyspace_name, durable_writes, replication FROM system_schema.keyspaces`),
    ask(`SELECT table_name, column_name, kind, position, type FROM system_schema.columns WHERE keyspace_name = ?`, [
      keyspace,
    ]),
    Promise.all(near.map(async (host) => [host.address, await settingsOf(ask, host)] as const)),
  ])
  const named = (name: string) => keyspaces.find(({ keyspace_name: one }) => one === name)
  return {
    keyspace,
    datacenter,
    encrypted: tls !== undefined,
    username: credentials?.username,
    roles,
    datacenters: [...new Set(hosts.map((host) => host.datacenter))].sort(),
    replication: replicationIn(named(keyspace)),
    authReplication: replicationIn(named(AUTH)),
    tables: tablesIn(columns),
    settings: new Map(settings.filter((one): one is [string, Settings] => one[1] !== undefined)),
  }
}

type Ask = (statement: string, values?: readonly string[], host?: Host) => Promise<readonly Row[]>

async function rolesOf(ask: Ask, username: string | undefined): Promise<ClusterFacts['roles']> {
  // With a certificate alone it asks for all that it may see: its own.
  const whose = username === undefined ? '' : ` OF "${username.replaceAll('"', '""')}"`
  try {
    const rows = await ask(`LIST ROLES${whose}`)
    return rows.map(({ role, super: isSuper }) => ({ role: String(role), isSuper: isSuper === true }))
  } catch (error) {
    // The only one who may not see its own roles is nobody.
    if (isForbidden(error)) return 'anonymous'
    throw error
  }
}

/** Undefined: the node did not answer. */
async function settingsOf(ask: Ask, host: Host): Promise<Settings | undefined> {
  const names = SETTINGS.map((name) => `'${name}'`).join(', ')
  try {
    const rows = await ask(`SELECT name, value FROM system_views.settings WHERE name IN (${names})`, [], host)
    return Object.fromEntries(rows.map(({ name, value }) => [String(name), value as string | null]))
  } catch (error) {
    return isForbidden(error) ? 'forbidden' : undefined
  }
}

function replicationIn(row: Row | undefined): Replication | undefined {
  if (row === undefined) return undefined
  const { class: name = '', ...counts } = row.replication as Record<string, string>
  const strategy = name.slice(name.lastIndexOf('.') + 1)
  const isByDatacenter = strategy === 'NetworkTopologyStrategy'
  const copies = Object.entries(isByDatacenter ? counts : {}).map(([datacenter, count]) => {
    return [datacenter, Number.parseInt(count, 10)] as const
  })
  return {
    strategy,
    copies: Object.fromEntries(copies.filter(([, count]) => count > 0)),
    durable: row.durable_writes === true,
  }
}

function tablesIn(rows: readonly Row[]): ClusterFacts['tables'] {
  const tables = new Map<string, Record<string, Column>>()
  for (const row of rows) {
    const {
      table_name: table,
      column_name: column,
      type,
      kind,
      position,
    } = row as unknown as Column & {
      table_name: string
      column_name: string
    }
    tables.set(table, { ...tables.get(table), [column]: { type, kind, position } })
  }
  return tables
}
