import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkOf, plainAddress } from './network.ts'

test('addresses are plain: mapped IPv4 is IPv4, zones are cut off', () => {
  assert.equal(plainAddress('::ffff:10.1.2.3'), '10.1.2.3')
  assert.equal(plainAddress('::FFFF:10.1.2.3'), '10.1.2.3')
  assert.equal(plainAddress('10.1.2.3'), '10.1.2.3')
  assert.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
  assert.equal(plainAddress('::ffff:1'), '::ffff:1')
})

test('networks are cut at /24 and /48 and never show the rest', () => {
  const cases = [
    ['10.1.2.3', '10.1.2.0/24'],
    ['::ffff:192.0.2.77', '192.0.2.0/24'],
    ['2001:db8:a:b:c:d:e:f', '2001:db8:a::/48'],
    ['2001:db8::f', '2001:db8::/48'],
    ['2001::5:6:7:8:9:a', '2001:0:5::/48'],
    ['fe80::1%eth0', 'fe80::/48'],
    ['::1', '::/48'],
  ] as const
  for (const [address, network] of cases) assert.equal(networkOf(address), network)
  assert.equal(networkOf(undefined), undefined)
  assert.equal(networkOf(''), undefined)
})
