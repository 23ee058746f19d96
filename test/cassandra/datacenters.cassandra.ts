/**
 * Two datacenters of one node each, with a line between them that can be cut: an end is everywhere, or pending and seen
 * through; what one datacenter can do alone goes on; nobody restarts anything.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineUnavailable, EngineUnconfirmed, type Space } from '@holdfast/engine'
import { CassandraEngine } from '@holdfast/engine-cassandra'
import { type Cluster, startCluster } from '../cluster/cluster.ts'
import { type Keyspace, makeKeyspace } from './keyspaces.ts'

const DAY = 86_400
/** Shorter than the cut, so that what is seen through owes nothing to hints. */
const HINT_WINDOW_MS = 5_000

const space = (id: string, rules: Partial<Space>): Space => ({
  ...{ id, shape: 'cell', final: true, atomic: 'no', longestTtl: DAY, maxSize: 4096 },
  ...rules,
})
const FAST = space('store:fast', {})
const REUSABLE = space('store:reusable', { final: false })
const ATOMIC = space('store:atomic', { atomic: 'datacenter' })
const GLOBAL = space('store:global', { atomic: 'global' })
const EVERYWHERE = space('store:everywhere', { atomic: 'global', final: false })
const SPACES = [FAST, REUSABLE, ATOMIC, GLOBAL, EVERYWHERE]
const FINAL = [FAST, ATOMIC, GLOBAL]

const in5s = () => performance.now() + 5_000
const address = () => randomBytes(32)
const VALUE = Buffer.from('session')

/** Until it holds, or for so many ms. */
async function eventually(what: string, ms: number, holds: () => Promise<boolean>): Promise<number> {
  const start = performance.now()
  while (!(await holds())) {
    if (performance.now() - start > ms) assert.fail(`${what}: not within ${ms} ms`)
    await sleep(50)
  }
  return performance.now() - start
}

describe('two datacenters', () => {
  let cluster: Cluster
  let keyspace: Keyspace
  let near: CassandraEngine
  let far: CassandraEngine

  async function engineIn(datacenter: string): Promise<CassandraEngine> {
    const engine = new CassandraEngine(keyspace.optionsIn(datacenter))
    await engine.open(SPACES)
    return engine
  }

  before(async () => {
    cluster = await startCluster({ shape: '1+1', wanDelayMs: 15, hintWindowMs: HINT_WINDOW_MS })
    keyspace = await makeKeyspace(cluster)
    near = await engineIn('dc1')
    far = await engineIn('dc2')
    await near.confirm(SPACES.map(({ id }) => id))
    // The one confirmed last, at once: the line has 15 ms.
    assert.deepEqual((await far.open([EVERYWHERE])).fresh, [], 'what is confirmed here is confirmed there')
  })
  after(async () => {
    await Promise.all([near?.close(), far?.close()])
    await cluster?.[Symbol.asyncDispose]()
  })

  const put = (engine: CassandraEngine, { id }: Space, at: Buffer) => engine.put(id, at, VALUE, { ttl: 3600 }, in5s())
  const end = (engine: CassandraEngine, { id }: Space, at: Buffer) => engine.end(id, at, { everywhere: true }, in5s())
  const get = (engine: CassandraEngine, { id }: Space, at: Buffer) => engine.get(id, at, in5s())

  test('what is written here is read there soon, and an end is over there when it is answered', async () => {
    for (const one of SPACES) {
      for (let round = 0; round < 10; round++) {
        const at = address()
        assert.equal(await put(near, one, at), 'written')
        await eventually('it is read there', 2_000, async () => typeof (await get(far, one, at)) === 'object')
        assert.equal(await end(near, one, at), 'done')
        assert.equal(await get(far, one, at), one.final ? 'ended' : 'absent', one.id)
        if (one.final) assert.equal(await put(far, one, at), 'ended', one.id)
      }
    }
  })

  test('a take of either kind is over there, too, when it is answered', async () => {
    for (const one of [ATOMIC, GLOBAL]) {
      const at = address()
      await put(near, one, at)
      assert.ok(typeof (await near.take(one.id, at, in5s())) === 'object')
      assert.equal(await get(far, one, at), 'ended')
    }
  })

  test('in a store that is exact everywhere, what is written, taken or removed is so there when it is answered', async () => {
    for (let round = 0; round < 10; round++) {
      const at = address()
      for (const one of [GLOBAL, EVERYWHERE]) {
        assert.equal(await put(near, one, at), 'written')
        assert.equal(typeof (await get(far, one, at)), 'object', one.id)
      }
      assert.equal(await end(near, EVERYWHERE, at), 'done')
      assert.equal(await get(far, EVERYWHERE, at), 'absent')
      await put(near, EVERYWHERE, at)
      assert.equal(typeof (await near.take(EVERYWHERE.id, at, in5s())), 'object')
      assert.equal(await get(far, EVERYWHERE, at), 'absent')
    }
  })

  test('of takes in both datacenters at once one gets the value, where the store is exact everywhere', async () => {
    for (let round = 0; round < 10; round++) {
      const at = address()
      await put(near, GLOBAL, at)
      const takes = await Promise.allSettled([near, far, near, far].map((engine) => engine.take(GLOBAL.id, at, in5s())))
      const got = takes.filter((take) => take.status === 'fulfilled' && typeof take.value === 'object')
      const unknown = takes.filter((take) => take.status === 'rejected')
      for (const { reason } of unknown as PromiseRejectedResult[])
        assert.ok(reason instanceof EngineUnconfirmed, reason)
      assert.ok(got.length === 1 || (got.length === 0 && unknown.length > 0), `${got.length} got it`)
    }
  })

  test('of thirty first writes at once each knows its outcome and one wins, where the store is exact everywhere', async () => {
    for (let round = 0; round < 3; round++) {
      const at = address()
      const ifAbsent = { ttl: 60, condition: 'absent' } as const
      const writes = Array.from({ length: 30 }, () =>
        near.put(GLOBAL.id, at, randomBytes(16), ifAbsent, performance.now() + 20_000),
      )
      const outcomes = (await Promise.allSettled(writes)).map((one) =>
        one.status === 'fulfilled' ? one.value : String(one.reason),
      )
      assert.deepEqual(outcomes.toSorted(), [...Array.from({ length: 29 }, () => 'conflict'), 'written'])
    }
  })

  test('the line is cut: ends are pending at once, everything else goes on, and after it all of them are seen through', async (context) => {
    const kept = address()
    await put(near, FAST, kept)
    const ended: { one: Space; at: Buffer }[] = []
    for (const one of FINAL) {
      for (let n = 0; n < 5; n++) {
        const at = address()
        await put(near, one, at)
        await eventually('it is read there', 2_000, async () => typeof (await get(far, one, at)) === 'object')
        ended.push({ one, at })
      }
    }
    await cluster.cut()
    const cutAt = performance.now()
    const slowest = { end: 0, get: 0, put: 0 }
    const timed = async <T>(what: keyof typeof slowest, call: Promise<T>): Promise<T> => {
      const start = performance.now()
      const answer = await call
      slowest[what] = Math.max(slowest[what], performance.now() - start)
      return answer
    }
    for (const { one, at } of ended) {
      assert.equal(await timed('end', end(near, one, at)), 'pending', one.id)
      assert.equal(await timed('get', get(near, one, at)), 'ended')
      assert.equal(await put(near, one, at), 'ended')
      assert.equal(typeof (await timed('get', get(near, FAST, kept))), 'object')
      assert.equal(await timed('put', put(near, FAST, address())), 'written')
      assert.equal(await timed('put', put(near, ATOMIC, address())), 'written')
    }
    assert.ok(slowest.end < 1_500, `an end took ${slowest.end} ms`)
    context.diagnostic(`slowest while the line was cut: ${JSON.stringify(slowest)} ms`)
    // What needs both says so: refused, or in doubt; never done.
    await assert.rejects(
      put(near, GLOBAL, address()),
      (error) => error instanceof EngineUnconfirmed || error instanceof EngineUnavailable,
    )
    assert.equal((await near.pending()).count, ended.length)
    // The instance that took them is gone; another one starts meanwhile.
    await near.close()
    near = await engineIn('dc1')
    await eventually(
      'the new instance knows of them',
      15_000,
      async () => (await near.pending()).count === ended.length,
    )
    assert.equal(typeof (await get(far, ended[0]!.one, ended[0]!.at)), 'object', 'nobody there could know')
    await sleep(Math.max(0, 2 * HINT_WINDOW_MS + 20_000 - (performance.now() - cutAt)))

    await cluster.heal()
    const healedAt = performance.now()
    const again = await eventually(
      'an end is done again',
      5_000,
      async () => (await end(near, FAST, address()).catch(() => '')) === 'done',
    )
    for (const { one, at } of ended) {
      await eventually('it is over there', 30_000, async () => (await get(far, one, at)) === 'ended')
      assert.equal(await put(far, one, at), 'ended')
    }
    const through = performance.now() - healedAt
    await eventually('nothing is pending', 15_000, async () => (await near.pending()).count === 0)
    context.diagnostic(
      `after ${Math.round(again)} ms an end was done again; all were over after ${Math.round(through)} ms`,
    )
  })
})
