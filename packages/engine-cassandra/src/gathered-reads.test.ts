/** Which query answers which read: driven by a session whose answers the test holds back. */
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { EngineUnavailable } from '@holdfast/engine'
import { GatheredReads } from './gathered-reads.ts'
import type { Session } from './session.ts'

interface Query {
  readonly space: string
  readonly addresses: readonly Buffer[]
  answer(rows: (address: Buffer) => string | undefined): void
  fail(): void
}

let queries: Query[]
let reads: GatheredReads

/** Stands for the cluster: keeps each query until the test answers it. */
function session(nodes: readonly string[] = ['a'], replicas: (key: Buffer) => string[] = () => ['a']): Session {
  const host = (address: string) => ({ address, datacenter: 'dc1' })
  const run = (statement: string, [space, what]: [string, Buffer | Buffer[]]) => {
    const addresses = Array.isArray(what) ? what : [what]
    assert.equal(Array.isArray(what), statement.includes(' IN '))
    return new Promise((resolve, reject) => {
      const answer: Query['answer'] = (rows) => {
        const found = addresses.flatMap((address) => {
          const text = rows(address)
          return text === undefined ? [] : [{ address, sealed: Buffer.from(text), ended: null }]
        })
        resolve(found)
      }
      queries.push({ space, addresses, answer, fail: () => reject(new Error('lost')) })
    })
  }
  const client = {
    options: { localDataCenter: 'dc1' },
    hosts: { values: () => nodes.map(host) },
    getReplicas: (_: string, key: Buffer) => replicas(key).map(host),
  }
  return { run, client } as unknown as Session
}

const address = (n: number) => Buffer.alloc(32, n)
const read = async (n: number, space = 's', ms = 10_000) =>
  (await reads.read(space, address(n), performance.now() + ms))?.sealed?.toString()
const echo = (at: Buffer) => `value ${at[0]}`

describe('gathered reads', () => {
  beforeEach(() => {
    queries = []
    reads = new GatheredReads(session(), 'k', true)
  })

  test('one alone goes at once; those that come meanwhile wait, and go together', async () => {
    const all = [read(1)]
    assert.equal(queries.length, 1)
    all.push(read(2), read(3), read(2))
    assert.equal(queries.length, 1)
    queries[0]!.answer(echo)
    assert.equal(await all[0], 'value 1')
    await turn()
    assert.deepEqual(queries[1]!.addresses, [address(2), address(3)])
    queries[1]!.answer(echo)
    assert.deepEqual(await Promise.all(all), ['value 1', 'value 2', 'value 3', 'value 2'])
  })

  test('none is answered by a query that was sent before it came, though that asks for the same record', async () => {
    const [early, late] = [read(1), read(1)]
    queries[0]!.answer(() => 'living')
    assert.equal(await early, 'living')
    await turn()
    const [again, third] = [read(2), read(1)]
    // The late one's query is under way; what comes now is not its business.
    queries[1]!.answer(() => undefined)
    assert.equal(await late, undefined)
    await turn()
    assert.deepEqual(queries[2]!.addresses, [address(2), address(1)])
    queries[2]!.answer(() => undefined)
    assert.deepEqual(await Promise.all([again, third]), [undefined, undefined])
  })

  test('what a query does not bring is absent, and nobody gets what is another’s', async () => {
    const all = [1, 2, 3, 4].map((n) => read(n))
    queries[0]!.answer(echo)
    await turn()
    queries[1]!.answer((at) => (at[0] === 3 ? undefined : echo(at)))
    assert.deepEqual(await Promise.all(all), ['value 1', 'value 2', undefined, 'value 4'])
  })

  test('when a query for several fails, each is asked for alone', async () => {
    const all = [1, 2, 3].map((n) => read(n))
    queries[0]!.answer(echo)
    await turn()
    queries[1]!.fail()
    await turn()
    assert.equal(queries.length, 4)
    queries[2]!.answer(echo)
    queries[3]!.fail()
    const [one, two, three] = await Promise.allSettled(all)
    assert.deepEqual(
      [one, two],
      ['value 1', 'value 2'].map((value) => ({ status: 'fulfilled', value })),
    )
    assert.ok(three!.status === 'rejected' && three!.reason instanceof EngineUnavailable)
  })

  test('sixty-four go in one query, fewer where records are large', async () => {
    const first = read(0)
    const all = Array.from({ length: 70 }, (_, n) => read(n + 1))
    queries[0]!.answer(() => 'x'.repeat(100))
    await first
    await turn()
    assert.equal(queries[1]!.addresses.length, 64)
    queries[1]!.answer(() => 'x'.repeat(300_000))
    await turn()
    const more = Array.from({ length: 10 }, (_, n) => read(n + 100))
    queries[2]!.answer(() => 'x'.repeat(300_000))
    await turn()
    assert.ok(queries[3]!.addresses.length <= 3, `${queries[3]!.addresses.length} of 300,000 bytes`)
    for (let n = 3; n < queries.length; n++) {
      queries[n]!.answer(echo)
      await turn()
    }
    await Promise.all([...all, ...more])
  })

  test('a slow query does not hold up those that come after it; four are under way at most', async () => {
    const slow = read(1)
    const others = [read(2)]
    while (queries.length < 2) await turn()
    assert.deepEqual(queries[1]!.addresses, [address(2)])
    for (let n = 3; n < 6; n++) {
      others.push(read(n))
      const start = performance.now()
      while (performance.now() - start < 30) await turn()
    }
    assert.equal(queries.length, 4)
    for (const query of queries) query.answer(echo)
    await turn()
    queries[4]!.answer(echo)
    assert.deepEqual(
      await Promise.all([slow, ...others]),
      [1, 2, 3, 4, 5].map((n) => `value ${n}`),
    )
  })

  test('a read in a query of several waits no longer than its own deadline', async () => {
    const [first, patient, hasty] = [read(1), read(2), read(3, 's', 40)]
    queries[0]!.answer(echo)
    await first
    await assert.rejects(hasty, EngineUnavailable)
    queries[1]!.answer(echo)
    assert.equal(await patient, 'value 2')
  })

  test('records of other replicas do not wait for these, and spaces do not mix', async () => {
    // The routing key is u16 length, space, 0, u16 length, address, 0: the address begins after 6 bytes here.
    reads = new GatheredReads(
      session(['a', 'b'], (key) => [key[6]! % 2 === 0 ? 'a' : 'b']),
      'k',
      true,
    )
    const all = [read(2), read(3)]
    assert.equal(queries.length, 2)
    all.push(read(4), read(6, 't'), read(8))
    queries[0]!.answer(echo)
    await turn()
    assert.deepEqual([queries[2]!.space, queries[2]!.addresses], ['s', [address(4), address(8)]])
    queries[2]!.answer(echo)
    await turn()
    assert.deepEqual([queries[3]!.space, queries[3]!.addresses], ['t', [address(6)]])
    queries[1]!.answer(echo)
    queries[3]!.answer(echo)
    assert.deepEqual(
      await Promise.all(all),
      [2, 3, 4, 6, 8].map((n) => `value ${n}`),
    )
  })

  test('not gathered, each goes alone and at once', async () => {
    reads = new GatheredReads(session(), 'k', false)
    const all = [read(1), read(1)]
    assert.equal(queries.length, 2)
    for (const query of queries) query.answer(echo)
    assert.deepEqual(await Promise.all(all), ['value 1', 'value 1'])
  })
})
