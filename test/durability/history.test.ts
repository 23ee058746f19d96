/**
 * The checker itself: histories that can have happened are accepted, and each broken promise is refused. The property
 * test lets a right store run under concurrent clients and a crash, then breaks one answer.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Action, type Outcome, type State, step } from '../history/cell.ts'
import { type Operation, possibleAfter } from './history.ts'

/** `put 1`, `put 2 over 1`, `put 2 if absent`, `get`, `take`, `end`. */
function parse(words: string): Action {
  const [kind, write, , over] = words.split(' ')
  if (kind !== 'put') return { kind: kind as 'get' }
  if (words.endsWith('if absent')) return { kind, write: Number(write), only: 'absent' }
  return over === undefined ? { kind, write: Number(write) } : { kind, write: Number(write), only: Number(over) }
}

type Line = readonly [began: number, ended: number, words: string, outcome: Outcome | number]

function after(final: boolean, ...lines: Line[]): readonly State[] {
  const operations = lines.map(([began, ended, words, outcome]): Operation => {
    return { began, ended, action: parse(words), outcome: typeof outcome === 'number' ? { value: outcome } : outcome }
  })
  return possibleAfter(final, ['absent'], operations)
}

const FINAL = true
const REUSABLE = false

describe('accepted', () => {
  const cases: [string, boolean, readonly State[], ...Line[]][] = [
    ['nothing at all', FINAL, ['absent']],
    ['a write and a read', FINAL, [1], [1, 2, 'put 1', 'written'], [3, 4, 'get', 1]],
    [
      'a read amid a write may see it or not',
      FINAL,
      [1],
      [1, 6, 'put 1', 'written'],
      [2, 3, 'get', 'gone'],
      [4, 5, 'get', 1],
    ],
    ['concurrent writes in either order', FINAL, [1, 2], [1, 4, 'put 1', 'written'], [2, 3, 'put 2', 'written']],
    ['an unanswered write that happened', FINAL, [1], [1, 5, 'put 1', 'unknown'], [6, 7, 'get', 1]],
    ['an unanswered write that did not', FINAL, ['absent'], [1, 5, 'put 1', 'unknown'], [6, 7, 'get', 'gone']],
    [
      'an unanswered end may explain a loss',
      FINAL,
      ['ended'],
      [1, 2, 'put 1', 'written'],
      [3, 5, 'end', 'unknown'],
      [6, 7, 'get', 'gone'],
    ],
    ['an ended key refuses writes', FINAL, ['ended'], [1, 2, 'end', 'done'], [3, 4, 'put 1', 'ended']],
    ['a reusable one does not', REUSABLE, [1], [1, 2, 'end', 'done'], [3, 4, 'put 1', 'written']],
    ['one of two takes', FINAL, ['ended'], [1, 2, 'put 1', 'written'], [3, 6, 'take', 1], [4, 5, 'take', 'gone']],
    [
      'one of two conditional writes',
      FINAL,
      [3],
      [1, 2, 'put 1', 'written'],
      [3, 6, 'put 2 over 1', 'failed'],
      [4, 5, 'put 3 over 1', 'written'],
    ],
  ]
  for (const [name, final, states, ...lines] of cases) {
    test(name, () => assert.deepEqual([...after(final, ...lines)].sort(), [...states].sort()))
  }
})

describe('refused', () => {
  const cases: [string, boolean, ...Line[]][] = [
    ['an acknowledged write is gone', FINAL, [1, 2, 'put 1', 'written'], [3, 4, 'get', 'gone']],
    ['an older value is back', FINAL, [1, 2, 'put 1', 'written'], [3, 4, 'put 2', 'written'], [5, 6, 'get', 1]],
    ['an ended key came back', FINAL, [1, 2, 'put 1', 'written'], [3, 4, 'end', 'done'], [5, 6, 'get', 1]],
    ['a write over an ended key was acknowledged', FINAL, [1, 2, 'end', 'done'], [3, 4, 'put 1', 'written']],
    [
      'an unanswered write came after an end that was answered',
      FINAL,
      [1, 2, 'end', 'done'],
      [3, 6, 'put 1', 'unknown'],
      [7, 8, 'get', 1],
    ],
    ['two takes got the value', FINAL, [1, 2, 'put 1', 'written'], [3, 6, 'take', 1], [4, 5, 'take', 1]],
    ['a taken value is still there', REUSABLE, [1, 2, 'put 1', 'written'], [3, 4, 'take', 1], [5, 6, 'get', 1]],
    [
      'two conditional writes won',
      FINAL,
      [1, 2, 'put 1', 'written'],
      [3, 6, 'put 2 over 1', 'written'],
      [4, 5, 'put 3 over 1', 'written'],
    ],
    ['two created what was absent', FINAL, [1, 4, 'put 1 if absent', 'written'], [2, 3, 'put 2 if absent', 'written']],
    ['a condition failed for no reason', FINAL, [1, 2, 'put 1', 'written'], [3, 4, 'put 2 over 1', 'failed']],
    ['a write failed that had no condition', FINAL, [1, 2, 'put 1', 'failed']],
    ['a value that nobody wrote', FINAL, [1, 2, 'put 1', 'written'], [3, 4, 'get', 9]],
    ['a value before it was written', FINAL, [1, 2, 'get', 1], [3, 4, 'put 1', 'written']],
    [
      'an unanswered write happened after its server was dead',
      FINAL,
      [1, 3, 'put 1', 'unknown'],
      [4, 5, 'get', 'gone'],
      [6, 7, 'get', 1],
    ],
    [
      'an unanswered write happened, then did not',
      FINAL,
      [1, 3, 'put 1', 'unknown'],
      [4, 5, 'get', 1],
      [6, 7, 'get', 'gone'],
    ],
  ]
  for (const [name, final, ...lines] of cases) test(name, () => assert.deepEqual(after(final, ...lines), []))
})

test('states carry from one round to the next', () => {
  const get: Operation = { action: { kind: 'get' }, outcome: { value: 2 }, began: 9, ended: 10 }
  assert.deepEqual(possibleAfter(FINAL, [1, 2], [get]), [2])
  assert.deepEqual(possibleAfter(FINAL, [1, 3], [get]), [])
})

/** A right store under up to four clients: each operation takes effect at a drawn moment between its two ends. */
const runs = fc
  .array(
    fc.record({
      kind: fc.constantFrom(
        'put' as const,
        'put' as const,
        'create' as const,
        'get' as const,
        'take' as const,
        'end' as const,
      ),
      effect: fc.integer({ min: 0, max: 1000 }),
      before: fc.integer({ min: 0, max: 200 }),
      after: fc.integer({ min: 0, max: 200 }),
      lost: fc.nat(5),
    }),
    { minLength: 1, maxLength: 14 },
  )
  .map((drawn) => {
    let state: State = 'absent'
    const operations: Operation[] = []
    for (const [i, draw] of [...drawn].sort((a, b) => a.effect - b.effect).entries()) {
      const action: Action =
        draw.kind === 'put'
          ? { kind: 'put', write: i }
          : draw.kind === 'create'
            ? { kind: 'put', write: i, only: 'absent' }
            : { kind: draw.kind }
      const next = step(FINAL, state, action)
      const outcome = draw.lost === 0 ? 'unknown' : next.outcome
      state = next.state
      const at = draw.effect * 100 + i
      operations.push({ action, outcome, began: at - draw.before * 100, ended: at + draw.after * 100 })
    }
    const look: Operation = {
      ...{ action: { kind: 'get' }, began: 1e6, ended: 1e6 + 1 },
      outcome: step(FINAL, state, { kind: 'get' }).outcome,
    }
    return { operations: [...operations, look], state }
  })

test('a right store is always accepted, with the state it is in', () => {
  fc.assert(
    fc.property(runs, ({ operations, state }) => {
      assert.ok(possibleAfter(FINAL, ['absent'], operations).includes(state))
    }),
    { numRuns: 1000 },
  )
})

test('a value from nowhere at the end is always refused', () => {
  fc.assert(
    fc.property(runs, ({ operations }) => {
      const wrong: Operation = { ...operations.at(-1)!, outcome: { value: 99 } }
      assert.deepEqual(possibleAfter(FINAL, ['absent'], [...operations.slice(0, -1), wrong]), [])
    }),
  )
})

test('a value after an end that was answered before the last look is always refused', () => {
  fc.assert(
    fc.property(runs, ({ operations }) => {
      const ended = operations.find((op) => op.action.kind === 'end' && op.outcome === 'done')
      const written = operations.find((op) => op.action.kind === 'put' && op.outcome === 'written')
      fc.pre(ended !== undefined && written?.action.kind === 'put')
      const wrong: Operation = {
        ...operations.at(-1)!,
        outcome: { value: (written!.action as { write: number }).write },
      }
      assert.deepEqual(possibleAfter(FINAL, ['absent'], [...operations.slice(0, -1), wrong]), [])
    }),
  )
})
