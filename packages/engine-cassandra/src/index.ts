/** Holdfast's storage engine on Apache Cassandra. */
export { applySchema, type Schema, schemaStatements } from './apply-schema.ts'
export { CAPABILITIES, CassandraEngine } from './cassandra-engine.ts'
export type { CassandraConnection, CassandraOptions } from './options.ts'
export { RISKS } from './preflight.ts'
