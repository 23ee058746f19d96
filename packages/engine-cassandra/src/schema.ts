/**
 * The tables, as CQL, and why they are as they are (see docs/decisions for the reasons at length):
 *
 * - `cells`: an address has its record in `sealed` and its end in `ended`, a column of its own that is only ever set, so no
 *   write of a record undoes an end, whatever its timestamp. Only UPDATE is used: INSERT would leave row markers. `version`
 *   is kept in atomic spaces alone, so that conditions need not send the record back.
 * - `rows`: the shape of row lists. Time windows, since rows of one age expire together.
 * - `pending_ends`: ends that not every datacenter has confirmed, by day and shard, so that no partition grows old with
 *   tombstones; `pending_days` tells the days that have any.
 * - `spaces`: what was declared, so that no instance serves a space by other rules.
 *
 * Sealed bytes do not compress, so nothing is compressed. `gc_grace_seconds` is a day: hints, which last 3 hours unless
 * set otherwise, are over by then, and an end that they missed is seen through by its pending row.
 */

const NAME = /^[a-z][a-z0-9_]{0,47}$/
/** A day, in seconds. */
const GRACE = 86_400

const LEVELS = "{'class': 'LeveledCompactionStrategy'}"
const WINDOWS =
  "{'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', 'compaction_window_size': 1}"

export interface Table {
  /** Types by column. */
  readonly columns: Readonly<Record<string, string>>
  readonly partition: readonly string[]
  readonly clustering: readonly string[]
  readonly compaction: string
}

/** By name. */
export const TABLES: Readonly<Record<string, Table>> = {
  cells: {
    columns: { space: 'text', address: 'blob', sealed: 'blob', version: 'blob', ended: 'bigint' },
    partition: ['space', 'address'],
    clustering: [],
    compaction: LEVELS,
  },
  rows: {
    columns: { space: 'text', address: 'blob', place: 'blob', sealed: 'blob' },
    partition: ['space', 'address'],
    clustering: ['place'],
    compaction: WINDOWS,
  },
  pending_ends: {
    columns: { day: 'int', shard: 'int', stamp: 'bigint', space: 'text', address: 'blob', ended: 'bigint' },
    partition: ['day', 'shard'],
    clustering: ['stamp', 'space', 'address'],
    compaction: LEVELS,
  },
  pending_days: {
    columns: { one: 'int', day: 'int', noted: 'boolean' },
    partition: ['one'],
    clustering: ['day'],
    compaction: LEVELS,
  },
  spaces: {
    columns: {
      ...{ id: 'text', shape: 'text', final: 'boolean', atomic: 'text' },
      ...{ highest_ttl: 'bigint', confirmed: 'boolean' },
    },
    partition: ['id'],
    clustering: [],
    compaction: LEVELS,
  },
}

/** Names that CQL takes without quotes. Throws TypeError. */
export function checkName(what: string, name: string): string {
  if (!NAME.test(name))
    throw new TypeError(`${what} ${JSON.stringify(name)}: 1-48 of a-z, 0-9 and _, beginning with a letter`)
  return name
}

/** `replicas`: copies by datacenter. Throws TypeError. */
export function replicationOf(replicas: Readonly<Record<string, number>>): string {
  const copies = Object.entries(replicas).map(([datacenter, count]) => {
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(datacenter)) {
      throw new TypeError(`datacenter ${JSON.stringify(datacenter)}: 1-64 letters, digits, ., _ and -`)
    }
    if (!(Number.isInteger(count) && count >= 1)) throw new TypeError(`datacenter ${datacenter}: at least 1 replica`)
    return `'${datacenter}': ${count}`
  })
  if (copies.length === 0) throw new TypeError('at least one datacenter is needed')
  return `{'class': 'NetworkTopologyStrategy', ${copies.join(', ')}}`
}

/** Throws TypeError. */
export function keyspaceStatement(keyspace: string, replicas: Readonly<Record<string, number>>): string {
  checkName('keyspace', keyspace)
  return `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = ${replicationOf(replicas)}`
}

/** One statement each. */
export function tableStatements(keyspace: string): readonly string[] {
  checkName('keyspace', keyspace)
  return Object.entries(TABLES).map(([name, { columns, partition, clustering, compaction }]) => {
    const defined = Object.entries(columns).map(([column, type]) => `${column} ${type}`)
    const key = [`(${partition.join(', ')})`, ...clustering].join(', ')
    return (
      `CREATE TABLE IF NOT EXISTS ${keyspace}.${name} (${defined.join(', ')}, PRIMARY KEY (${key})) ` +
      `WITH compaction = ${compaction} AND gc_grace_seconds = ${GRACE} AND compression = {'enabled': false}`
    )
  })
}
