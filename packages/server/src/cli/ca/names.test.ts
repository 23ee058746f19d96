import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ConfigError } from '../../config/problems.ts'
import { namesOf, shortName, type Usage } from './names.ts'

const REFUSED: [usage: Usage, words: string[], says: RegExp][] = [
  ['client', ['dns:a', 'dns:b'], /2 names: a client has exactly one/],
  ['client', ['ip:127.0.0.1'], /an address identifies no client/],
  ['client', ['basic:wiki'], /a caller with a secret has no certificate: holdfast caller add basic:wiki/],
  ['client', ['wiki'], /"wiki": write dns:wiki/],
  ['client', ['Wiki Farm'], /not a name: spiffe:\/\/domain\/path or dns:host/],
  ['client', ['dns:*.example.org'], /not a host name/],
  ['client', ['dns:wiki\n'], /"dns:wiki\\n": not a host name/],
  ['client', ['dns:wiki\u0000.example.org'], /not a host name/],
  ['client', ['spiffe://example.org/a\nb'], /"spiffe:\/\/example\.org\/a\\nb": a part of its path/],
  ['client', ['spiffe://example.org/\u001b[31m'], /"spiffe:\/\/example\.org\/\\u001b\[31m": a part of its path/],
  ['client', ['spiffe://example.org/a,CN=admin'], /a part of its path/],
  ['client', ['spiffe://example.org'], /names a whole trust domain/],
  ['client', [`spiffe://example.org/${'a'.repeat(2028)}`], /longer than 2048 bytes/],
  ['server', ['spiffe://example.org/a'], /a server is known by dns: and ip: names/],
  ['server', ['10.0.0.1'], /write ip:10\.0\.0\.1/],
  ['server', ['ip:10.0.0.256'], /not an address/],
  ['server', ['ip:fe80::1%eth0'], /not an address/],
  ['server', Array.from({ length: 33 }, (_, i) => `dns:a${i}`), /33 names: a certificate has at most 32/],
]

for (const [usage, words, says] of REFUSED) {
  test(`refused for a ${usage}: ${JSON.stringify(words).slice(0, 60)}`, () => {
    assert.throws(
      () => namesOf(words, usage),
      (error) => error instanceof ConfigError && says.test(error.message),
    )
  })
}

test('names become those of a certificate', () => {
  assert.deepEqual(namesOf(['dns:a', 'ip:::1', 'dns:b'], 'server'), { uris: [], dns: ['a', 'b'], ips: ['::1'] })
  assert.deepEqual(namesOf(['spiffe://d/p'], 'client').uris, ['spiffe://d/p'])
  assert.equal(
    namesOf(
      Array.from({ length: 32 }, (_, i) => `dns:a${i}`),
      'server',
    ).dns!.length,
    32,
  )
})

test('a short name is a file name and a common name, whatever the name', () => {
  assert.equal(shortName('spiffe://example.org/team/wiki'), 'wiki')
  assert.equal(shortName('dns:cache.example.org'), 'cache.example.org')
  assert.equal(shortName('ip:::1'), '--1')
  fc.assert(fc.property(fc.string(), (name) => /^[A-Za-z0-9._-]{0,64}$/.test(shortName(name))))
})
