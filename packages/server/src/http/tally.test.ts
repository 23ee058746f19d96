import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
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

  it('keeps every count under its labels when labels get more values', async () => {
    const values = fc.integer({ min: 1, max: 4 })
    const sizes = fc.tuple(values, values, values)
    await fc.assert(
      fc.asyncProperty(sizes, sizes, fc.array(fc.nat()), fc.array(fc.nat()), async (before, more, first, then) => {
        const after = before.map((size, index) => size + more[index]! - 1)
        const labels = (sizes: readonly number[]) => {
          return sizes.map((size, label) => [`l${label}`, Array.from({ length: size }, (_, n) => `v${n}`)] as const)
        }
        const tally = new Tally(new Registry(), 'things_total', 'Things.', labels(before))
        const expected = new Map<string, number>()
        const add = (sizes: readonly number[], random: number) => {
          const cell = random % sizes.reduce((product, size) => product * size)
          tally.add(cell)
          const [, second, third] = sizes as [number, number, number]
          const digits = [Math.floor(cell / (second * third)), Math.floor(cell / third) % second, cell % third]
          const name = JSON.stringify(Object.fromEntries(digits.map((digit, label) => [`l${label}`, `v${digit}`])))
          expected.set(name, (expected.get(name) ?? 0) + 1)
        }
        for (const random of first) add(before, random)
        tally.grow(labels(after))
        for (const random of then) add(after, random)
        const { values } = await tally.get()
        assert.deepEqual(new Map(values.map(({ labels, value }) => [JSON.stringify(labels), value])), expected)
      }),
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
