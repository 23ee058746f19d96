/** Row lists: sorted as unsigned bytes, read by range from either end, and safe to append twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Engine, RowRange } from '../index.ts'
import { address, bytes, type Make, onEngine, ROWS, soon, space } from './harness.ts'

const NEEDS = { shape: 'rows' } as const

function row(at: Uint8Array, order: number[], text: string) {
  return { address: at, order: Uint8Array.from(order), sealed: bytes(text), ttl: 60 }
}

async function texts(engine: Engine, at: Uint8Array, range: RowRange): Promise<string[]> {
  const rows = await engine.read(ROWS.id, at, range, soon())
  return rows.map(({ sealed }) => new TextDecoder().decode(sealed))
}

export function testRows(make: Make): void {
  test(
    'rows come in the order of unsigned bytes, a prefix first',
    onEngine(
      make,
      async (engine) => {
        const at = address()
        const longest = new Array(64).fill(0xff)
        const orders = [[0x80], [0x7f, 0xff], [0xff], longest, [0x7f], [0x00], [0x00, 0x00]]
        await engine.append(
          ROWS.id,
          orders.map((order, i) => row(at, order, `${i}`)),
          soon(),
        )
        assert.deepEqual(await texts(engine, at, { limit: 100 }), ['5', '6', '4', '1', '0', '2', '3'])
        const newest = await texts(engine, at, { limit: 3, newestFirst: true })
        assert.deepEqual(newest, ['3', '2', '0'])
        const [first] = await engine.read(ROWS.id, at, { limit: 1, newestFirst: true }, soon())
        assert.deepEqual([...first!.order], longest)
      },
      NEEDS,
    ),
  )

  test(
    'a range has its start and not its end',
    onEngine(
      make,
      async (engine) => {
        const at = address()
        await engine.append(
          ROWS.id,
          [1, 2, 3, 4, 5].map((i) => row(at, [i], `${i}`)),
          soon(),
        )
        const [from, to] = [Uint8Array.of(2), Uint8Array.of(4)]
        assert.deepEqual(await texts(engine, at, { from, to, limit: 10 }), ['2', '3'])
        assert.deepEqual(await texts(engine, at, { from, limit: 10, newestFirst: true }), ['5', '4', '3', '2'])
        assert.deepEqual(await texts(engine, at, { to, limit: 2, newestFirst: true }), ['3', '2'])
        assert.deepEqual(await texts(engine, at, { from: to, to: from, limit: 10 }), [])
        assert.deepEqual(await texts(engine, at, { from: new Uint8Array(0), limit: 1 }), ['1'])
      },
      NEEDS,
    ),
  )

  test(
    'appending again replaces, so that a retry is harmless',
    onEngine(
      make,
      async (engine) => {
        const at = address()
        await engine.append(ROWS.id, [row(at, [1], 'a'), row(at, [2], 'b')], soon())
        await engine.append(ROWS.id, [row(at, [1], 'a'), row(at, [2], 'changed'), row(at, [3], 'c')], soon())
        assert.deepEqual(await texts(engine, at, { limit: 10 }), ['a', 'changed', 'c'])
        await engine.append(ROWS.id, [], soon())
      },
      NEEDS,
    ),
  )

  test(
    'rows of one call may lie under several addresses, and each is listed under its own',
    onEngine(
      make,
      async (engine) => {
        const [user, network] = [address(), address()]
        const other = space('room:test/other', { shape: 'rows', atomic: 'no' })
        await engine.open([other])
        await engine.append(ROWS.id, [row(user, [1], 'by user'), row(network, [1], 'by network')], soon())
        assert.deepEqual(await texts(engine, user, { limit: 10 }), ['by user'])
        assert.deepEqual(await texts(engine, network, { limit: 10 }), ['by network'])
        assert.deepEqual(await engine.read(other.id, user, { limit: 10 }, soon()), [])
        assert.deepEqual(await texts(engine, address(), { limit: 10 }), [])
      },
      NEEDS,
    ),
  )

  test(
    'a removed row is gone, and removing what is not there is no error',
    onEngine(
      make,
      async (engine) => {
        const at = address()
        await engine.append(ROWS.id, [row(at, [1], 'a'), row(at, [2], 'b')], soon())
        for (let i = 0; i < 2; i++) await engine.remove(ROWS.id, at, Uint8Array.of(1), soon())
        assert.deepEqual(await texts(engine, at, { limit: 10 }), ['b'])
      },
      NEEDS,
    ),
  )

  test(
    'a list of thousands is read whole, from either end, and by pages',
    onEngine(
      make,
      async (engine) => {
        const at = address()
        const order = (i: number) => [i >> 8, i & 255]
        const all = Array.from({ length: 3500 }, (_, i) => `${i}`)
        await engine.append(
          ROWS.id,
          all.map((text, i) => row(at, order(i), text)),
          soon(),
        )
        assert.deepEqual(await texts(engine, at, { limit: 100_000 }), all)
        assert.deepEqual(await texts(engine, at, { limit: 2500, newestFirst: true }), all.slice(1000).reverse())
        const from = Uint8Array.from(order(2000))
        assert.deepEqual(await texts(engine, at, { from, limit: 1200 }), all.slice(2000, 3200))
      },
      NEEDS,
    ),
  )
}
