import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { inDays, issue, makeAuthority } from './pki.ts'

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
