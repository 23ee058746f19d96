/**
 * The search against one that tries every order of everything: both must agree on whether there is one, and on the state
 * it leaves. And its bound, and its speed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Action, type Outcome, type State, stepAnswered } from './cell.ts'
import { possibleStates, type Step, TooMuch } from './order.ts'

interface Drawn extends Omit<Step<State>, 'after'> {
  readonly action: Action
  readonly outcome: Outcome
}

const stepOf = (final: boolean, { action, outcome, ...window }: Drawn): Step<State> => {
  return { ...window, after: (state) => stepAnswered(final, state, action, outcome) }
}

/** Every order of every choice of what may happen. */
function tryAll(before: State, steps: readonly Step<State>[]): Set<State> {
  const results = new Set<State>()
  const visit = (state: State, left: readonly Step<State>[], latest: number) => {
    if (left.every(({ must }) => !must)) results.add(state)
    for (const step of left) {
      const tooEarly = left.some((other) => other.must && other.ended < step.began)
      const after = tooEarly || step.ended < latest ? undefined : step.after(state)
      if (after === undefined) continue
      visit(
        after,
        left.filter((other) => other !== step),
        Math.max(latest, step.began),
      )
    }
  }
  visit(before, steps, Number.NEGATIVE_INFINITY)
  return results
}

const write = fc.nat(3)
const actions: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constantFrom('get' as const, 'take' as const, 'end' as const) }),
  fc.record({ kind: fc.constant('put' as const), write }),
  fc.record({ kind: fc.constant('put' as const), write, only: fc.oneof(fc.constant('absent' as const), write) }),
)
const answers: Readonly<Record<Action['kind'], fc.Arbitrary<Outcome>>> = {
  get: fc.oneof(fc.constant('gone' as const), fc.record({ value: write })),
  take: fc.oneof(fc.constant('gone' as const), fc.record({ value: write })),
  end: fc.constant('done'),
  put: fc.constantFrom('written', 'ended', 'failed'),
}
const drawn: fc.Arbitrary<Drawn> = actions.chain((action) => {
  const began = fc.nat(12)
  const must = fc.record({ began, length: fc.nat(8), outcome: answers[action.kind] }).map(({ length, ...rest }) => {
    return { ...rest, action, must: true, ended: rest.began + length }
  })
  const length = fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat(8))
  const may = fc.record({ began, length }).map(({ began, length }) => {
    return { began, action, must: false, ended: began + length, outcome: 'unknown' as const }
  })
  return fc.oneof({ arbitrary: must, weight: 2 }, { arbitrary: may, weight: 1 })
})

test('it finds an order if there is any, whatever may or must happen', () => {
  const tally = { possible: 0, impossible: 0 }
  fc.assert(
    fc.property(fc.boolean(), fc.array(drawn, { maxLength: 6 }), (final, list) => {
      const steps = list.map((each) => stepOf(final, each))
      const all = tryAll('absent', steps)
      assert.equal(possibleStates(['absent'], steps).length > 0, all.size > 0)
      if (all.size > 0) tally.possible++
      else tally.impossible++
    }),
    { numRuns: 3000 },
  )
  assert.ok(tally.possible > 300 && tally.impossible > 300, JSON.stringify(tally))
})

test('without endless steps it finds every state that an order leaves', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(drawn, { maxLength: 6 }), (final, list) => {
      const steps = list.filter(({ ended }) => Number.isFinite(ended)).map((each) => stepOf(final, each))
      assert.deepEqual(new Set(possibleStates(['absent'], steps)), tryAll('absent', steps))
    }),
    { numRuns: 2000 },
  )
})

test('endless steps of one mark stand for each other', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(drawn, { maxLength: 6 }), (final, list) => {
      const steps = list.map((each) => stepOf(final, each))
      const isEnd = ({ must, action }: Drawn) => !must && (action.kind === 'end' || action.kind === 'take')
      const marked = steps.map((step, i) => (isEnd(list[i]!) ? { ...step, mark: 'over' } : step))
      assert.equal(possibleStates(['absent'], marked).length > 0, possibleStates(['absent'], steps).length > 0)
    }),
    { numRuns: 1000 },
  )
})

test('what is possible in one order only, of thousands, is found; and what in none is not', () => {
  const put = (write: number, began: number, ended: number): Step<State> => {
    return stepOf(true, { began, ended, must: true, action: { kind: 'put', write }, outcome: 'written' })
  }
  const get = (value: number, began: number): Step<State> => {
    return stepOf(true, { began, ended: began + 1, must: true, action: { kind: 'get' }, outcome: { value } })
  }
  const steps = Array.from({ length: 2000 }, (_, i) => [put(i, i * 10, i * 10 + 25), get(i, i * 10 + 22)]).flat()
  // Each read sees the write that is the first of three to begin and the last to happen, or an impossible one.
  assert.ok(possibleStates(['absent'], steps.slice(0, 2), true).length > 0)
  const began = performance.now()
  possibleStates(['absent'], steps, true)
  assert.ok(performance.now() - began < 5000)
})

test('more than it can hold is an error, not a pass', () => {
  const steps = Array.from({ length: 30 }, (_, write): Step<State> => {
    return stepOf(false, { began: 0, ended: 1, must: true, action: { kind: 'put', write }, outcome: 'written' })
  })
  const lost = stepOf(false, { began: 2, ended: 3, must: true, action: { kind: 'get' }, outcome: 'gone' })
  assert.throws(() => possibleStates(['absent'], [...steps, lost]), TooMuch)
})
