import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatUnit, parseUnit, type Unit } from './units.ts'

test('durations and sizes mean what they say', () => {
  const rows: [string | number, Unit, number | undefined][] = [
    ['1d', 'seconds', 86_400],
    ['1y', 'seconds', 31_536_000],
    [90, 'seconds', 90],
    ['90', 'seconds', 90],
    ['0', 'seconds', 0],
    ['500ms', 'seconds', undefined],
    ['500ms', 'milliseconds', 500],
    [2, 'milliseconds', 2000],
    ['4MiB', 'bytes', 4_194_304],
    ['16KiB', 'bytes', 16_384],
    [4096, 'bytes', 4096],
    ['4MB', 'bytes', undefined],
    ['1.5d', 'seconds', undefined],
    ['-1', 'seconds', undefined],
    ['1h30m', 'seconds', undefined],
    ['', 'seconds', undefined],
    ['d', 'seconds', undefined],
    ['1constructor', 'seconds', undefined],
    ['999999999999999GiB', 'bytes', undefined],
  ]
  for (const [text, unit, expected] of rows) assert.equal(parseUnit(text, unit), expected, `${text} ${unit}`)
})

test('what is formatted reads back as the same number', () => {
  const unit = fc.constantFrom<Unit>('seconds', 'milliseconds', 'bytes')
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 40 }), unit, (value, unit) => {
      assert.equal(parseUnit(formatUnit(value, unit), unit), value)
    }),
  )
  assert.equal(formatUnit(86_400, 'seconds'), '1d')
  assert.equal(formatUnit(4 * 2 ** 20, 'bytes'), '4MiB')
  assert.equal(formatUnit(2500, 'milliseconds'), '2500ms')
})
