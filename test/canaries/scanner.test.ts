/**
 * The positive control of every search for canaries: a scanner that finds nothing proves nothing unless it finds what is
 * there. Each encoding is written at each alignment, among other bytes, and must be found; random bytes must not.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { type Canary, ENCODINGS, filesUnder, Scanner } from './scanner.ts'

const canary: Canary = { name: 'canary', bytes: randomBytes(48) }
const scanner = new Scanner([canary])

function found(bytes: Buffer | string): string[] {
  return scanner.scan([{ where: 'memory', bytes: Buffer.from(bytes as string) }]).map((finding) => finding.encoding)
}

/** The canary with `before` bytes in front and some behind, as an encoder would meet it inside something larger. */
const within = (before: number) => Buffer.concat([randomBytes(before), canary.bytes, randomBytes(7)])

const leaks: Record<string, (before: number) => Buffer | string> = {
  raw: (before) => within(before),
  'hex, lower case': (before) => within(before).toString('hex'),
  'hex, upper case': (before) => within(before).toString('hex').toUpperCase(),
  'hex, spaced': (before) => inspect(within(before)),
  'decimal list': (before) => JSON.stringify(within(before)),
  'percent-encoded, lower case': (before) => within(before).toString('hex').replace(/../g, '%$&'),
  'percent-encoded, upper case': (before) => within(before).toString('hex').toUpperCase().replace(/../g, '%$&'),
}
for (const variant of ['base64', 'base64url'] as const) {
  for (const alignment of [0, 1, 2]) {
    leaks[`${variant}, alignment ${alignment}`] = (before) => {
      return within(before - (before % 3) + alignment).toString(variant)
    }
  }
}

describe('a canary is found', () => {
  test('in each encoding of the table, wherever it stands', () => {
    assert.deepEqual(Object.keys(leaks).sort(), Object.keys(ENCODINGS).sort())
    for (const [encoding, leak] of Object.entries(leaks)) {
      for (let before = 0; before < 12; before++) {
        const encodings = found(leak(before))
        const plain = encoding.replace('base64url', 'base64')
        assert.ok(encodings.includes(encoding) || encodings.includes(plain), `${encoding} after ${before} bytes`)
      }
    }
  })

  test('when any 23 bytes of it are left', () => {
    for (let start = 0; start + 23 <= canary.bytes.length; start++) {
      assert.deepEqual(found(canary.bytes.subarray(start, start + 23)), ['raw'])
    }
  })

  test('at the very start and at the very end of a file, and in the name of one', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'scanner-'))
    t.after(() => rmSync(folder, { recursive: true }))
    mkdirSync(join(folder, 'deep'))
    writeFileSync(join(folder, 'first'), Buffer.concat([canary.bytes, randomBytes(100)]))
    writeFileSync(join(folder, 'deep/last'), Buffer.concat([randomBytes(100), canary.bytes]))
    writeFileSync(join(folder, 'deep', canary.bytes.toString('hex')), '')
    const places = scanner
      .scan(filesUnder(folder))
      .map((finding) => [finding.where.slice(folder.length), finding.offset])
    assert.equal(places.length, 3)
    assert.deepEqual(places.filter(([, offset]) => offset === 0)[0], ['/first', 0])
    assert.ok(places.some(([where, offset]) => where === '/deep/last' && offset === 100))
  })

  test('among a thousand others', () => {
    const others = Array.from({ length: 1000 }, (_, i) => ({ name: `other ${i}`, bytes: randomBytes(24) }))
    const findings = new Scanner([...others, canary]).scan([{ where: 'memory', bytes: within(100_000) }])
    assert.deepEqual(findings, [{ canary: 'canary', encoding: 'raw', where: 'memory', offset: 100_000 }])
  })
})

describe('a canary is not found', () => {
  test('in random bytes', () => assert.deepEqual(found(randomBytes(8 << 20)), []))

  test('where no whole piece of it is left', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(11), { minLength: 4, maxLength: 4 }), (flips) => {
        const damaged = Buffer.from(canary.bytes)
        flips.forEach((flip, piece) => {
          damaged[piece * 12 + flip]! ^= 1
        })
        assert.deepEqual(found(damaged), [])
      }),
    )
  })

  test('and one too short to be told from chance is refused', () => {
    assert.throws(() => new Scanner([{ name: 'short', bytes: randomBytes(22) }]), /"short" is shorter than 23 bytes/)
  })
})
