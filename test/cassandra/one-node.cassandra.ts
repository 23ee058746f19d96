/**
 * What the engine makes of one node's faults and of other instances' clocks. A fault is never an absent record, and a node
 * that comes back is used again without a restart of anything.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineRefused, EngineUnavailable, EngineUnconfirmed, type Space } from '@holdfast/engine'
import { CassandraEngine, type CassandraOptions } from '@holdfast/engine-cassandra'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { type Keyspace, makeKeyspace } from './keyspaces.ts'

const DAY = 86_400
const space = (id: string, rules: Partial<Space>): Space => ({
  ...{ id, shape: 'cell', final: true, atomic: 'no', longestTtl: DAY, maxSize: 4096 },
  ...rules,
})
const FAST = space('store:fast', {})
const REUSABLE = space('store:reusable', { final: false })
const ATOMIC = space('store:atomic', { atomic: 'datacenter' })
const SPACES = [FAST, REUSABLE, ATOMIC]

const within = (ms: number) => performance.now() + ms
const address = () => randomBytes(32)

let cluster: Cluster
let keyspace: Keyspace
let engine: CassandraEngine
before(async () => {
  cluster = await startCluster({ shape: '1' })
  keyspace = await makeKeyspace(cluster)
  engine = new CassandraEngine(keyspace.optionsIn())
  await engine.open(SPACES)
  await engine.confirm(SPACES.map(({ id }) => id))
})
after(async () => {
  await engine?.close()
  await cluster?.[Symbol.asyncDispose]()
})

const put = ({ id }: Space, at: Buffer, value = 'session') =>
  engine.put(id, at, Buffer.from(value), { ttl: 3600 }, within(5_000))
const get = async ({ id }: Space, at: Buffer) => {
  const answer = await engine.get(id, at, within(5_000))
  return typeof answer === 'string' ? answer : Buffer.from(answer.sealed).toString()
}

describe('the clock of another instance', () => {
  const ahead = () => BigInt(Date.now() + 10_000) * 1000n
  /** As an instance does whose clock is 10 s ahead. */
  const from = async (what: string, { id }: Space, at: Buffer, stamp: bigint, values: readonly unknown[]) => {
    await cluster.cql(
      `UPDATE ${keyspace.name}.cells USING TIMESTAMP ${stamp} SET ${what} WHERE space = ? AND address = ?`,
      {
        params: [...values, id, at],
      },
    )
  }
  const record = (text: string) => {
    const head = Buffer.alloc(16, 7)
    head.writeBigUInt64BE(BigInt(Date.now() + 3_600_000))
    return Buffer.concat([head, Buffer.from(text)])
  }

  test('is ahead: what is written after it is not lost under it', async () => {
    for (const one of [FAST, REUSABLE]) {
      const at = address()
      await from('sealed = ?', one, at, ahead(), [record('theirs')])
      assert.equal(await get(one, at), 'theirs')
      assert.equal(await put(one, at, 'ours'), 'written')
      assert.equal(await get(one, at), 'ours')
    }
  })

  test('is ahead: an end after it ends what it wrote', async () => {
    for (const one of [FAST, REUSABLE]) {
      const at = address()
      await from(one.atomic === 'no' ? 'sealed = ?' : 'sealed = ?, version = 0x00', one, at, ahead(), [
        record('theirs'),
      ])
      if (one.atomic !== 'no') continue
      assert.equal(await engine.end(one.id, at, { everywhere: true }, within(5_000)), 'done')
      assert.equal(await get(one, at), one.final ? 'ended' : 'absent')
    }
  })

  test('is ahead: in a reusable space a write after its end is not lost under the end', async () => {
    const at = address()
    await put(REUSABLE, at)
    await from('sealed = 0x', REUSABLE, at, ahead(), [])
    assert.equal(await get(REUSABLE, at), 'absent')
    assert.equal(await put(REUSABLE, at, 'again'), 'written')
    assert.equal(await get(REUSABLE, at), 'again')
  })

  test('is behind, or its write late: an end stays an end, whichever is later', async () => {
    for (const [one, stamp] of [
      [FAST, BigInt(Date.now() - 10_000) * 1000n],
      [FAST, ahead()],
    ] as const) {
      const at = address()
      await put(one, at)
      await engine.end(one.id, at, { everywhere: true }, within(5_000))
      await from('sealed = ?', one, at, stamp, [record('late')])
      assert.equal(await get(one, at), 'ended')
      assert.equal(await put(one, at), 'ended')
    }
  })
})

test('reads at once are one query or two, each with its own answer', async () => {
  const written = Array.from({ length: 40 }, (_, n) => ({ at: address(), value: `value ${n}` }))
  await Promise.all(written.map(({ at, value }) => put(FAST, at, value)))
  const queries = async () => (await engine.stats()).find(({ name }) => name === 'read_queries_total')!.value
  const before = await queries()
  const wanted = [
    ...written,
    ...written.slice(0, 10),
    ...Array.from({ length: 10 }, () => ({ at: address(), value: 'absent' })),
  ]
  const answers = await Promise.all(wanted.map(({ at }) => get(FAST, at)))
  assert.deepEqual(
    answers,
    wanted.map(({ value }) => value),
  )
  assert.ok((await queries()) - before <= 4, `${(await queries()) - before} queries`)
})

/** An engine that is closed with its test. */
function another(context: TestContext, options: Partial<CassandraOptions>): CassandraEngine {
  const engine = new CassandraEngine({ ...keyspace.optionsIn(), ...options })
  context.after(() => engine.close())
  return engine
}

test('who may not come in is told what to mend', async (context) => {
  const wrong = another(context, { credentials: { username: keyspace.name, password: 'wrong' } })
  const refuses = (pattern: RegExp) => (error: unknown) => error instanceof EngineRefused && pattern.test(error.message)
  await assert.rejects(wrong.open(SPACES), refuses(/user name and password/))
  await assert.rejects(another(context, { datacenter: 'dc9' }).open(SPACES), refuses(/dc1/))
  const { ca: _, ...tls } = keyspace.optionsIn().tls!
  await assert.rejects(another(context, { tls }).open(SPACES), refuses(/not in tls\.ca/))
})

test('a node whose certificate names another host is not talked to', async (context) => {
  const [node] = cluster.nodes
  const elsewhere = createServer((socket) => {
    const there = connect(node!.port, node!.host)
    socket.pipe(there).pipe(socket)
    for (const one of [socket, there]) one.on('error', () => {})
  })
  context.after(() => elsewhere.close())
  // On loopback its certificate names 127.0.0.1 besides its own address.
  await once(elsewhere.listen(0, '127.0.0.9'), 'listening')
  const contactPoints = [`127.0.0.9:${(elsewhere.address() as AddressInfo).port}`]
  const misled = another(context, { contactPoints })
  await assert.rejects(misled.open(SPACES), (error) => error instanceof EngineRefused && /ALTNAME/.test(error.message))
})

describe('a node that', () => {
  test('is paused: calls end at their deadline, reads as unavailable, writes as unconfirmed', async () => {
    const at = address()
    await put(FAST, at)
    cluster.pause('dc1-1')
    try {
      const start = performance.now()
      const [read, written, ended, conditional] = await Promise.allSettled([
        engine.get(FAST.id, at, within(700)),
        engine.put(ATOMIC.id, address(), Buffer.from('x'), { ttl: 60 }, within(700)),
        engine.end(FAST.id, at, { everywhere: true }, within(700)),
        engine.put(ATOMIC.id, address(), Buffer.from('x'), { ttl: 60, condition: 'absent' }, within(700)),
      ])
      assert.ok(performance.now() - start < 1_200)
      assert.ok(read.status === 'rejected' && read.reason instanceof EngineUnavailable, 'read')
      // It looked first, and had no answer: nothing was written.
      assert.ok(ended.status === 'rejected' && ended.reason instanceof EngineUnavailable, 'end')
      for (const one of [written, conditional]) {
        assert.ok(one.status === 'rejected' && one.reason instanceof EngineUnconfirmed, 'write')
      }
      assert.equal((await engine.health()).ok, false)
    } finally {
      cluster.resume('dc1-1')
    }
    const deadline = within(5_000)
    while (!(await engine.health()).ok) assert.ok(performance.now() < deadline, 'healthy again within 5 s')
    assert.equal(await get(FAST, at), 'session')
  })

  test('is killed: all is unavailable at once; once it is back, within 5 s, all is there', {
    timeout: 120_000,
  }, async (context) => {
    const [living, ended] = [address(), address()]
    await Promise.all([living, ended].map((at) => put(FAST, at)))
    await engine.end(FAST.id, ended, { everywhere: true }, within(5_000))
    await cluster.kill('dc1-1')
    await sleep(100)
    for (const call of [() => get(FAST, living), () => put(FAST, living), () => put(ATOMIC, address())]) {
      const start = performance.now()
      await assert.rejects(call(), EngineUnavailable)
      assert.ok(performance.now() - start < 1_000)
    }
    await cluster.start('dc1-1')
    const opened = performance.now()
    for (;;) {
      const answer = await get(FAST, living).catch(() => undefined)
      if (answer !== undefined) {
        assert.equal(answer, 'session')
        break
      }
      assert.ok(performance.now() - opened < 5_000, 'within 5 s of its port')
      await sleep(50)
    }
    context.diagnostic(`used again ${Math.round(performance.now() - opened)} ms after it served`)
    assert.equal(await get(FAST, ended), 'ended')
    assert.equal(await put(FAST, ended), 'ended')
    assert.equal(await put(ATOMIC, address()), 'written')
  })
})
