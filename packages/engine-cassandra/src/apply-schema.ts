/**
 * Makes keyspace, tables and roles in a cluster, by a role that may: everything that is missing, nothing that is there. What
 * is there and differs is refused and left as it is, since changing it needs a repair, or loses records.
 */
import { EngineRefused, EngineUnavailable } from '@holdfast/engine'
import { types } from 'cassandra-driver'
import { readFacts } from './cluster-facts.ts'
import { connectFault, isForbidden, isInvalid, tell } from './faults.ts'
import type { CassandraOptions } from './options.ts'
import { judgeTables } from './preflight.ts'
import { appGrants, migrateGrants, quoted, roleStatement } from './roles.ts'
import { keyspaceStatement, replicationOf, tableStatements } from './schema.ts'
import { Session } from './session.ts'

interface Role {
  readonly name: string
  /** Absent: it gets none, and nobody logs in as it until it has one. */
  readonly password?: string | undefined
}

export interface Schema {
  readonly keyspace: string
  /** Copies by datacenter; absent where the keyspace is there already. */
  readonly replicas?: Readonly<Record<string, number>> | undefined
  /** Whom servers log in as; absent: by certificate, and then the operator makes it. */
  readonly app?: Role | undefined
  readonly migrate?: Role | undefined
}

/** Schema changes wait until all nodes agree. */
const PATIENCE_MS = 60_000

/** All statements, in order. Throws TypeError for names that are none. */
export function schemaStatements({ keyspace, replicas, app, migrate }: Schema): readonly string[] {
  return [
    ...(replicas ? [keyspaceStatement(keyspace, replicas)] : []),
    ...tableStatements(keyspace),
    ...(app ? [roleStatement(app.name, app.password), ...appGrants(keyspace, app.name)] : []),
    ...(migrate ? [roleStatement(migrate.name, migrate.password), ...migrateGrants(keyspace, migrate.name)] : []),
  ]
}

/** What was there before: names of roles, whose passwords are as they were. `options`: the login of who may do this. */
export async function applySchema(options: CassandraOptions, schema: Schema): Promise<{ readonly kept: string[] }> {
  const statements = schemaStatements(schema)
  const session = new Session(options)
  const deadline = performance.now() + PATIENCE_MS
  const ask = (statement: string) => session.ask(statement, [], { level: types.consistencies.localQuorum, deadline })
  try {
    await session.connect().catch((error) => Promise.reject(connectFault(error)))
    const facts = await readFacts(session, options, schema.keyspace, deadline)
    demandSame(schema, facts)
    const kept: string[] = []
    for (const role of [schema.app, schema.migrate]) {
      if (role !== undefined && (await isThere(ask, role.name))) kept.push(role.name)
    }
    for (const statement of statements) await ask(statement)
    return { kept }
  } catch (error) {
    throw refusal(error)
  } finally {
    await session.close()
  }
}

function demandSame({ keyspace, replicas }: Schema, facts: Awaited<ReturnType<typeof readFacts>>): void {
  const { replication, datacenters } = facts
  if (replication === undefined) {
    if (replicas !== undefined) return
    const example = datacenters.map((name) => `${name}=3`).join(',')
    throw new EngineRefused(
      `there is no keyspace ${keyspace}`,
      `say how many copies each datacenter has: --replicas ${example}`,
    )
  }
  if (replicas !== undefined) {
    const wanted = replicationOf(replicas)
    const there = Object.entries(replication.copies)
    const same =
      there.length === Object.keys(replicas).length && there.every(([name, count]) => replicas[name] === count)
    if (!same) {
      throw new EngineRefused(
        `keyspace ${keyspace} is there, with other copies`,
        `ALTER KEYSPACE ${keyspace} WITH replication = ${wanted}; then on every node: nodetool repair --full ${keyspace}`,
      )
    }
  }
  const wrong = judgeTables(facts).find(({ isMissing }) => !isMissing)
  if (wrong !== undefined) throw new EngineRefused(wrong.what, wrong.mend)
}

async function isThere(ask: (statement: string) => Promise<unknown>, role: string): Promise<boolean> {
  try {
    await ask(`LIST ROLES OF ${quoted(role)}`)
    return true
  } catch (error) {
    if (isInvalid(error)) return false
    throw error
  }
}

function refusal(error: unknown): unknown {
  if (['EngineRefused', 'EngineUnavailable', 'EngineUnconfirmed'].includes((error as Error).name)) return error
  if (isForbidden(error)) {
    return new EngineRefused('this role may not make keyspaces, tables or roles', 'log in as one that may: --admin')
  }
  return new EngineUnavailable(`Cassandra: ${tell(error)}`, { cause: error })
}
