/** Holdfast's storage engine on Apache Cassandra. */
export { CassandraEngine } from './cassandra-engine.ts'
export type { CassandraOptions } from './options.ts'
export { keyspaceStatement, tableStatements } from './schema.ts'
