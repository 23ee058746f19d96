/**
 * What a start refuses of a cluster, judged from facts alone (./cluster-facts.ts finds them out). Each of these lets a
 * cluster answer "done" for what it may lose, stop where one datacenter is lost, or hand records to whoever asks; each says
 * what mends it, and by which word an operator accepts it nevertheless. What could not be read is told, and never taken for
 * right.
 *
 * It judges the nodes of this instance's datacenter that answer at the start. A setting that is changed later, and a node
 * that joins later, are seen at the next start or by `holdfast doctor`.
 */
import { EngineRefused, type Space } from '@holdfast/engine'
import { replicationOf, TABLES } from './schema.ts'

/** The words that accept. */
export const RISKS = [
  'plaintext',
  'superuser',
  'no-authentication',
  'no-authorization',
  'simple-strategy',
  'datacenter-without-replicas',
  'auth-replication',
  'periodic-commitlog',
  'paxos-v1',
  'unread-settings',
] as const
export type Risk = (typeof RISKS)[number]

export interface Finding {
  readonly what: string
  readonly mend: string
  /** Absent: nothing works with it. */
  readonly accept?: Risk
}

interface TableFinding extends Finding {
  /** It can simply be made. */
  readonly isMissing: boolean
}

/** Of a keyspace; `copies` by datacenter. */
export interface Replication {
  readonly strategy: string
  readonly copies: Readonly<Record<string, number>>
  readonly durable: boolean
}

export interface Column {
  readonly type: string
  readonly kind: string
  readonly position: number
}

/** The settings of a node, by name; `forbidden`: the role may not read them. */
export type Settings = Readonly<Record<string, string | null>> | 'forbidden'

export interface ClusterFacts {
  readonly keyspace: string
  /** That of this instance. */
  readonly datacenter: string
  readonly encrypted: boolean
  /** The login; undefined where a certificate is one. */
  readonly username: string | undefined
  /** The login's own role and those it was granted; `anonymous`: the cluster asks nobody who they are. */
  readonly roles: readonly { readonly role: string; readonly isSuper: boolean }[] | 'anonymous'
  /** Of the whole cluster. */
  readonly datacenters: readonly string[]
  /** Undefined: there is no such keyspace. */
  readonly replication: Replication | undefined
  readonly authReplication: Replication | undefined
  /** By table, by column. */
  readonly tables: ReadonlyMap<string, Readonly<Record<string, Column>>>
  /** By node of this datacenter that answered. */
  readonly settings: ReadonlyMap<string, Settings>
}

/** Cassandra's own user, whose role is read at a quorum of all datacenters. */
const DEFAULT_USER = 'cassandra'
const TOPOLOGY = 'NetworkTopologyStrategy'
/** What a mutation has besides the record, at most. */
const OVERHEAD = 1024
/** Settings that are read. */
export const SETTINGS = ['authenticator', 'authorizer', 'commitlog_sync', 'paxos_variant', 'max_mutation_size'] as const

const SCHEMA = 'holdfast cassandra schema --config FILE'
const RESTART = 'in cassandra.yaml of every node, then restart one after another'

/** All there is to find, in the order in which it is best mended. */
export function judge(facts: ClusterFacts, spaces: readonly Space[]): Finding[] {
  return [...access(facts), ...schema(facts), ...settings(facts, spaces)]
}

/** Throws `EngineRefused` with all of it that is not accepted. */
export function demandSound(facts: ClusterFacts, spaces: readonly Space[], accepted: readonly Risk[] = []): void {
  const found = judge(facts, spaces).filter(({ accept }) => accept === undefined || !accepted.includes(accept))
  if (found.length === 0) return
  const lines = found.map(({ what, mend }) => `- ${what}\n    mend: ${mend}`)
  const words = found.flatMap(({ accept }) => accept ?? [])
  throw new EngineRefused(
    ['the Cassandra cluster is not safe to use:', ...lines].join('\n  '),
    words.length === 0
      ? 'Nothing works before.'
      : `To run nevertheless, at a price: engine.cassandra.accept: [${words.join(', ')}]`,
  )
}

function* access({ encrypted, username, roles, settings }: ClusterFacts): Generator<Finding> {
  if (!encrypted) {
    yield {
      what: 'the connection is not encrypted: passwords and records can be read and changed on the way',
      mend: `client_encryption_options: { enabled: true, … } ${RESTART}; then engine.cassandra.tls`,
      accept: 'plaintext',
    }
  }
  const noLogin = nodesWhere(settings, ({ authenticator }) => ends(authenticator, 'AllowAllAuthenticator'))
  if (roles === 'anonymous' || noLogin !== '') {
    yield {
      what: `anybody may log in${noLogin === '' ? '' : ` (AllowAllAuthenticator on ${noLogin})`}`,
      mend: `authenticator: PasswordAuthenticator ${RESTART}`,
      accept: 'no-authentication',
    }
  }
  const noRights = nodesWhere(settings, ({ authorizer }) => ends(authorizer, 'AllowAllAuthorizer'))
  if (noRights !== '') {
    yield {
      what: `whoever logs in may do everything (AllowAllAuthorizer on ${noRights})`,
      mend: `authorizer: CassandraAuthorizer ${RESTART}`,
      accept: 'no-authorization',
    }
  }
  const superuser =
    roles === 'anonymous' ? undefined : roles.find(({ role, isSuper }) => isSuper || role === DEFAULT_USER)
  if (superuser !== undefined || username === DEFAULT_USER) {
    const who = superuser?.role ?? DEFAULT_USER
    yield {
      what: `it logs in as ${who}, ${who === DEFAULT_USER ? 'which stops when any datacenter is lost' : 'a superuser, who may read and drop everything'}`,
      mend: `a role of its own: ${SCHEMA} --apply makes one`,
      accept: 'superuser',
    }
  }
}

function* schema(facts: ClusterFacts): Generator<Finding> {
  if (facts.replication === undefined) {
    yield {
      what: `there is no keyspace ${facts.keyspace}`,
      mend: `${SCHEMA} --replicas DATACENTER=COPIES,… --apply`,
    }
    return
  }
  yield* copies(facts, facts.replication)
  for (const { what, mend } of judgeTables(facts)) yield { what, mend }
}

function* copies(
  { keyspace, datacenter, datacenters, authReplication }: ClusterFacts,
  replication: Replication,
): Generator<Finding> {
  if (!replication.durable) {
    yield {
      what: `keyspace ${keyspace} has no commit log (durable_writes = false): a node that stops forgets what it acknowledged`,
      mend: `ALTER KEYSPACE ${keyspace} WITH durable_writes = true`,
    }
  }
  const wanted = (there: Replication | undefined) => {
    const least = Math.max(1, ...Object.values(there?.copies ?? {}))
    return replicationOf(Object.fromEntries(datacenters.map((name) => [name, there?.copies[name] ?? least])))
  }
  const alter = (name: string, there: Replication | undefined) =>
    `ALTER KEYSPACE ${name} WITH replication = ${wanted(there)}; then on every node: nodetool repair --full ${name}`
  if (replication.strategy !== TOPOLOGY) {
    yield {
      what: `keyspace ${keyspace} is replicated by ${replication.strategy}, which knows no datacenters`,
      mend: alter(keyspace, undefined),
      accept: 'simple-strategy',
    }
  } else {
    const without = datacenters.filter((name) => replication.copies[name] === undefined)
    if (without.length > 0) {
      yield {
        what: `keyspace ${keyspace} has no replicas in ${without.join(', ')}`,
        mend: alter(keyspace, replication),
        // Without replicas in its own datacenter an instance can neither read nor write.
        ...(!without.includes(datacenter) && { accept: 'datacenter-without-replicas' as const }),
      }
    }
  }
  const has = Object.keys(authReplication?.copies ?? {})
  const lacks = Object.keys(replication.copies).filter((name) => !has.includes(name))
  if (authReplication?.strategy !== TOPOLOGY || lacks.length > 0) {
    const why =
      authReplication?.strategy === TOPOLOGY
        ? `has no replicas in ${lacks.join(', ')}`
        : `is replicated by ${authReplication?.strategy ?? 'nothing'}, which knows no datacenters`
    yield {
      what: `system_auth, the roles, ${why}: where they cannot be read, nobody logs in`,
      mend: alter('system_auth', authReplication?.strategy === TOPOLOGY ? authReplication : undefined),
      accept: 'auth-replication',
    }
  }
}

/** What is wrong with the tables of a keyspace that is there. */
export function judgeTables({ keyspace, tables }: ClusterFacts): TableFinding[] {
  return Object.entries(TABLES).flatMap(([name, { columns, partition, clustering }]): TableFinding[] => {
    const there = tables.get(name)
    if (there === undefined) {
      return [{ what: `there is no table ${keyspace}.${name}`, mend: `${SCHEMA} --apply`, isMissing: true }]
    }
    const wrong = Object.entries(columns).filter(([column, type]) => {
      const found = there[column]
      const at = [partition.indexOf(column), clustering.indexOf(column)]
      const kind = at[0]! >= 0 ? 'partition_key' : at[1]! >= 0 ? 'clustering' : 'regular'
      return found?.type !== type || found.kind !== kind || found.position !== Math.max(...at)
    })
    if (wrong.length === 0) return []
    const names = wrong.map(([column]) => column).join(', ')
    return [
      {
        what: `table ${keyspace}.${name} is not Holdfast's: ${names} missing or of another kind`,
        mend: `another keyspace: engine.cassandra.keyspace, then ${SCHEMA} --apply; ${SCHEMA} --print shows what it should be`,
        isMissing: false,
      },
    ]
  })
}

function* settings({ username, settings }: ClusterFacts, spaces: readonly Space[]): Generator<Finding> {
  const unread = [...settings].filter(([, values]) => values === 'forbidden').map(([node]) => node)
  if (unread.length > 0 || settings.size === 0) {
    const role = username === undefined ? 'ROLE' : username
    yield {
      what:
        settings.size === 0
          ? 'no node told its settings'
          : 'this role may not read the settings of the nodes, so nobody knows whether they lose what they acknowledged',
      mend: `GRANT SELECT ON TABLE system_views.settings TO "${role}"`,
      accept: 'unread-settings',
    }
  }
  const periodic = nodesWhere(settings, ({ commitlog_sync: sync }) => !['batch', 'group'].includes(sync ?? ''))
  if (periodic !== '') {
    yield {
      what: `a power cut loses seconds of what ${periodic} acknowledged, logouts among them (commitlog_sync: periodic)`,
      mend: `commitlog_sync: batch (and no commitlog_sync_period) ${RESTART}`,
      accept: 'periodic-commitlog',
    }
  }
  const old = nodesWhere(settings, ({ paxos_variant: variant }) => !(variant ?? '').startsWith('v2'))
  if (old !== '' && spaces.some(({ atomic }) => atomic !== 'no')) {
    yield {
      what: `conditional writes on ${old} are those of paxos v1, which may forget one that was in doubt`,
      mend: `paxos_variant: v2 ${RESTART}; then nodetool repair --paxos-only`,
      accept: 'paxos-v1',
    }
  }
  const largest = Math.max(0, ...spaces.map(({ maxSize }) => maxSize)) + OVERHEAD
  const small = nodesWhere(settings, ({ max_mutation_size: most }) => (bytesIn(most) ?? largest) < largest)
  if (small !== '') {
    yield {
      what: `${small} takes no record of ${largest} bytes, which a store allows`,
      mend: `commitlog_segment_size: 32MiB, as it is by default, ${RESTART}; or a smaller maxValue in stores`,
    }
  }
}

/** The nodes of whose settings that holds, in words; '' if of none. */
function nodesWhere(
  settings: ClusterFacts['settings'],
  holds: (values: Readonly<Record<string, string | null>>) => boolean,
): string {
  const nodes = [...settings].filter(([, values]) => values !== 'forbidden' && holds(values)).map(([node]) => node)
  return nodes.length > 3 ? `${nodes.slice(0, 3).join(', ')} and ${nodes.length - 3} more` : nodes.join(', ')
}

/** Settings name classes with or without their package. */
function ends(value: string | null | undefined, name: string): boolean {
  return value === name || value?.endsWith(`.${name}`) === true
}

function bytesIn(size: string | null | undefined): number | undefined {
  const [, number, unit] = /^(\d+)(B|KiB|MiB|GiB)$/.exec(size ?? '') ?? []
  return number === undefined ? undefined : Number(number) * 1024 ** ['B', 'KiB', 'MiB', 'GiB'].indexOf(unit!)
}
