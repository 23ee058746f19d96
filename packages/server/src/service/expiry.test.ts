import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Expiring } from '../http/instance-metrics.ts'
import { ExpiryWarnings } from './expiry.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

function warnings(t: { after(done: () => void): void }) {
  const clock = { now: 0 }
  const ends: Expiring[] = []
  const told: string[] = []
  const warnings = new ExpiryWarnings(
    () => ends,
    { warn: (fields: object) => void told.push((fields as { what: string }).what) } as never,
    () => clock.now,
  )
  t.after(() => warnings.stop())
  const add = (name: string, due: number) => ends.push({ name, due: new Date(due), expires: new Date(due + 30 * DAY) })
  /** What was told since. */
  const check = () => {
    warnings.check()
    return told.splice(0)
  }
  return { warnings, clock, ends, told, add, check }
}

test('what is due is told once a day, and what is renewed no more', (t) => {
  const { clock, ends, add, check } = warnings(t)
  add('a', 10 * DAY)
  add('b', 10 * DAY + 1)
  clock.now = 10 * DAY - 1
  assert.deepEqual(check(), [])
  clock.now++
  assert.deepEqual(check(), ['a'])
  clock.now++
  assert.deepEqual(check(), ['b'])
  clock.now = 11 * DAY - 1
  assert.deepEqual(check(), [])
  clock.now = 12 * DAY
  assert.deepEqual(check(), ['a', 'b'])
  ends.shift()
  add('a', 20 * DAY)
  clock.now = 13 * DAY
  assert.deepEqual(check(), ['b'])
})

test('a new one under the same name is told of by itself', (t) => {
  const { ends, add, check } = warnings(t)
  add('a', -DAY)
  assert.deepEqual(check(), ['a'])
  ends.shift()
  add('a', -1)
  assert.deepEqual(check(), ['a'])
})

test('it looks at once and every hour, until it is stopped', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { warnings: running, clock, add, told } = warnings(t)
  add('a', 0)
  running.start()
  assert.deepEqual(told, ['a'])
  clock.now = 25 * HOUR
  t.mock.timers.tick(HOUR)
  assert.deepEqual(told, ['a', 'a'])
  running.stop()
  clock.now = 100 * HOUR
  t.mock.timers.tick(HOUR)
  assert.deepEqual(told, ['a', 'a'])
})
