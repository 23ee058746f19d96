/**
 * Random sequences of calls and steps of time, answered by the engine and by a model of a few lines. The model is written
 * from the contract, not from any engine. When a sequence fails, fast-check shrinks it to the shortest that does.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Cell, type Condition, type Engine, MARKER_GRACE_SECONDS, type Space, type Version } from '../index.ts'
import { address, type Clock, DAY, FAST, FINAL, type Make, onEngine, REUSABLE, ROWS, soon } from './harness.ts'

const RUNS = 100
const CELL_SPACES = [FINAL, REUSABLE, FAST]

const place = { space: fc.nat(CELL_SPACES.length - 1), key: fc.nat(2) }
const value = fc.uint8Array({ minLength: 1, maxLength: 40 })
const ttl = fc.constantFrom(1, 60, DAY)
const step = fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(1, 59, 60, 3600, DAY, 2 * DAY) })
const cellAction = fc.oneof(
  fc.record({ do: fc.constant('get' as const), ...place }),
  fc.record({ do: fc.constant('put' as const), ...place, value, ttl }),
  fc.record({ do: fc.constant('put if absent' as const), ...place, value, ttl }),
  fc.record({ do: fc.constant('put over' as const), ...place, value, ttl, age: fc.nat(2) }),
  fc.record({ do: fc.constant('take' as const), ...place }),
  fc.record({ do: fc.constant('end' as const), ...place }),
  step,
)

interface ModelCell {
  /** Undefined: a marker. */
  readonly value: Uint8Array | undefined
  readonly version: Version | undefined
  readonly expiresAt: number
}

class CellModel {
  readonly #engine: Engine
  readonly #clock: Clock
  readonly #cells = new Map<string, ModelCell>()
  /** Versions in the order in which they were read, by place: none may come twice. */
  readonly #versions = new Map<string, Version[]>()
  readonly #addresses = Array.from({ length: 3 }, address)

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine
    this.#clock = clock
  }

  async run(action: typeof cellAction extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
    if (action.do === 'wait') return this.#clock.forward(action.seconds)
    const space = CELL_SPACES[action.space]!
    const at = this.#addresses[action.key]!
    const place = `${action.space} ${action.key}`
    const engine = this.#engine
    switch (action.do) {
      case 'get':
        return this.#same(place, await engine.get(space.id, at, soon()))
      case 'end':
        assert.equal(await engine.end(space.id, at, { everywhere: true }, soon()), 'done')
        return this.#end(space, place)
      case 'take':
        if (space.atomic === 'no') return
        this.#same(place, await engine.take(space.id, at, soon()))
        return this.#end(space, place)
    }
    const { value, ttl } = action
    const known = this.#versions.get(place) ?? []
    const version = action.do === 'put over' ? known.at(-1 - action.age) : undefined
    const condition: Condition | undefined =
      action.do === 'put if absent' ? 'absent' : version === undefined ? undefined : { version }
    if (condition !== undefined && space.atomic === 'no') return
    const options = condition === undefined ? { ttl } : { ttl, condition }
    const there = this.#there(place)
    const matches = condition === 'absent' ? there === undefined : there?.version === version
    const expected =
      there !== undefined && there.value === undefined ? 'ended' : condition && !matches ? 'conflict' : 'written'
    assert.equal(await engine.put(space.id, at, value, options, soon()), expected)
    if (expected !== 'written') return
    const cell = await engine.get(space.id, at, soon())
    if (typeof cell === 'string') assert.fail(`written, then ${cell}`)
    assert.ok(!known.includes(cell.version), 'a version came back')
    this.#versions.set(place, [...known, cell.version])
    this.#cells.set(place, { value, version: cell.version, expiresAt: this.#clock.time + ttl * 1000 })
  }

  #there(place: string): ModelCell | undefined {
    const cell = this.#cells.get(place)
    return cell !== undefined && cell.expiresAt > this.#clock.time ? cell : undefined
  }

  #end(space: Space, place: string): void {
    const expiresAt = this.#clock.time + (space.longestTtl + MARKER_GRACE_SECONDS) * 1000
    if (space.final) this.#cells.set(place, { value: undefined, version: undefined, expiresAt })
    else this.#cells.delete(place)
  }

  #same(place: string, answer: Cell | 'ended' | 'absent'): void {
    const there = this.#there(place)
    if (there === undefined || there.value === undefined) {
      assert.equal(answer, there === undefined ? 'absent' : 'ended')
      return
    }
    if (typeof answer === 'string') assert.fail(`a cell was expected, not ${answer}`)
    const { sealed, version, expiresAt } = answer
    assert.deepEqual({ value: Uint8Array.from(sealed), version, expiresAt }, there)
  }
}

const order = fc.uint8Array({ minLength: 1, maxLength: 2, max: 3 })
const rowAction = fc.oneof(
  fc.record({ do: fc.constant('append' as const), orders: fc.array(order, { maxLength: 4 }), value, ttl }),
  fc.record({ do: fc.constant('remove' as const), order }),
  fc.record(
    {
      do: fc.constant('read' as const),
      from: order,
      to: order,
      limit: fc.integer({ min: 1, max: 6 }),
      newestFirst: fc.boolean(),
    },
    { requiredKeys: ['do', 'limit'] },
  ),
  step,
)

class RowModel {
  readonly #engine: Engine
  readonly #clock: Clock
  readonly #address = address()
  readonly #rows = new Map<string, { value: Uint8Array; expiresAt: number }>()

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine
    this.#clock = clock
  }

  async run(action: typeof rowAction extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
    if (action.do === 'wait') return this.#clock.forward(action.seconds)
    if (action.do === 'remove') {
      await this.#engine.remove(ROWS.id, this.#address, action.order, soon())
      this.#rows.delete(hex(action.order))
      return
    }
    if (action.do === 'append') {
      const { orders, value, ttl } = action
      const rows = orders.map((order) => ({ address: this.#address, order, sealed: value, ttl }))
      await this.#engine.append(ROWS.id, rows, soon())
      for (const one of orders) this.#rows.set(hex(one), { value, expiresAt: this.#clock.time + ttl * 1000 })
      return
    }
    const { do: _, ...range } = action
    const read = await this.#engine.read(ROWS.id, this.#address, range, soon())
    const expected = [...this.#rows]
      .filter(([key, row]) => row.expiresAt > this.#clock.time && within(key, range))
      .sort(([a], [b]) => (a < b ? -1 : 1))
    if (range.newestFirst) expected.reverse()
    assert.deepEqual(
      read.map((row) => [hex(row.order), { value: Uint8Array.from(row.sealed), expiresAt: row.expiresAt }]),
      expected.slice(0, range.limit),
    )
  }
}

function within(key: string, { from, to }: { from?: Uint8Array; to?: Uint8Array }): boolean {
  return (from === undefined || key >= hex(from)) && (to === undefined || key < hex(to))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

export function testModels(make: Make): void {
  test(
    'cells do what the model does',
    onEngine(make, async (engine, clock) => {
      const sequence = fc.array(cellAction, { minLength: 1, maxLength: 40, size: 'max' })
      await fc.assert(
        fc.asyncProperty(sequence, async (actions) => {
          const model = new CellModel(engine, clock)
          for (const action of actions) await model.run(action)
        }),
        { numRuns: RUNS },
      )
    }),
  )

  test(
    'row lists do what the model does',
    onEngine(
      make,
      async (engine, clock) => {
        const sequence = fc.array(rowAction, { minLength: 1, maxLength: 40, size: 'max' })
        await fc.assert(
          fc.asyncProperty(sequence, async (actions) => {
            const model = new RowModel(engine, clock)
            for (const action of actions) await model.run(action)
          }),
          { numRuns: RUNS },
        )
      },
      { shape: 'rows' },
    ),
  )
}
