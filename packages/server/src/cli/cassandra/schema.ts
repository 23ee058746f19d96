/**
 * `holdfast cassandra schema`: keyspace, tables and roles, as statements for cqlsh or made at once. Passwords are read from
 * files of their owners and go to the cluster alone: what is printed says where each belongs, and `ps` shows none.
 */
import type { CassandraOptions, Schema } from '@holdfast/engine-cassandra'
import { loadConfig } from '../../config/load.ts'
import { ConfigError } from '../../config/problems.ts'
import { readCassandraFiles, readPassword } from '../../service/cassandra.ts'
import { loadCassandra } from '../../service/storage.ts'
import { EXIT } from '../exit.ts'
import { invocation } from '../invocation.ts'
import { shellWord } from '../shell-word.ts'

export interface SchemaOptions {
  readonly config: string
  readonly replicas?: Readonly<Record<string, number>>
  readonly print?: true
  readonly apply?: true
  readonly admin?: string
  readonly adminPasswordFile?: string
  readonly migrate: string
  readonly migratePasswordFile?: string
}

/** Exit code. */
export async function schemaCommand(options: SchemaOptions): Promise<number> {
  const { cassandra } = loadConfig(options.config).engine
  if (cassandra === undefined) throw new ConfigError([`${options.config}: engine is not cassandra`])
  if (options.print !== true && options.apply !== true) throw new ConfigError(['give --print or --apply'])
  const { keyspace, username } = cassandra
  const schema = { keyspace, replicas: options.replicas, app: username === undefined ? undefined : { name: username } }
  return options.print ? print(schema, options) : apply(schema, cassandra, options)
}

type Cassandra = NonNullable<ReturnType<typeof loadConfig>['engine']['cassandra']>

async function print(schema: Schema, { replicas, migrate }: SchemaOptions): Promise<number> {
  if (replicas === undefined) throw new ConfigError(['--print needs --replicas, such as --replicas dc1=3,dc2=3'])
  const { schemaStatements } = await loadCassandra()
  const statements = namesChecked(() => schemaStatements({ ...schema, migrate: { name: migrate } }))
  const lines = statements.map((statement) => {
    const role = /^CREATE ROLE IF NOT EXISTS (\S+) /.exec(statement)?.[1]
    const marker = role === undefined ? '' : `-- Its password is not here: ALTER ROLE ${role} WITH PASSWORD = '…';\n`
    return `${statement};\n${marker}`
  })
  process.stdout.write(lines.join(''))
  return EXIT.stopped
}

async function apply(schema: Schema, cassandra: Cassandra, options: SchemaOptions): Promise<number> {
  const { admin, adminPasswordFile, migrate, migratePasswordFile, config } = options
  if (admin === undefined || adminPasswordFile === undefined) {
    throw new ConfigError(['--apply needs --admin and --admin-password-file: who makes it, and with which password'])
  }
  const { applySchema, schemaStatements } = await loadCassandra()
  const { contactPoints, datacenter } = cassandra
  const { tls, credentials } = await readCassandraFiles(cassandra)
  const login: CassandraOptions = {
    ...{ contactPoints, datacenter, tls },
    credentials: { username: admin, password: await readPassword('--admin-password-file', adminPasswordFile) },
  }
  const wanted: Schema = {
    ...schema,
    app: schema.app && { ...schema.app, password: credentials?.password },
    migrate:
      migratePasswordFile === undefined
        ? undefined
        : { name: migrate, password: await readPassword('--migrate-password-file', migratePasswordFile) },
  }
  namesChecked(() => schemaStatements(wanted))
  const { kept } = await applySchema(login, wanted)
  for (const role of kept) process.stderr.write(`role ${role} was there: its password is as it was\n`)
  const server = `${invocation} serve --config ${shellWord(config)}`
  process.stderr.write(`keyspace ${schema.keyspace}, its tables and roles are there\nNext: ${server}\n`)
  return EXIT.stopped
}

/** Names that CQL does not take are the caller's mistake. */
function namesChecked<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw error instanceof TypeError ? new ConfigError([error.message]) : error
  }
}
