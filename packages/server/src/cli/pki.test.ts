import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { inDays, issue, lasting, makeAuthority } from './pki.ts'

test('what is issued verifies, says what was ordered, and belongs to its key', async () => {
  const notAfter = inDays(30)
  const root = await makeAuthority('root', { notAfter })
  const below = await makeAuthority('below', { notAfter, issuer: root })
  const { certificate, key, serial } = await issue({
    authority: below,
    name: 'server',
    dns: ['localhost'],
    ips: ['127.0.0.1', '::1'],
    usages: ['server'],
    notAfter,
  })
  const [top, middle, leaf] = [root.certificate, below.certificate, certificate].map((pem) => new X509Certificate(pem))
  assert.ok(top!.checkIssued(top!) && top!.verify(top!.publicKey) && top!.ca)
  assert.ok(middle!.checkIssued(top!) && middle!.verify(top!.publicKey) && middle!.ca)
  assert.ok(leaf!.checkIssued(middle!) && leaf!.verify(middle!.publicKey) && !leaf!.ca)
  assert.ok(leaf!.checkPrivateKey(createPrivateKey(key)))
  assert.equal(leaf!.checkHost('localhost'), 'localhost')
  assert.equal(leaf!.checkIP('::1'), '::1')
  assert.equal(leaf!.serialNumber.toLowerCase(), serial.toLowerCase())
  assert.equal(leaf!.validToDate.getTime(), Math.floor(notAfter.getTime() / 1000) * 1000)
  assert.ok(leaf!.validFromDate.getTime() < Date.now(), 'a clock a little behind accepts it')
})

test('serial numbers are positive and of one length, whoever writes them', async () => {
  const authority = await makeAuthority('own', { notAfter: inDays(1) })
  for (let n = 0; n < 12; n++) {
    const { certificate, serial } = await issue({
      authority,
      name: 'a',
      dns: ['a'],
      usages: ['client'],
      notAfter: inDays(1),
    })
    assert.match(serial, /^[4-7][0-9a-f]{31}$/i)
    assert.equal(new X509Certificate(certificate).serialNumber.toLowerCase(), serial.toLowerCase())
  }
})

test('of equal days each lasts equally long, at whatever moment it is made', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000_000_999 })
  const lives = [0, 1, 500].map((ms) => {
    t.mock.timers.tick(ms)
    const { notBefore, notAfter } = lasting(40)
    return Math.floor(notAfter.getTime() / 1000) - Math.floor(notBefore.getTime() / 1000)
  })
  assert.deepEqual(new Set(lives), new Set([40 * 86_400 + 60]))
})
