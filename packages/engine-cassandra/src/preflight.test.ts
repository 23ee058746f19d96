import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineRefused, type Space } from '@holdfast/engine'
import { type ClusterFacts, demandSound, judge, RISKS } from './preflight.ts'
import { TABLES } from './schema.ts'

const space = (rules: Partial<Space> = {}): Space => ({
  ...{ id: 'store:s', shape: 'cell', final: true, atomic: 'datacenter', longestTtl: 60, maxSize: 4 * 2 ** 20 },
  ...rules,
})
const SPACES = [space()]

/** As `holdfast cassandra schema` makes it. */
const tables = new Map(
  Object.entries(TABLES).map(([name, { columns, partition, clustering }]) => {
    const there = Object.entries(columns).map(([column, type]) => {
      if (partition.includes(column)) {
        return [column, { type, kind: 'partition_key', position: partition.indexOf(column) }] as const
      }
      if (clustering.includes(column)) {
        return [column, { type, kind: 'clustering', position: clustering.indexOf(column) }] as const
      }
      return [column, { type, kind: 'regular', position: -1 }] as const
    })
    return [name, Object.fromEntries(there)] as const
  }),
)
const settings = {
  authenticator: 'PasswordAuthenticator',
  authorizer: 'org.apache.cassandra.auth.CassandraAuthorizer',
  commitlog_sync: 'batch',
  paxos_variant: 'v2',
  max_mutation_size: '16384KiB',
}
const replication = { strategy: 'NetworkTopologyStrategy', copies: { dc1: 3, dc2: 3 }, durable: true }
const SOUND: ClusterFacts = {
  ...{ keyspace: 'holdfast', datacenter: 'dc1', encrypted: true, username: 'holdfast_app' },
  roles: [{ role: 'holdfast_app', isSuper: false }],
  datacenters: ['dc1', 'dc2'],
  ...{ replication, authReplication: replication, tables },
  settings: new Map([
    ['10.0.0.11:9042', settings],
    ['10.0.0.12:9042', settings],
  ]),
}
const withSettings = (change: object) => ({
  settings: new Map([...SOUND.settings, ['10.0.0.12:9042', { ...settings, ...change }]]),
})
const without = (table: string) => new Map([...tables].filter(([name]) => name !== table))

test('a cluster as it should be has nothing to tell', () => {
  assert.deepEqual(judge(SOUND, SPACES), [])
  demandSound(SOUND, SPACES)
})

const simple = { strategy: 'SimpleStrategy', copies: {}, durable: true }
const CASES: [title: string, change: Partial<ClusterFacts>, accept: string | undefined, what: RegExp, mend: RegExp][] =
  [
    ['plaintext', { encrypted: false }, 'plaintext', /not encrypted/, /client_encryption_options/],
    [
      'nobody asks who it is',
      { roles: 'anonymous' },
      'no-authentication',
      /anybody may log in/,
      /PasswordAuthenticator/,
    ],
    [
      'a node that lets anybody in',
      withSettings({ authenticator: 'org.apache.cassandra.auth.AllowAllAuthenticator' }),
      'no-authentication',
      /AllowAllAuthenticator on 10\.0\.0\.12:9042\)/,
      /authenticator: PasswordAuthenticator/,
    ],
    [
      'a node where everybody may everything',
      withSettings({ authorizer: 'AllowAllAuthorizer' }),
      'no-authorization',
      /AllowAllAuthorizer on 10\.0\.0\.12/,
      /authorizer: CassandraAuthorizer/,
    ],
    [
      'a superuser by a role that it was granted',
      { roles: [...(SOUND.roles as []), { role: 'dba', isSuper: true }] },
      'superuser',
      /as dba, a superuser/,
      /schema/,
    ],
    [
      'the default user as a role that it was granted',
      { roles: [...(SOUND.roles as []), { role: 'cassandra', isSuper: false }] },
      'superuser',
      /as cassandra, which stops/,
      /schema/,
    ],
    [
      'the default user, though no superuser any more',
      { username: 'cassandra', roles: [{ role: 'cassandra', isSuper: false }] },
      'superuser',
      /as cassandra, which stops/,
      /schema/,
    ],
    [
      'SimpleStrategy',
      { replication: simple },
      'simple-strategy',
      /holdfast is replicated by SimpleStrategy/,
      /ALTER KEYSPACE holdfast WITH replication = \{'class': 'NetworkTopologyStrategy', 'dc1': 1, 'dc2': 1\}/,
    ],
    [
      'a datacenter without replicas',
      { datacenters: ['dc1', 'dc2', 'dc3'], authReplication: { ...replication, copies: { dc1: 3, dc2: 3, dc3: 3 } } },
      'datacenter-without-replicas',
      /no replicas in dc3/,
      /'dc1': 3, 'dc2': 3, 'dc3': 3\}; then on every node: nodetool repair/,
    ],
    [
      'no replicas in its own datacenter',
      { replication: { ...replication, copies: { dc2: 3 } } },
      undefined,
      /no replicas in dc1/,
      /'dc1': 3, 'dc2': 3/,
    ],
    [
      'roles by SimpleStrategy',
      { authReplication: simple },
      'auth-replication',
      /system_auth.*SimpleStrategy/,
      /ALTER KEYSPACE system_auth/,
    ],
    [
      'roles in fewer datacenters',
      { authReplication: { ...replication, copies: { dc1: 3 } } },
      'auth-replication',
      /system_auth.*no replicas in dc2/,
      /ALTER KEYSPACE system_auth WITH replication = \{[^}]*'dc1': 3, 'dc2': 3\}/,
    ],
    [
      'a keyspace without a commit log',
      { replication: { ...replication, durable: false } },
      undefined,
      /no commit log/,
      /durable_writes = true/,
    ],
    [
      'a periodic commit log',
      withSettings({ commitlog_sync: 'periodic' }),
      'periodic-commitlog',
      /10\.0\.0\.12:9042 acknowledged/,
      /commitlog_sync: batch/,
    ],
    [
      'an unknown way to sync is not taken for right',
      withSettings({ commitlog_sync: null }),
      'periodic-commitlog',
      /power cut/,
      /batch/,
    ],
    ['paxos v1', withSettings({ paxos_variant: 'v1' }), 'paxos-v1', /paxos v1/, /paxos_variant: v2/],
    [
      'a node that takes no such record',
      withSettings({ max_mutation_size: '4096KiB' }),
      undefined,
      /takes no record of 4195328/,
      /32MiB/,
    ],
    [
      'settings that it may not read',
      { settings: new Map([['10.0.0.11:9042', 'forbidden']]) },
      'unread-settings',
      /may not read/,
      /^GRANT SELECT ON TABLE system_views\.settings TO "holdfast_app"$/,
    ],
    ['no node that tells its settings', { settings: new Map() }, 'unread-settings', /no node told/, /GRANT/],
    [
      'no keyspace',
      { replication: undefined, tables: new Map() },
      undefined,
      /no keyspace holdfast/,
      /--replicas.*--apply/,
    ],
    [
      'a table that is missing',
      { tables: without('pending_ends') },
      undefined,
      /no table holdfast\.pending_ends/,
      /--apply/,
    ],
    [
      'a column of another type',
      {
        tables: new Map([
          ...tables,
          ['cells', { ...tables.get('cells')!, ended: { type: 'boolean', kind: 'regular', position: -1 } }],
        ]),
      },
      undefined,
      /holdfast\.cells is not Holdfast's: ended/,
      /keyspace/,
    ],
    [
      'a key in another order',
      {
        tables: new Map([
          ...tables,
          [
            'cells',
            {
              ...tables.get('cells')!,
              space: { type: 'text', kind: 'partition_key', position: 1 },
              address: { type: 'blob', kind: 'partition_key', position: 0 },
            },
          ],
        ]),
      },
      undefined,
      /space, address missing or of another kind/,
      /keyspace/,
    ],
  ]

for (const [title, change, accept, what, mend] of CASES) {
  test(`refused: ${title}`, () => {
    const facts = { ...SOUND, ...change }
    const found = judge(facts, SPACES)
    assert.equal(found.length, 1, JSON.stringify(found))
    assert.match(found[0]!.what, what)
    assert.match(found[0]!.mend, mend)
    assert.equal(found[0]!.accept, accept)
    const others = RISKS.filter((risk) => risk !== accept)
    assert.throws(
      () => demandSound(facts, SPACES, others),
      (error) =>
        error instanceof EngineRefused && what.test(error.message) && mend.test(error.message.split('mend: ')[1]!),
    )
    if (accept !== undefined) demandSound(facts, SPACES, [accept as (typeof RISKS)[number]])
  })
}

test('every word accepts something', () => {
  assert.deepEqual([...new Set(CASES.flatMap(([, , accept]) => accept ?? []))].sort(), [...RISKS].sort())
})

test('paxos v1 matters only where something is conditional', () => {
  assert.deepEqual(judge({ ...SOUND, ...withSettings({ paxos_variant: 'v1' }) }, [space({ atomic: 'no' })]), [])
})

test('more columns than there were are what a newer version adds', () => {
  const cells = { ...tables.get('cells')!, note: { type: 'text', kind: 'regular', position: -1 } }
  assert.deepEqual(judge({ ...SOUND, tables: new Map([...tables, ['cells', cells]]) }, SPACES), [])
})

test('all that is wrong is told at once, with the words that accept it', () => {
  const facts = { ...SOUND, encrypted: false, ...withSettings({ commitlog_sync: 'periodic', paxos_variant: 'v1' }) }
  assert.throws(
    () => demandSound(facts, SPACES, ['paxos-v1']),
    (error) => {
      assert.ok(error instanceof EngineRefused)
      assert.match(error.message, /not encrypted[\s\S]*power cut/)
      assert.match(error.hint, /accept: \[plaintext, periodic-commitlog\]/)
      return true
    },
  )
})
