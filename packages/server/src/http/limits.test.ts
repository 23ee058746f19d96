import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type LimitFigures, Limits, type Share } from './limits.ts'

const figures: LimitFigures = {
  requests: 10,
  requestsPerCaller: 6,
  requestsSaturated: 8,
  connections: 5,
  connectionsPerCaller: 3,
  bodyBytes: 1000,
  bodyBytesPerCaller: 600,
}

/** How many of `tries` requests get in. */
const fill = (limits: Limits, share: Share, tries: number) =>
  Array.from({ length: tries }, () => limits.enter(share)).filter(Boolean).length

const empty = (limits: Limits, share: Share) => {
  while (share.requests > 0) limits.leave(share)
}

describe('limits', () => {
  it('lets requests in up to the limit of the caller, and of all', () => {
    const limits = new Limits(figures)
    const [a, b] = [limits.connect('a')!, limits.connect('b')!]
    assert.equal(fill(limits, a, 20), 6)
    assert.equal(fill(limits, b, 20), 4)
    limits.leave(a)
    assert.equal(fill(limits, b, 20), 1)
    assert.equal(limits.requests, 10)
  })

  it('counts connections by caller and in all', () => {
    const limits = new Limits(figures)
    const open = ['a', 'a', 'a', 'a', 'b', 'b', 'b'].map((caller) => limits.connect(caller))
    assert.deepEqual(
      open.map((share) => share !== undefined),
      [true, true, true, false, true, true, false],
    )
    limits.disconnect(open[0]!)
    assert.ok(limits.connect('c'))
    assert.equal(limits.connections, 5)
  })

  it('bounds the bytes of bodies by caller and in all', () => {
    const limits = new Limits(figures)
    const [a, b] = [limits.connect('a')!, limits.connect('b')!]
    assert.ok(limits.reserve(a, 600))
    assert.ok(!limits.reserve(a, 1))
    assert.ok(!limits.reserve(b, 401))
    assert.ok(limits.reserve(b, 400))
    limits.release(a, 600)
    assert.ok(limits.reserve(b, 200))
    assert.equal(limits.bodyBytes, 600)
  })

  it('lets a burst in, but lets only few in once the loop did not rest for two windows', () => {
    const limits = new Limits(figures)
    const a = limits.connect('a')!
    limits.turn(true)
    assert.equal(fill(limits, a, 20), 6, 'one busy window is a burst')
    empty(limits, a)
    limits.turn(true)
    assert.ok(limits.saturated)
    assert.equal(fill(limits, a, 20), 4)
  })

  it('is saturated when the queue never got short, even if the loop rests', () => {
    const limits = new Limits(figures)
    const [a, b] = [limits.connect('a')!, limits.connect('b')!]
    assert.equal(fill(limits, a, 5) + fill(limits, b, 4), 9)
    limits.turn(false)
    limits.leave(a)
    assert.ok(limits.enter(a))
    limits.turn(false)
    assert.ok(limits.saturated)
    assert.equal(fill(limits, a, 20), 0)
    empty(limits, a)
    empty(limits, b)
    assert.equal(fill(limits, a, 20), 4)
  })

  it('is over after a window without a refusal, and not before', () => {
    const limits = new Limits(figures)
    const a = limits.connect('a')!
    limits.turn(true)
    limits.turn(true)
    assert.equal(fill(limits, a, 20), 4)
    empty(limits, a)
    limits.turn(false)
    assert.ok(limits.saturated, 'somebody was refused')
    limits.turn(false)
    assert.ok(!limits.saturated)
    assert.equal(fill(limits, a, 20), 6)
  })

  it('shares the few places equally among the callers of the window before', () => {
    const limits = new Limits(figures)
    const [loud, quiet] = [limits.connect('loud')!, limits.connect('quiet')!]
    limits.turn(true)
    fill(limits, loud, 20)
    fill(limits, quiet, 1)
    empty(limits, loud)
    empty(limits, quiet)
    limits.turn(true)
    assert.equal(fill(limits, loud, 20), 2)
    assert.equal(fill(limits, quiet, 20), 2)
  })

  it('keeps a place for a caller who did not come in the window before', () => {
    const limits = new Limits(figures)
    const [loud, late] = [limits.connect('loud')!, limits.connect('late')!]
    limits.turn(true)
    fill(limits, loud, 20)
    limits.turn(true)
    fill(limits, loud, 20)
    empty(limits, loud)
    assert.equal(fill(limits, loud, 20), 4)
    assert.ok(limits.enter(late))
  })

  it('does not count requests that wait for their body as load', () => {
    const limits = new Limits(figures)
    const [slow, b] = [limits.connect('slow')!, limits.connect('b')!]
    for (let i = 0; i < 6; i++) {
      assert.ok(limits.enter(slow))
      limits.wait(slow)
    }
    assert.ok(!limits.enter(slow), 'they are in flight all the same')
    limits.turn(false)
    limits.turn(false)
    assert.ok(!limits.saturated)
    limits.turn(true)
    limits.turn(true)
    assert.equal(fill(limits, b, 20), 4)
  })

  it('keeps its books whatever happens', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(5), fc.boolean()), { maxLength: 300 }), (steps) => {
        const limits = new Limits(figures)
        const shares = ['a', 'b', 'c'].map((caller) => limits.connect(caller)!)
        const inFlight = [0, 0, 0]
        const waiting = [0, 0, 0]
        for (const [who, act, busy] of steps) {
          const share = shares[who]!
          if (act === 0 && limits.enter(share)) inFlight[who]!++
          if (act === 1 && inFlight[who]! > waiting[who]!) {
            limits.leave(share)
            inFlight[who]!--
          }
          if (act === 2 && inFlight[who]! > waiting[who]!) {
            limits.wait(share)
            waiting[who]!++
          }
          if (act === 3 && waiting[who]! > 0) {
            limits.proceed(share)
            waiting[who]!--
          }
          if (act === 4) limits.turn(busy)
          const all = inFlight.reduce((sum, one) => sum + one)
          assert.equal(limits.requests, all)
          assert.ok(all <= figures.requests)
          assert.ok(inFlight.every((one) => one <= figures.requestsPerCaller))
        }
      }),
    )
  })
})
