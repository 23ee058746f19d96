/**
 * The two roles of a keyspace, each with what its duty needs and no more. `app` reads and writes the records and sees the
 * nodes' settings, which a start checks; it cannot change a table, make a role, or look into another keyspace. (What may
 * write may also empty a table: Cassandra's MODIFY includes TRUNCATE.) `migrate` changes tables, and no server runs as it.
 */
import { checkName, TABLES } from './schema.ts'

/** For `CREATE ROLE`; a name as it was written. Throws TypeError. */
export function quoted(role: string): string {
  if (!/^[A-Za-z0-9._@-]{1,64}$/.test(role)) {
    throw new TypeError(`role ${JSON.stringify(role)}: 1-64 letters, digits, ., _, @ and -`)
  }
  return `"${role}"`
}

/** Without a password nobody logs in as it. */
export function roleStatement(role: string, password?: string): string {
  const secret = password === undefined ? '' : ` AND PASSWORD = '${password.replaceAll("'", "''")}'`
  return `CREATE ROLE IF NOT EXISTS ${quoted(role)} WITH LOGIN = true AND SUPERUSER = false${secret}`
}

/** One statement each, after the tables are there. */
export function appGrants(keyspace: string, role: string): readonly string[] {
  checkName('keyspace', keyspace)
  const tables = Object.keys(TABLES).flatMap((table) => {
    return ['SELECT', 'MODIFY'].map((right) => `GRANT ${right} ON TABLE ${keyspace}.${table} TO ${quoted(role)}`)
  })
  return [...tables, `GRANT SELECT ON TABLE system_views.settings TO ${quoted(role)}`]
}

/** One statement each. */
export function migrateGrants(keyspace: string, role: string): readonly string[] {
  checkName('keyspace', keyspace)
  return ['CREATE', 'ALTER', 'DROP'].map((right) => `GRANT ${right} ON KEYSPACE ${keyspace} TO ${quoted(role)}`)
}
