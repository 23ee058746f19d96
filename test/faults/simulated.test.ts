/**
 * The checker on a simulated store of two datacenters, under cuts, lost answers, dead replicas and instances, and clocks
 * that are apart: what is sound is always accepted, whatever the faults; each mistake of BREAKAGES is caught.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { StoreRules } from './events.ts'
import { judge } from './judge.ts'
import { BREAKAGES, type Breakage } from './simulated/instance.ts'
import { type Plan, simulate } from './simulated/run.ts'
import { tally } from './tally.ts'

const rules: fc.Arbitrary<StoreRules> = fc.record({
  final: fc.boolean(),
  atomic: fc.constantFrom('no', 'datacenter', 'global'),
  logout: fc.constantFrom('everywhere', 'everywhere', 'local'),
})
const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(2 ** 31 - 1),
  rules,
  shape: fc.record({
    replicas: fc.constantFrom({ a: 1, b: 1 }, { a: 3, b: 1 }, { a: 3, b: 3 }),
    hints: fc.boolean(),
    loss: fc.constantFrom(0, 0.02, 0.1),
  }),
  faults: fc.uniqueArray(fc.constantFrom('cut' as const, 'replica' as const, 'instance' as const)),
  skew: fc.constantFrom(0, 50, 20_000),
  clients: fc.integer({ min: 2, max: 8 }),
  operations: fc.constant(30),
  keys: fc.integer({ min: 2, max: 8 }),
  slow: fc.constantFrom(0.05, 0.3),
})

test('a sound store is always accepted', async () => {
  const totals = { operations: 0, ends: 0, pending: 0, unconfirmed: 0, taken: 0, conditional: 0 }
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const history = await simulate(plan)
      const [complaint] = judge(history)
      assert.equal(complaint, undefined, `(${complaint?.rule}) ${complaint?.why}\n${complaint?.story}`)
      const counted = tally(history)
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += counted[name]
    }),
    { numRuns: 150 },
  )
  // Or it proves nothing.
  for (const [name, count] of Object.entries(totals)) assert.ok(count > 50, `${name}: ${count}`)
})

const FINAL: StoreRules = { final: true, atomic: 'no', logout: 'everywhere' }
const USUAL: Omit<Plan, 'seed'> = {
  rules: FINAL,
  shape: { replicas: { a: 3, b: 3 }, hints: true, loss: 0 },
  ...{ faults: [], skew: 0, clients: 8, operations: 40, keys: 6, slow: 0.05 },
}
/** Where each mistake shows: the store, the shape and the faults under which somebody could notice it. */
const WHERE: Readonly<Record<Breakage, Partial<Plan>>> = {
  'end at LOCAL_QUORUM only': {},
  "marker in the value's column": {},
  'a read joins one already sent': { clients: 12, keys: 2, slow: 0.3 },
  'LOCAL_ONE reads': {},
  'retry of a write that is not idempotent': {
    ...{ rules: { ...FINAL, atomic: 'datacenter' }, shape: { ...USUAL.shape, loss: 0.1 } },
  },
  'time-out typed as unavailable': { shape: { ...USUAL.shape, loss: 0.2 } },
  'success on Unavailable': { faults: ['cut'] },
  'pending row kept in memory': { faults: ['cut', 'instance', 'instance'], shape: { ...USUAL.shape, hints: false } },
  'take at LOCAL_SERIAL in a global store': { rules: { ...FINAL, atomic: 'global' } },
  'timestamps from a skewed clock': { skew: 20_000 },
}
const MOST_SEEDS = 60

describe('every mistake is caught, and nothing sound under the same plan', () => {
  for (const breakage of BREAKAGES) {
    test(breakage, async (t) => {
      for (let seed = 1; seed <= MOST_SEEDS; seed++) {
        const plan: Plan = { ...USUAL, ...WHERE[breakage], seed }
        assert.deepEqual(judge(await simulate(plan)), [])
        const [complaint] = judge(await simulate(plan, breakage))
        if (complaint === undefined) continue
        t.diagnostic(`seed ${seed}, rule ${complaint.rule}: ${complaint.why}`)
        return
      }
      assert.fail(`not in ${MOST_SEEDS} runs`)
    })
  }
})

test('5,000 operations on 300 keys are judged in seconds', async () => {
  const plan: Plan = {
    ...{ ...USUAL, seed: 7, faults: ['cut', 'replica', 'instance'], skew: 1000 },
    ...{ clients: 32, operations: 120, keys: 16 },
  }
  const history = await simulate({ ...plan, shape: { ...USUAL.shape, loss: 0.02 } })
  assert.ok(tally(history).operations > 5000 - 100)
  const began = performance.now()
  assert.deepEqual(judge(history), [])
  assert.ok(performance.now() - began < 5000)
})
