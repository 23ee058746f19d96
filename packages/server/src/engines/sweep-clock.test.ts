import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { SweepClock } from './sweep-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const START = 1_790_000_000_000

let [passed, offset] = [0, START]
let jumps: number[]
let clock: SweepClock

describe('what has expired is removed', () => {
  beforeEach(() => {
    ;[passed, offset, jumps] = [5 * HOUR, START, []]
    clock = new SweepClock({ now: () => passed + offset, monotonic: () => passed, jumped: (ms) => jumps.push(ms) })
  })

  /** Reads every second for as long; the answers must be all of one kind, and this is it. */
  function sweepsFor(ms: number): boolean {
    const kinds = new Set<boolean>()
    for (const end = passed + ms; passed < end; passed += 1000) {
      const time = clock.read()
      if (time !== undefined) assert.equal(time, passed + offset)
      kinds.add(time !== undefined)
    }
    assert.equal(kinds.size, 1)
    return kinds.has(true)
  }

  test('from an hour after the start, while time passes as it should', () => {
    assert.equal(sweepsFor(HOUR), false)
    assert.equal(sweepsFor(3 * HOUR), true)
    assert.deepEqual(jumps, [])
  })

  test('not for an hour after the clock jumped ahead by more than a minute, set right meanwhile or not', () => {
    sweepsFor(HOUR)
    for (const back of [true, false]) {
      offset += 9 * 24 * HOUR
      assert.equal(sweepsFor(2000), false)
      if (back) offset -= 9 * 24 * HOUR
      assert.equal(sweepsFor(HOUR - 2000), false)
      assert.equal(sweepsFor(HOUR), true)
    }
    assert.deepEqual(jumps, [9 * 24 * HOUR, 9 * 24 * HOUR])
  })

  test('also after it jumped by a minute, and after it was set back', () => {
    sweepsFor(HOUR)
    for (const step of [MINUTE, -9 * HOUR]) {
      offset += step
      assert.equal(sweepsFor(MINUTE), true)
    }
    offset += MINUTE + 1
    assert.equal(sweepsFor(HOUR), false)
    assert.deepEqual(jumps, [MINUTE + 1])
  })

  test('not for an hour after the latest jump', () => {
    sweepsFor(HOUR)
    offset += HOUR
    assert.equal(sweepsFor(HOUR / 2), false)
    offset += HOUR
    assert.equal(sweepsFor(HOUR), false)
    assert.equal(sweepsFor(HOUR), true)
  })
})
