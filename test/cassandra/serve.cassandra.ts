/**
 * The server on a real node with TLS and passwords, from an empty cluster: `holdfast cassandra schema --apply` makes what it
 * needs, `holdfast serve` serves on it, and refuses what is not safe. Its role can do its duty and nothing else.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { type Endpoint, loggedIn } from '../cluster/login.ts'
import { until } from '../cluster/until.ts'
import { holdfast } from '../support/process.ts'
import { type Draft, Site } from '../support/site.ts'

const PASSWORD = "app's password"
const KEYSPACE = 'holdfast'
const APP = 'holdfast_app'

let cluster: Cluster
let site: Site

function configure(change: (cassandra: Draft) => void = () => {}): void {
  site.configure((draft) => {
    const { host, port } = cluster.nodes[0]!
    const cassandra = {
      ...{ contactPoints: [`${host}:${port}`], datacenter: 'dc1', keyspace: KEYSPACE },
      ...{ username: APP, passwordFile: 'app-password' },
      tls: { ca: cluster.authority, certificate: cluster.clientCertificate, key: cluster.clientKey },
    }
    change(cassandra)
    draft.engine = { cassandra }
  })
}

async function schema(...args: string[]) {
  const program = holdfast(['cassandra', 'schema', '--config', join(site.folder, 'holdfast.yaml'), ...args])
  const { code } = await program.ended
  return { code, stdout: program.stdout, stderr: program.stderr }
}
const asAdmin = () => [
  ...['--apply', '--admin', cluster.superuser.username],
  ...['--admin-password-file', join(site.folder, 'admin-password')],
]

/** A start that must end with this code, saying all of this. */
async function refuses(code: number, ...says: RegExp[]): Promise<void> {
  const program = site.launch()
  const ending = await program.ended
  for (const said of says) assert.match(program.stderr, said)
  assert.deepEqual(ending, { code, signal: null }, program.stderr)
  assert.deepEqual(program.audit(), [], 'it never said that it had started')
  for (const secret of [PASSWORD, cluster.superuser.password]) {
    assert.ok(!(program.stdout + program.stderr).includes(secret))
  }
}

/** Cassandra remembers for two seconds what a role may do. */
const eventually = (check: () => Promise<void>) =>
  until('a change of rights to be known', 15_000, () => check().then(() => true as const))

before(async () => {
  cluster = await startCluster({ shape: '1' })
  site = await Site.make()
  site.write('app-password', `${PASSWORD}\n`)
  site.write('migrate-password', 'migrate\n')
  site.write('admin-password', cluster.superuser.password)
  configure()
})
after(async () => {
  site?.remove()
  await cluster?.[Symbol.asyncDispose]()
})

describe('before there is anything', () => {
  test('a role that is not there, a keyspace that is not there', async () => {
    await refuses(3, /does not take this user name and password\n/)
    const { code, stderr } = await schema(...asAdmin())
    assert.equal(code, 3)
    assert.match(stderr, /no keyspace holdfast\n.*--replicas dc1=3/)
  })

  test('the schema is printed with no password in it, and made from files', async () => {
    const printed = await schema('--replicas', 'dc1=1', '--print')
    assert.equal(printed.code, 0)
    assert.match(printed.stdout, /^CREATE KEYSPACE IF NOT EXISTS holdfast WITH/)
    assert.match(printed.stdout, /^-- Its password is not here: ALTER ROLE "holdfast_app" WITH PASSWORD/m)
    assert.ok(!printed.stdout.includes(PASSWORD))

    const migrate = ['--migrate-password-file', join(site.folder, 'migrate-password')]
    const made = await schema(...asAdmin(), '--replicas', 'dc1=1', ...migrate)
    assert.deepEqual([made.code, made.stdout], [0, ''], made.stderr)
    assert.match(made.stderr, /are there\nNext: /)
    const again = await schema(...asAdmin(), ...migrate)
    assert.equal(again.code, 0, again.stderr)
    assert.match(again.stderr, /role holdfast_app was there: its password is as it was\n/)
    const others = await schema(...asAdmin(), '--replicas', 'dc1=2')
    assert.equal(others.code, 3)
    assert.match(others.stderr, /ALTER KEYSPACE holdfast WITH replication = \{[^}]*'dc1': 2\}; then .*repair/)
  })
})

test('it serves: a value comes, is read, and ends for good; a restart and another instance know', async () => {
  configure()
  const server = await site.start()
  const other = await site.start()
  try {
    const [here, there] = [server.client(), other.client()]
    for (const store of ['sessions', 'echoseen', 'plain']) {
      const path = `/${store}/v1/key`
      assert.equal((await here.put(path, 'a value')).status, 201)
      assert.equal((await there.get(path)).body.toString(), 'a value')
      assert.equal((await there.delete(path)).status, 204)
      assert.equal((await here.get(path)).status, 404)
      assert.equal((await here.put(path, 'late')).status, store === 'sessions' ? 409 : 201)
    }
    await other.stop()
    const again = await site.start()
    assert.equal((await again.client().put('/sessions/v1/key', 'late')).status, 409)
    await again.stop()
    assert.equal((await server.admin('/readyz')).status, 200)
    assert.match((await server.admin('/metrics')).body, /^holdfast_engine_nodes_connected\S* 1$/m)
  } finally {
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
  }
})

test('another password and another certificate are taken over while it runs', async () => {
  configure()
  const server = await site.start()
  try {
    await cluster.cql(`ALTER ROLE ${APP} WITH PASSWORD = 'another'`)
    site.replace('app-password', 'another\n')
    await server.program.until(
      'the reload',
      ({ stdout }) => /access to Cassandra.*"reloaded"/.test(stdout) || undefined,
    )
    // Its connections are gone, so it has to make new ones.
    await cluster.kill('dc1-1')
    await cluster.start('dc1-1')
    await until(
      'an answer',
      30_000,
      async () => (await server.client().get('/sessions/v1/x')).status === 404 || undefined,
    )
  } finally {
    await server.stop()
    await cluster.cql(`ALTER ROLE ${APP} WITH PASSWORD = '${PASSWORD.replaceAll("'", "''")}'`)
    site.replace('app-password', PASSWORD)
  }
})

describe('refused', () => {
  test('plaintext, also by the node; a wrong password; a file that others may read', async () => {
    configure((cassandra) => delete cassandra.tls)
    await refuses(2, /engine\.cassandra: tls is missing/)
    configure((cassandra) => Object.assign(cassandra, { tls: undefined, accept: ['plaintext'] }))
    await refuses(1, /Cassandra cannot be reached/)
    configure((cassandra) => Object.assign(cassandra, { passwordFile: 'migrate-password' }))
    await refuses(3, /does not take this user name and password/)
  })

  test('a node whose certificate has another name', async () => {
    configure((cassandra) => Object.assign(cassandra.tls, { names: ['dns:cassandra.example.org'] }))
    await refuses(3, /certificate.*name/)
  })

  test('a datacenter that is not there', async () => {
    configure((cassandra) => Object.assign(cassandra, { datacenter: 'dc9' }))
    await refuses(3, /dc1/, /name the datacenter/)
  })

  test('a superuser, with the words that accept it', async () => {
    configure((cassandra) =>
      Object.assign(cassandra, { username: cluster.superuser.username, passwordFile: 'admin-password' }),
    )
    await refuses(3, /as cluster_admin, a superuser/, /mend: a role of its own/, /accept: \[superuser\]/)
  })

  test('settings that it may not read, with the line that lets it', async () => {
    configure()
    await cluster.cql(`REVOKE SELECT ON TABLE system_views.settings FROM ${APP}`)
    const grant = /GRANT SELECT ON TABLE system_views\.settings TO "holdfast_app"/
    await eventually(() => refuses(3, /may not read the settings/, grant))
    configure((cassandra) => Object.assign(cassandra, { accept: ['unread-settings'] }))
    const server = await site.start()
    await server.stop()
    await cluster.cql(`GRANT SELECT ON TABLE system_views.settings TO ${APP}`)
  })

  test('a table that is missing', async () => {
    configure()
    await cluster.cql(`CREATE TABLE IF NOT EXISTS ${KEYSPACE}.kept (a int PRIMARY KEY)`)
    await cluster.cql(`DROP TABLE ${KEYSPACE}.pending_days`)
    await refuses(3, /no table holdfast\.pending_days/, /holdfast cassandra schema --config FILE --apply/)
    assert.equal((await schema(...asAdmin())).code, 0)
    const server = await site.start()
    await server.stop()
  })

  test('system_auth and the keyspace by SimpleStrategy', async () => {
    configure()
    const simple = `{'class': 'SimpleStrategy', 'replication_factor': 1}`
    const topology = `{'class': 'NetworkTopologyStrategy', 'dc1': 1}`
    for (const keyspace of ['system_auth', KEYSPACE]) {
      await cluster.cql(`ALTER KEYSPACE ${keyspace} WITH replication = ${simple}`)
    }
    await refuses(3, /holdfast is replicated by SimpleStrategy/, /system_auth.*SimpleStrategy/, /auth-replication\]/)
    for (const keyspace of ['system_auth', KEYSPACE]) {
      await cluster.cql(`ALTER KEYSPACE ${keyspace} WITH replication = ${topology}`)
    }
  })
})

test('its role reads and writes its own tables, and may do nothing else', async () => {
  const endpoint: Endpoint = { ...cluster.nodes[0]!, tls: { ...clientFiles() } }
  await cluster.cql(
    `CREATE KEYSPACE IF NOT EXISTS foreign_one WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}`,
  )
  await cluster.cql('CREATE TABLE IF NOT EXISTS foreign_one.words (a int PRIMARY KEY)')
  const FORBIDDEN = [
    'SELECT * FROM foreign_one.words',
    'INSERT INTO foreign_one.words (a) VALUES (1)',
    'SELECT * FROM system_auth.roles',
    `CREATE TABLE ${KEYSPACE}.more (a int PRIMARY KEY)`,
    `ALTER TABLE ${KEYSPACE}.cells WITH gc_grace_seconds = 0`,
    `DROP TABLE ${KEYSPACE}.cells`,
    `DROP KEYSPACE ${KEYSPACE}`,
    `ALTER KEYSPACE ${KEYSPACE} WITH durable_writes = false`,
    `CREATE ROLE another WITH LOGIN = true`,
    `GRANT SELECT ON KEYSPACE ${KEYSPACE} TO holdfast_migrate`,
    `ALTER ROLE ${APP} WITH SUPERUSER = true`,
  ]
  await loggedIn(endpoint, { username: APP, password: PASSWORD }, async (client) => {
    await client.execute(`SELECT address FROM ${KEYSPACE}.cells LIMIT 1`)
    for (const statement of FORBIDDEN) {
      const error = await client.execute(statement).then(
        () => undefined,
        (error: { code?: number }) => error,
      )
      assert.equal(error?.code, 0x2100, `${statement}: ${error}`)
    }
  })
  await loggedIn(endpoint, { username: 'holdfast_migrate', password: 'migrate' }, async (client) => {
    await client.execute(`ALTER TABLE ${KEYSPACE}.cells WITH comment = 'migrated'`)
    await assert.rejects(client.execute(`SELECT * FROM ${KEYSPACE}.cells`), /no SELECT permission/)
    await assert.rejects(client.execute('DROP TABLE foreign_one.words'), /no DROP permission/)
  })
})

function clientFiles() {
  const { authority, clientCertificate, clientKey } = cluster
  assert.ok(readFileSync(authority).length > 0)
  return { authority, clientCertificate, clientKey }
}

describe('a node that is set up otherwise', () => {
  const restart = async (yaml: Record<string, unknown>) => {
    await cluster.stop('dc1-1')
    await cluster.start('dc1-1', { yaml })
  }

  test('a periodic commit log, and paxos v1, are refused unless they are accepted', async () => {
    await restart({ commitlog_sync: 'periodic', commitlog_sync_period: '10000ms', paxos_variant: 'v1' })
    configure()
    await refuses(
      3,
      /power cut loses seconds/,
      /commitlog_sync: batch/,
      /paxos_variant: v2/,
      /\[periodic-commitlog, paxos-v1\]/,
    )
    configure((cassandra) => Object.assign(cassandra, { accept: ['periodic-commitlog', 'paxos-v1'] }))
    const server = await site.start()
    assert.equal((await server.client().put('/sessions/v1/accepted', 'v')).status, 201)
    await server.stop()
  })
})
