import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Networks, problemWithNetwork } from './networks.ts'

test('networks hold what is in them, whichever socket it came over', () => {
  const networks = new Networks(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', 'fe80::1'])
  const held = ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8:ffff::1', 'fe80::1%eth0']
  for (const peer of held) assert.ok(networks.hold(peer), peer)
  const not = ['9.255.255.255', '11.0.0.0', '::ffff:11.0.0.1', '192.0.2.8', '2001:db9::1', 'fe80::2', '::1', '', 'x']
  for (const peer of not) assert.ok(!networks.hold(peer), peer)
  assert.ok(!networks.hold(undefined))
})

test('everything is held by the empty prefix of its own family only', () => {
  assert.ok(new Networks(['0.0.0.0/0']).hold('203.0.113.9'))
  assert.ok(!new Networks(['0.0.0.0/0']).hold('2001:db8::1'))
  assert.ok(!new Networks(['::/0']).hold('203.0.113.9'))
})

test('what is no network is told so', () => {
  for (const text of ['10.0.0.0/0', '10.0.0.0/32', '10.1.2.3', '2001:db8::/128', '::/0', '::1']) {
    assert.equal(problemWithNetwork(text), undefined, text)
  }
  const bad = ['', 'a', '10.0.0/8', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8/8', '::/129']
  for (const text of [...bad, 'fe80::1%eth0', '0x0a.0.0.1', '010.0.0.1']) {
    assert.notEqual(problemWithNetwork(text), undefined, text)
  }
  assert.equal(problemWithNetwork('::ffff:10.0.0.0/104'), 'write it as IPv4: 10.0.0.0')
})
