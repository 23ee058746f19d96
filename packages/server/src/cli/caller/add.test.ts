/** What `caller add` makes is used: its lines are read as configuration, its secret and its certificate prove the name. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse, stringify } from 'yaml'
import { holdfast, must, run, temporary } from '../../../test/cli.ts'
import { parseConfig } from '../../config/load.ts'

/** A whole configuration around these lines. */
function configured(lines: string) {
  const tls = { certificate: 'a', key: 'b' }
  const around = {
    listen: tls,
    authorities: [{ name: 'own', certificate: 'ca.pem', vouchesFor: ['spiffe://example.org'] }],
    stores: [{ path: 'sessions' }, { path: 'echoseen' }],
    keys: { stores: { file: 'k', passphraseFile: 'p' } },
    engine: { embedded: { file: 'd' } },
    ...('basic' in parse(lines) && { basicListen: { ...tls, port: 8445 } }),
  }
  return parseConfig(`${lines}${stringify(around)}`, { name: 'holdfast.yaml', folder: '/', development: false })
}

test('a caller with a secret: the lines have its hash, and the secret is in its file alone', async (t) => {
  const folder = temporary(t)
  const { stdout, stderr } = await must(
    holdfast(folder, 'caller', 'add', 'basic:old-wiki', '--networks', '10.0.0.0/8', '2001:db8::', '::1'),
  )
  const secret = readFileSync(join(folder, 'old-wiki.secret'), 'utf8').trimEnd()
  assert.equal(Buffer.from(secret, 'base64url').length, 32)
  assert.equal(statSync(join(folder, 'old-wiki.secret')).mode & 0o777, 0o600)
  assert.ok(!(stdout + stderr).includes(secret))
  const { basic, grants } = configured(stdout)
  assert.deepEqual(basic, [{ name: 'old-wiki', secretSha256: createHash('sha256').update(secret).digest('hex') }])
  assert.deepEqual(grants, [
    {
      callers: ['basic:old-wiki'],
      stores: ['sessions'],
      operations: ['read', 'write', 'end'],
      networks: ['10.0.0.0/8', '2001:db8::', '::1'],
    },
  ])
})

test('a caller with a certificate: a key and a request, which the authority signs', async (t) => {
  const folder = temporary(t)
  const name = 'spiffe://example.org/wiki'
  const { stdout, stderr } = await must(
    holdfast(folder, 'caller', 'add', name, '--stores', 'echoseen', 'sessions', '--operations', 'read'),
  )
  assert.deepEqual(configured(stdout).grants, [
    { callers: [name], stores: ['echoseen', 'sessions'], operations: ['read'] },
  ])
  assert.equal(statSync(join(folder, 'wiki-key.pem')).mode & 0o777, 0o600)
  await must(run(folder, 'openssl', 'req', '-in', 'wiki.csr', '-verify', '-noout'))
  await must(holdfast(folder, 'ca', 'init'))
  const next = /holdfast (ca issue .*)\n/.exec(stderr)![1]!.split(' ')
  await must(holdfast(folder, ...next))
  await must(run(folder, 'openssl', 'verify', '-CAfile', 'ca/ca.pem', '-purpose', 'sslclient', 'wiki.pem'))
})

test('with an authority at hand the certificate is there at once', async (t) => {
  const folder = temporary(t)
  await must(holdfast(folder, 'ca', 'init'))
  const { stdout } = await must(
    holdfast(folder, 'caller', 'add', 'spiffe://example.org/wiki', '--ca', 'ca', '--out', 'w', '--days', '7'),
  )
  assert.equal(configured(stdout).grants.length, 1)
  assert.ok(existsSync(join(folder, 'w.pem')) && existsSync(join(folder, 'w-key.pem')))
  assert.ok(!existsSync(join(folder, 'w.csr')))
})

test('it says where the lines go: a file that has grants already gets all but the first', async (t) => {
  const folder = temporary(t)
  const first = await must(holdfast(folder, 'caller', 'add', 'spiffe://example.org/wiki'))
  const second = await must(holdfast(folder, 'caller', 'add', 'spiffe://example.org/shop', '--out', 'shop'))
  const says =
    /paste the lines from `grants:` on .* If a line `grants:` is there already,\nleave that one out, and paste what follows/
  assert.match(first.stderr, says)
  assert.doesNotMatch(first.stderr, /basic/)
  const { grants } = configured(first.stdout.replace('grants:\n', second.stdout))
  assert.deepEqual(
    grants.map(({ callers }) => callers[0]),
    ['spiffe://example.org/shop', 'spiffe://example.org/wiki'],
  )
  const basic = await must(holdfast(folder, 'caller', 'add', 'basic:a'))
  assert.match(basic.stderr, /lines from `basic:` on .* If a line `basic:` or `grants:` is there already,/)
})

const MISTAKES: [args: string[], says: RegExp][] = [
  [['basic:Old Wiki'], /"basic:Old Wiki": not 1-64 characters/],
  [['basic:a\n'], /"basic:a\\n": not 1-64 characters/],
  [['wiki'], /"wiki": write dns:wiki/],
  [['spiffe://example.org/a\u0007'], /"spiffe:\/\/example\.org\/a\\u0007": a part of its path/],
  [['basic:a', '--ca', 'ca'], /--ca: a caller with a secret has no certificate/],
  [['basic:a', '--operations', 'raed'], /--operations "raed": not one of read, write, end; did you mean read\?/],
  [['basic:a', '--networks', '10.0.0.0/33'], /--networks "10\.0\.0\.0\/33": the prefix length/],
  [['basic:a', '--stores', 'a b'], /--stores "a b": cannot be the path of a store/],
  [['basic:a', '--secret', 'x'], /unknown option '--secret'/],
]

test('a mistake makes nothing', async (t) => {
  const folder = temporary(t)
  for (const [args, says] of MISTAKES) {
    const { code, stdout, stderr } = await holdfast(folder, 'caller', 'add', ...args)
    assert.equal(code, 2, args.join(' '))
    assert.match(stderr, says)
    assert.equal(stdout, '')
  }
  assert.deepEqual(readdirSync(folder), [])
})

test('nothing is written over', async (t) => {
  const folder = temporary(t)
  writeFileSync(join(folder, 'wiki.csr'), 'mine')
  writeFileSync(join(folder, 'a.secret'), 'mine')
  for (const name of ['dns:wiki', 'basic:a']) {
    const { code, stdout, stderr } = await holdfast(folder, 'caller', 'add', name)
    assert.equal(code, 3)
    assert.match(stderr, /already there, and this command overwrites nothing/)
    assert.equal(stdout, '')
  }
  assert.deepEqual(readdirSync(folder).sort(), ['a.secret', 'wiki.csr'])
})
