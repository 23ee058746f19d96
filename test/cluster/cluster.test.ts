/**
 * A cluster is what it says: whom a node refuses, that nobody but its own superuser has a way in, that a cut line refuses what
 * needs both datacenters and nothing else. For `npm run test:cassandra`.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import cassandra from 'cassandra-driver'
import { inDays, issue, makeAuthority } from '../../packages/server/src/cli/pki.ts'
import { type Cluster, type ClusterOptions, startCluster } from './cluster.ts'
import { lacking } from './get.ts'
import { loggedIn } from './login.ts'
import { lackingNetwork } from './network.ts'
import { Hopeless, until } from './until.ts'

const { consistencies } = cassandra.types
const UNAVAILABLE = 0x1000
const WRITE_TIMEOUT = 0x1100

interface Attempt {
  readonly tls?: object
  readonly plaintext?: boolean
  readonly username?: string
  readonly password?: string
}

/** Logs in as an application would, but for what the attempt has otherwise; resolves to what the driver made of it. */
async function attempt(cluster: Cluster, node: string, change: Attempt = {}): Promise<Error | 'in'> {
  const { host, port, datacenter } = cluster.nodes.find(({ name }) => name === node)!
  const tls = {
    ca: readFileSync(cluster.authority),
    cert: readFileSync(cluster.clientCertificate),
    key: readFileSync(cluster.clientKey),
    rejectUnauthorized: true,
    ...change.tls,
  }
  const { username, password } = { ...cluster.superuser, ...change }
  const client = new cassandra.Client({
    contactPoints: [`${host}:${port}`],
    localDataCenter: datacenter,
    authProvider: new cassandra.auth.PlainTextAuthProvider(username, password),
    ...(change.plaintext === true ? {} : { sslOptions: tls }),
    policies: { reconnection: new cassandra.policies.reconnection.ConstantReconnectionPolicy(60_000) },
  })
  try {
    await client.connect()
    return 'in'
  } catch (error) {
    const [first] = Object.values((error as cassandra.errors.NoHostAvailableError).innerErrors ?? {})
    return (first as Error | undefined) ?? (error as Error)
  } finally {
    client.shutdown().catch(() => {})
  }
}

function suite(options: ClusterOptions, skip: string | undefined, tests: (cluster: () => Cluster) => void): void {
  const name = `shape ${options.shape}${options.loopback ? ' on loopback' : ''}`
  describe(name, { skip: skip ?? false }, () => {
    let cluster: Cluster
    before(async () => {
      cluster = await startCluster(options)
    })
    after(() => cluster?.[Symbol.asyncDispose]())
    tests(() => cluster)
  })
}

/** What holds for each node of each shape. */
function refuses(cluster: () => Cluster, node: string): void {
  test(`${node} lets its superuser in, by TLS that names its address`, async () => {
    assert.equal(await attempt(cluster(), node), 'in')
  })

  test(`${node} refuses a client without a certificate`, async () => {
    const refused = await attempt(cluster(), node, { tls: { cert: undefined, key: undefined } })
    assert.equal(codeOf(refused), 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
  })

  test(`${node} and a client of another authority refuse each other`, async () => {
    const notAfter = inDays(1)
    const authority = await makeAuthority('Another', { notAfter })
    const { certificate, key } = await issue({ authority, name: 'client', usages: ['client'], notAfter })
    const refused = await attempt(cluster(), node, { tls: { cert: certificate, key } })
    assert.match(String(codeOf(refused)), /^ERR_SSL_.*_ALERT_/)
    const refusing = await attempt(cluster(), node, { tls: { ca: authority.certificate } })
    assert.equal(codeOf(refusing), 'SELF_SIGNED_CERT_IN_CHAIN')
  })

  test(`${node} refuses plaintext`, async () => {
    assert.equal(codeOf(await attempt(cluster(), node, { plaintext: true })), 'ECONNRESET')
  })

  test(`${node} refuses a wrong password`, async () => {
    assert.ok(isRefusedLogin(await attempt(cluster(), node, { password: 'wrong' })))
  })

  test(`${node} refuses the user that every Cassandra begins with`, async () => {
    // A node remembers for two seconds what a role may do.
    await until('a refusal', 10_000, async () => {
      const refused = await attempt(cluster(), node, { username: 'cassandra', password: 'cassandra' })
      return isRefusedLogin(refused) ? true : undefined
    })
  })
}

suite({ shape: '1' }, lacking(), (cluster) => {
  refuses(cluster, 'dc1-1')

  test('a node that was killed comes back with what it had acknowledged', async () => {
    await cluster().cql(`CREATE KEYSPACE kept WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}`)
    await cluster().cql('CREATE TABLE kept.words (word text PRIMARY KEY)')
    await cluster().cql('INSERT INTO kept.words (word) VALUES (?)', { params: ['here'] })
    await cluster().kill('dc1-1')
    await cluster().start('dc1-1')
    assert.deepEqual(await cluster().cql('SELECT word FROM kept.words').then(words), ['here'])
  })
})

suite({ shape: '1+1', loopback: true }, lacking(), (cluster) => {
  for (const node of ['dc1-1', 'dc2-1']) refuses(cluster, node)

  test('without a network of its own it cannot be cut', async () => {
    await assert.rejects(cluster().cut(), /loopback/)
  })
})

suite({ shape: '1+1', wanDelayMs: 15 }, lacking() ?? lackingNetwork(), (cluster) => {
  for (const node of ['dc1-1', 'dc2-1']) refuses(cluster, node)

  before(async () => {
    const replication = `{'class': 'NetworkTopologyStrategy', 'dc1': 1, 'dc2': 1}`
    await cluster().cql(`CREATE KEYSPACE cut WITH replication = ${replication}`)
    await cluster().cql('CREATE TABLE cut.words (word text PRIMARY KEY)')
  })
  const write = (consistency: cassandra.types.consistencies, node = 'dc1-1') => {
    return cluster().cql(`INSERT INTO cut.words (word) VALUES ('${node}')`, { consistency, node })
  }

  test('a cut line refuses what needs both datacenters, and only that; healed, it refuses nothing', async () => {
    await write(consistencies.eachQuorum)
    await cluster().cut()
    // Until dc1 has noticed, it waits in vain; then it refuses at once.
    await assert.rejects(write(consistencies.eachQuorum), (error) => codeOf(error) === WRITE_TIMEOUT)
    await until('a refusal', 30_000, async () => {
      const error = await write(consistencies.eachQuorum).catch((error: Error) => error)
      if (!(error instanceof Error)) throw new Hopeless('written across a cut')
      return codeOf(error) === UNAVAILABLE ? true : undefined
    })
    // Each side goes on by itself, and clients reach both.
    for (const node of ['dc1-1', 'dc2-1']) {
      await write(consistencies.localQuorum, node)
      assert.equal(await attempt(cluster(), node), 'in')
    }
    await cluster().heal()
    await until('a write in both', 30_000, async () => {
      await write(consistencies.eachQuorum)
      return true
    })
  })

  test('a node that takes the place of a lost one has what the others have', async () => {
    const read = async (node: string) => {
      return words(await cluster().cql('SELECT word FROM cut.words', { node, consistency: consistencies.one }))
    }
    // What dc2 took while the line was cut comes to dc1 in its own time; until then only dc2 has it.
    await until('what dc2 kept for dc1', 60_000, async () => (await read('dc1-1')).includes('dc2-1') || undefined)
    const before = cluster().nodes.map(({ host }) => host)
    await cluster().replace('dc2-1')
    const after = cluster().nodes.map(({ host }) => host)
    assert.equal(after[0], before[0])
    assert.notEqual(after[1], before[1])
    assert.deepEqual(await read('dc2-1'), ['dc1-1', 'dc2-1'])
    await write(consistencies.eachQuorum, 'dc2-1')
  })

  test('the line has its delay: a write in both datacenters takes a round trip, one in its own does not', async () => {
    const { nodes, superuser } = cluster()
    const [local, both] = await loggedIn({ ...nodes[0]!, tls: cluster() }, superuser, async (client) => {
      const median = async (consistency: cassandra.types.consistencies) => {
        const times: number[] = []
        for (let n = 0; n < 15; n++) {
          const begin = performance.now()
          await client.execute('INSERT INTO cut.words (word) VALUES (?)', ['timed'], { prepare: true, consistency })
          times.push(performance.now() - begin)
        }
        return times.sort((a, b) => a - b)[7]!
      }
      return [await median(consistencies.localQuorum), await median(consistencies.eachQuorum)] as const
    })
    assert.ok(local < 30 && both > 30 && both < local + 60, `${local} ms in its own, ${both} ms in both`)
  })
})

/** Node's for a connection, Cassandra's for a statement. */
function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code
}

function isRefusedLogin(outcome: Error | 'in'): boolean {
  return outcome instanceof Error && outcome.name === 'AuthenticationError'
}

function words(rows: cassandra.types.Row[]): string[] {
  return rows.map((row) => row.word).sort()
}
