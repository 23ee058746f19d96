import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { holdfast, must, run, temporary } from '../../../test/cli.ts'

const NOT_DUE = 4

test('a certificate is renewed in place: same names, usage and life, a new key; owner and mode stay', async (t) => {
  const folder = temporary(t)
  const at = (name: string) => join(folder, name)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'issue', '--server', 'dns:localhost', 'ip:127.0.0.1', '--days', '40'))
  const root = process.geteuid!() === 0
  if (root) await must(run(folder, 'chown', '12345:23456', 'server-key.pem'))
  chmodSync(at('server-key.pem'), 0o640)
  const old = new X509Certificate(readFileSync(at('server.pem')))
  await must(holdfast(folder, 'ca', 'renew', 'server.pem'))
  const fresh = new X509Certificate(readFileSync(at('server.pem')))
  const key = createPrivateKey(readFileSync(at('server-key.pem')))
  assert.ok(fresh.checkPrivateKey(key) && !old.checkPrivateKey(key))
  assert.notEqual(fresh.serialNumber, old.serialNumber)
  for (const same of ['subjectAltName', 'subject', 'issuer'] as const) assert.equal(fresh[same], old[same])
  assert.deepEqual(fresh.keyUsage, old.keyUsage)
  const life = ({ validFromDate, validToDate }: X509Certificate) => validToDate.getTime() - validFromDate.getTime()
  assert.equal(life(fresh), life(old))
  const { mode, uid, gid } = statSync(at('server-key.pem'))
  assert.equal(mode & 0o777, 0o640)
  if (root) assert.deepEqual([uid, gid], [12345, 23456])
  assert.equal(statSync(at('server.pem')).mode & 0o777, 0o644)
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.new')),
    [],
  )
})

test('--due: in its last days and not before; the code tells, and the list is made anew either way', async (t) => {
  const folder = temporary(t)
  const at = (name: string) => join(folder, name)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:a', '--days', '31'))
  const before = readFileSync(at('a.pem'), 'utf8')
  rmSync(at('ca/ca.crl'))
  const early = await holdfast(folder, 'ca', 'renew', '--due', '30d', 'a.pem')
  assert.equal(early.code, NOT_DUE)
  assert.equal(early.stdout, '')
  assert.match(early.stderr, /a\.pem: until .*; due on /)
  assert.equal(readFileSync(at('a.pem'), 'utf8'), before)
  assert.match(readFileSync(at('ca/ca.crl'), 'utf8'), /BEGIN X509 CRL/)
  await must(holdfast(folder, 'ca', 'renew', '--due', '31d', 'a.pem'))
  assert.notEqual(readFileSync(at('a.pem'), 'utf8'), before)
  const odd = await holdfast(folder, 'ca', 'renew', '--due', 'soon', 'a.pem')
  assert.equal(odd.code, 2)
  assert.match(odd.stderr, /Expected a duration such as/)
})

test('a key that is elsewhere: a request renews for it, or for another', async (t) => {
  const folder = temporary(t)
  const at = (name: string) => join(folder, name)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'caller', 'add', 'dns:a'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:a', '--csr', 'a.csr'))
  renameSync(at('a-key.pem'), at('elsewhere.pem'))
  const without = await holdfast(folder, 'ca', 'renew', 'a.pem')
  assert.equal(without.code, 3)
  assert.match(without.stderr, /its key is not beside it.*\n {2}Give a request of its holder, by --csr/)
  await must(holdfast(folder, 'ca', 'renew', 'a.pem', '--csr', 'a.csr'))
  const certificate = new X509Certificate(readFileSync(at('a.pem')))
  assert.ok(certificate.checkPrivateKey(createPrivateKey(readFileSync(at('elsewhere.pem')))))
  assert.ok(!readdirSync(folder).includes('a-key.pem'))
})

test('what was revoked, or is of another authority, is not renewed', async (t) => {
  const folder = temporary(t)
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'init', 'other'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:a'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:b', '--ca', 'other'))
  await must(holdfast(folder, 'ca', 'revoke', 'dns:a', '--yes'))
  const files = ['a.pem', 'a-key.pem', 'b.pem', 'b-key.pem']
  const before = files.map(read)
  for (const [file, says] of [
    ['a.pem', /a\.pem: revoked on /],
    ['b.pem', /not issued by the authority in /],
    ['a-key.pem', /not a certificate/],
    ['nowhere.pem', /ENOENT/],
  ] as const) {
    const { code, stderr } = await holdfast(folder, 'ca', 'renew', file)
    assert.equal(code, 3, file)
    assert.match(stderr, says)
  }
  assert.deepEqual(files.map(read), before)
})

test('an issue over a certificate that is there names the renewal, which works as it stands', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:a'))
  const { code, stderr } = await holdfast(folder, 'ca', 'issue', 'dns:a')
  assert.equal(code, 3)
  const line = /or renew what is there: holdfast (.*)\n/.exec(stderr)![1]!
  await must(holdfast(folder, ...line.split(' ')))
})
