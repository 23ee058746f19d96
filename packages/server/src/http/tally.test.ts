import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Histogram, Registry } from 'prom-client'
import { Durations, Tally } from './tally.ts'

const LABELS = [
  ['code', ['200', '404', '500']],
  ['method', ['GET', 'PUT']],
] as const

describe('tallies', () => {
  it('exposes each cell under its labels', async () => {
    const registry = new Registry()
    const tally = new Tally(registry, 'things_total', 'Things.', LABELS)
    tally.add(1 * 2 + 1)
    tally.add(1 * 2 + 1)
    tally.add(2 * 2)
    assert.equal(
      await registry.metrics(),
      [
        '# HELP things_total Things.',
        '# TYPE things_total counter',
        'things_total{code="404",method="PUT"} 2',
        'things_total{code="500",method="GET"} 1',
        '',
      ].join('\n'),
    )
  })

  it('exposes durations exactly as prom-client does', async () => {
    const ours = new Registry()
    const theirs = new Registry()
    const durations = new Durations(ours, 'took_seconds', 'Time.', LABELS)
    const histogram = new Histogram({
      name: 'took_seconds',
      help: 'Time.',
      labelNames: ['code', 'method'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
      registers: [theirs],
    })
    for (const ms of [0, 0.5, 1, 1.25, 25, 999, 1000, 4000]) {
      durations.observe(1, ms)
      histogram.observe({ code: '200', method: 'PUT' }, ms / 1000)
    }
    assert.equal(await ours.metrics(), await theirs.metrics())
  })
})
