import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { describe, test } from 'node:test'
import { KeysetError } from './errors.ts'
import { Keyset, overFrom, type SealingKey } from './keyset.ts'

const NOW = 1_790_000_000_000
const DAY = 86_400
const secret = createSecretKey(Buffer.alloc(32, 1))
const primary: SealingKey = { id: 1, state: 'primary', createdAt: NOW, secret }

function refused(attempt: () => unknown, message: RegExp): void {
  assert.throws(attempt, (error: unknown) => {
    assert.ok(error instanceof KeysetError && error.hint.length > 0)
    assert.match(error.message, message)
    return true
  })
}

const states = (keyset: Keyset) => keyset.keys.map((key) => key.state)

describe('keyset', () => {
  test('a new one has one primary key and secrets of 32 bytes that differ', () => {
    const { room, addressKey, keys } = Keyset.generate('stores', NOW)
    assert.equal(room, 'stores')
    assert.equal(keys.length, 1)
    assert.equal(keys[0]!.state, 'primary')
    assert.ok(keys[0]!.id > 0 && keys[0]!.id <= 0xffffffff)
    const secrets = [addressKey, keys[0]!.secret, Keyset.generate('stores', NOW).addressKey]
    assert.equal(new Set(secrets.map((key) => key.export().toString('hex'))).size, 3)
    assert.ok(secrets.every((key) => key.symmetricKeySize === 32))
  })

  test('a key is added, promoted, and the old one disabled when its records are over', () => {
    const first = Keyset.generate('stores', NOW)
    const old = first.primary.id
    const { keyset: second, id } = first.add(NOW + 1)
    assert.deepEqual(states(second), ['primary', 'enabled'])
    const third = second.promote(id, NOW + 2)
    assert.deepEqual(states(third), ['enabled', 'primary'])
    assert.equal(third.primary.id, id)
    assert.equal(third.keys[0]!.demotedAt, NOW + 2)
    assert.equal(third.addressKey, first.addressKey)

    const free = NOW + 2 + DAY * 1000
    refused(() => third.disable(old, { longestTtl: DAY, now: free - 1 }), /may live until 2026-/)
    assert.deepEqual(states(third.disable(old, { longestTtl: DAY, now: free })), ['disabled', 'primary'])
    assert.deepEqual(states(third.disable(old, { longestTtl: DAY, now: NOW + 3, lose: true })), ['disabled', 'primary'])
    refused(() => third.disable(old, { longestTtl: 0, now: NOW + 1e14 }), /may live for ever/)
    assert.deepEqual(states(first), ['primary'], 'the keyset before is as it was')
  })

  test('what an instance sealed after the demotion is waited for, also if this file knows of none', () => {
    const first = Keyset.generate('stores', NOW)
    const { keyset, id } = first.add(NOW)
    const late = { longestTtl: DAY, sealedUntil: NOW + 5_000 }
    const free = NOW + 5_000 + DAY * 1000
    for (const [held, key] of [
      [keyset.promote(id, NOW), first.primary.id],
      [keyset, id],
    ] as const) {
      refused(() => held.disable(key, { ...late, now: free - 1 }), /may live until/)
      assert.ok(states(held.disable(key, { ...late, now: free })).includes('disabled'))
      assert.ok(states(held.disable(key, { ...late, now: NOW, lose: true })).includes('disabled'))
    }
    refused(() => keyset.disable(id, { ...late, longestTtl: 0, now: NOW + 1e14 }), /for ever/)
    const [old] = keyset.promote(id, NOW + 9_000).keys
    assert.equal(overFrom(old!, DAY, NOW + 5_000), NOW + 9_000 + DAY * 1000, 'the later of the two counts')
  })

  test('a key that was promoted again is not demoted', () => {
    const first = Keyset.generate('stores', NOW)
    const { keyset, id } = first.add(NOW)
    const back = keyset.promote(id, NOW).promote(first.primary.id, NOW + 5)
    assert.equal(back.primary.demotedAt, undefined)
    assert.equal(back.keys[1]!.demotedAt, NOW + 5)
  })

  test('a key that never was primary may be disabled at once, and enabled again', () => {
    const { keyset, id } = Keyset.generate('stores', NOW).add(NOW)
    const disabled = keyset.disable(id, { longestTtl: DAY, now: NOW })
    assert.deepEqual(states(disabled), ['primary', 'disabled'])
    refused(() => disabled.promote(id, NOW), /is disabled/)
    assert.deepEqual(states(disabled.enable(id)), ['primary', 'enabled'])
    refused(() => keyset.enable(id), /is not disabled/)
  })

  test('operations that make no sense are refused', () => {
    const keyset = new Keyset('stores', secret, [primary])
    refused(() => keyset.disable(1, { longestTtl: DAY, lose: true }), /is the primary/)
    refused(() => keyset.promote(1), /is primary/)
    refused(() => keyset.promote(2), /have no key 2/)
  })

  const shortSecret = createSecretKey(Buffer.alloc(31))
  const faults: [name: string, room: string, keys: SealingKey[], message: RegExp][] = [
    ['no key', 'stores', [], /exactly one/],
    ['two primaries', 'stores', [primary, { ...primary, id: 2 }], /exactly one/],
    ['the same id twice', 'stores', [primary, { ...primary, state: 'enabled' }], /same id/],
    ['id 0', 'stores', [{ ...primary, id: 0 }], /from 1 to 4294967295/],
    ['an id of 33 bits', 'stores', [{ ...primary, id: 2 ** 32 }], /from 1 to 4294967295/],
    ['an unknown state', 'stores', [primary, { ...primary, id: 2, state: 'x' as 'enabled' }], /neither/],
    ['a short secret', 'stores', [{ ...primary, secret: shortSecret }], /32 bytes/],
    ['a time that is none', 'stores', [{ ...primary, createdAt: Number.NaN }], /Unix time/],
    ['a room with a slash', 'a/b', [primary], /a room is named/],
  ]
  for (const [name, room, keys, message] of faults) {
    test(`refused: ${name}`, () => refused(() => new Keyset(room, secret, keys), message))
  }

  test('refused: a short address key', () => {
    refused(() => new Keyset('stores', shortSecret, [primary]), /address key/)
  })
})
