/** An authority as it lies in its folder, with OpenSSL as a second judge of what it signs. */
import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { appendFileSync, chmodSync, copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { holdfast, must, run, temporary } from '../../../test/cli.ts'
import { inDays, makeRevocationList } from '../pki.ts'
import { openCa } from './folder.ts'

test('init: a wrapped key for its owner, a certificate and a list that OpenSSL takes, a passphrase outside', async (t) => {
  const folder = temporary(t)
  const { stdout, stderr } = await must(holdfast(folder, 'ca', 'init', 'ca', '--name', 'Own CA', '--days', '3650'))
  const mode = (name: string) => statSync(join(folder, name)).mode & 0o777
  assert.deepEqual(['ca', 'ca/ca-key.pem', 'ca.passphrase', 'ca/ca.pem'].map(mode), [0o700, 0o600, 0o600, 0o644])
  assert.match(readFileSync(join(folder, 'ca/ca-key.pem'), 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
  const [wrapped, passphrase] = ['ca/ca-key.pem', 'ca.passphrase'].map((name) =>
    readFileSync(join(folder, name), 'utf8').trim(),
  )
  // What a wrong key makes of it has, once in some hundred times, an end that looks right.
  const wrong = /bad decrypt|DECODER routines::unsupported/
  assert.throws(() => createPrivateKey({ key: wrapped!, passphrase: passphrase! }), wrong, 'scrypt is before it')
  assert.ok(!(stdout + stderr).includes(readFileSync(join(folder, 'ca.passphrase'), 'utf8').trim()))
  assert.match(stderr, /Next:\n {2}holdfast ca issue --ca /)
  await must(run(folder, 'openssl', 'verify', '-x509_strict', '-CAfile', 'ca/ca.pem', 'ca/ca.pem'))
  const list = await must(run(folder, 'openssl', 'crl', '-in', 'ca/ca.crl', '-CAfile', 'ca/ca.pem', '-noout', '-text'))
  assert.match(list.stderr, /verify OK/)
  assert.match(list.stdout, /No Revoked Certificates/)
  const text = await must(run(folder, 'openssl', 'x509', '-in', 'ca/ca.pem', '-noout', '-text'))
  assert.match(text.stdout, /CA:TRUE, pathlen:0/)
  assert.match(text.stdout, /Certificate Sign, CRL Sign/)
  assert.match(text.stdout, /NIST CURVE: P-256/)

  const again = await holdfast(folder, 'ca', 'init', 'ca')
  assert.equal(again.code, 3)
  assert.match(again.stderr, /ca\.pem.*already there, and this command overwrites nothing/)
})

test('what it issues verifies strictly, for its purpose and for no other', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  await must(
    holdfast(folder, 'ca', 'issue', '--server', 'dns:holdfast.example.org', 'dns:localhost', 'ip:127.0.0.1', 'ip:::1'),
  )
  await must(holdfast(folder, 'ca', 'issue', 'spiffe://example.org/team/wiki'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:cache.example.org', '--days', '397', '--out', 'cache'))
  const verify = (purpose: string, file: string) =>
    run(
      folder,
      'openssl',
      'verify',
      '-x509_strict',
      '-crl_check',
      '-CAfile',
      'ca/ca.pem',
      '-CRLfile',
      'ca/ca.crl',
      '-purpose',
      purpose,
      file,
    )
  for (const [purpose, file, good] of [
    ['sslserver', 'server.pem', true],
    ['sslclient', 'server.pem', false],
    ['sslclient', 'wiki.pem', true],
    ['sslserver', 'wiki.pem', false],
    ['sslclient', 'cache.pem', true],
  ] as const) {
    assert.equal((await verify(purpose, file)).code === 0, good, `${file} as ${purpose}`)
  }
  const names = (file: string) => new X509Certificate(readFileSync(join(folder, file))).subjectAltName
  assert.equal(
    names('server.pem'),
    'DNS:holdfast.example.org, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  )
  assert.equal(names('wiki.pem'), 'URI:spiffe://example.org/team/wiki')
  assert.equal(statSync(join(folder, 'wiki-key.pem')).mode & 0o777, 0o600)
  const days = (file: string) => {
    const { validFromDate, validToDate } = new X509Certificate(readFileSync(join(folder, file)))
    return Math.round((validToDate.getTime() - validFromDate.getTime()) / 86_400_000)
  }
  assert.deepEqual([days('wiki.pem'), days('cache.pem')], [90, 397])
})

test('lives are bounded: by 397 days, and by the life of the authority', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init', '--days', '30'))
  const over = await holdfast(folder, 'ca', 'issue', 'dns:a', '--days', '398')
  assert.equal(over.code, 2)
  assert.match(over.stderr, /from 1 to 397/)
  const beyond = await holdfast(folder, 'ca', 'issue', 'dns:a', '--days', '31')
  assert.equal(beyond.code, 3)
  assert.match(beyond.stderr, /the authority ends on .* before the certificate would/)
  assert.ok(!existsSync(join(folder, 'a.pem')) && !existsSync(join(folder, 'a-key.pem')))
  await must(holdfast(folder, 'ca', 'issue', 'dns:a', '--days', '29'))
})

test('a key that is not safe, or does not open, signs nothing', async (t) => {
  const folder = temporary(t)
  const at = (name: string) => join(folder, name)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'init', 'other'))
  const refused = async (says: RegExp, ...args: string[]) => {
    const { code, stderr } = await holdfast(folder, 'ca', 'issue', 'dns:a', ...args)
    assert.equal(code, 3)
    assert.match(stderr, says)
    assert.equal(readFileSync(at('ca/issued.jsonl'), 'utf8'), '')
    assert.ok(!existsSync(at('a.pem')) && !existsSync(at('a-key.pem')))
  }
  await refused(/ca-key\.pem: does not open with .*other\.passphrase/, '--passphrase-file', 'other.passphrase')
  chmodSync(at('ca.passphrase'), 0o640)
  await refused(/ca\.passphrase: others than its owner may use it/)
  chmodSync(at('ca.passphrase'), 0o600)
  chmodSync(at('ca/ca-key.pem'), 0o604)
  await refused(/ca-key\.pem: others than its owner may use it/)
  chmodSync(at('ca/ca-key.pem'), 0o600)
  copyFileSync(at('ca.passphrase'), at('ca/passphrase'))
  await refused(/beside the key that it wraps/, '--passphrase-file', 'ca/passphrase')
  copyFileSync(at('other/ca.pem'), at('ca/ca.pem'))
  await refused(/ca-key\.pem: does not open with .* and .*ca\.pem\n/)
  await refused(/nowhere\/ca\.pem: cannot be read/, '--ca', 'nowhere')
})

test('a damaged record stops everything: the line may have been a revocation', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:a'))
  appendFileSync(join(folder, 'ca/issued.jsonl'), '{"event":"revo\n')
  for (const args of [['list'], ['revoke', 'dns:a', '--yes'], ['renew', 'a.pem'], ['renew']]) {
    const { code, stderr } = await holdfast(folder, 'ca', ...args)
    assert.equal(code, 3, args.join(' '))
    assert.match(stderr, /issued\.jsonl:2: damaged/)
  }
})

test('list: a table for people, JSON for programs, and a warning of what ends soon', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:short', '--days', '29'))
  await must(holdfast(folder, 'ca', 'issue', 'dns:long'))
  const { stdout, stderr } = await must(holdfast(folder, 'ca', 'list'))
  assert.match(stdout, /^SERIAL +USAGE +UNTIL +STATE +NAMES\n[0-9a-f]{32} +client +\d{4}-\d\d-\d\d +valid +dns:short\n/)
  assert.match(stderr, /^warning: dns:short: the certificate ends on .*\n$/)
  const told = JSON.parse((await must(holdfast(folder, 'ca', 'list', '--json'))).stdout)
  assert.deepEqual(Object.keys(told), ['authority', 'revocationList', 'certificates'])
  const pem = new X509Certificate(readFileSync(join(folder, 'long.pem')))
  const { issuedAt, ...long } = told.certificates[1]
  assert.ok(Math.abs(Date.parse(issuedAt) - Date.now()) < 60_000)
  assert.deepEqual(long, {
    serial: pem.serialNumber.toLowerCase(),
    usage: 'client',
    names: ['dns:long'],
    notBefore: pem.validFromDate.toISOString(),
    notAfter: pem.validToDate.toISOString(),
    fingerprint: pem.fingerprint256,
    request: false,
    state: 'valid',
  })

  const { authority } = await openCa({ ca: join(folder, 'ca') })
  writeFileSync(join(folder, 'ca/ca.crl'), await makeRevocationList(authority, [], { notAfter: inDays(6) }))
  assert.match(
    (await must(holdfast(folder, 'ca', 'list'))).stderr,
    /warning: the revocation list ends on .*\n {2}holdfast ca renew/,
  )
  for (const damaged of ['', readFileSync(join(folder, 'ca/ca.crl'), 'utf8').replace('A', 'B')]) {
    writeFileSync(join(folder, 'ca/ca.crl'), damaged)
    assert.match((await must(holdfast(folder, 'ca', 'list'))).stderr, /warning: .*ca\.crl: not a revocation list of/)
  }
  await must(holdfast(folder, 'ca', 'renew'))
  assert.doesNotMatch((await must(holdfast(folder, 'ca', 'list'))).stderr, /revocation list/)
})
