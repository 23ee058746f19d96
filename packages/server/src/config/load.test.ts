import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RISKS } from '@holdfast/engine-cassandra'
import { CASSANDRA_RISKS } from './engine-schema.ts'
import { parseConfig } from './load.ts'
import { ConfigError } from './problems.ts'

const SMALL = `
listen: { certificate: tls/server.pem, key: /etc/tls/key.pem }
authorities:
  - { name: internal, certificate: tls/ca.pem, vouchesFor: [spiffe://example.org] }
grants:
  - callers: [spiffe://example.org/wiki]
    stores: [sessions]
    operations: [read]
stores:
  - path: sessions
    ttl: 1h
keys: { stores: { file: keys/stores.json, passphraseFile: passphrase } }
engine:
  embedded: { file: db/holdfast.sqlite }
`
const FROM = { name: 'holdfast.yaml', folder: '/srv/holdfast', development: false }
const parse = (text: string, development = false) => parseConfig(text, { ...FROM, development })

function problems(text: string, development = false): readonly string[] {
  try {
    parse(text, development)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.problems
  }
  return []
}
/** SMALL with `from` replaced; the replacement must have happened. */
function changed(from: string, to: string): string {
  assert.ok(SMALL.includes(from), from)
  return SMALL.replace(from, to)
}

test('a small file is complete: defaults, units and paths are filled in', () => {
  const config = parse(SMALL)
  assert.equal(config.listen.port, 8443)
  assert.equal(config.listen.minVersion, 'TLSv1.3')
  assert.equal(config.listen.certificate, '/srv/holdfast/tls/server.pem')
  assert.equal(config.listen.key, '/etc/tls/key.pem')
  assert.equal(config.basicListen, undefined)
  assert.deepEqual(config.admin, { host: '127.0.0.1', port: 8444, hosts: ['localhost', '127.0.0.1', '[::1]'] })
  assert.deepEqual(config.stores, [
    {
      path: 'sessions',
      final: true,
      atomic: 'datacenter',
      ttl: 3600,
      maxTtl: 86_400,
      maxValue: 4 * 2 ** 20,
      logout: 'everywhere',
      skipUnchanged: 0.9,
    },
  ])
  assert.equal(config.timeouts.handshake, 5000)
  assert.equal(config.limits.keyBytes, 4096)
  assert.equal(config.engine.embedded?.minFree, undefined)
})

test('one port may be used on two addresses', () => {
  const other = changed('{ certificate: tls/server.pem', '{ host: 192.0.2.1, certificate: tls/server.pem')
  assert.equal(parse(`${other}admin: { port: 8443 }\n`).admin.port, 8443)
})

const MISTAKES: [what: string, text: string, expected: RegExp][] = [
  [
    'an unknown key',
    changed('    ttl: 1h', '    ttll: 1h'),
    /^holdfast\.yaml:11: stores\[0\]\.ttll: unknown key; did you mean ttl\?$/,
  ],
  [
    'an unknown key at the top',
    `${SMALL}store: []\n`,
    /^holdfast\.yaml:15: store: unknown key; did you mean stores\?$/,
  ],
  ['a key like nothing', `${SMALL}zebra: 1\n`, /^holdfast\.yaml:15: zebra: unknown key; known: listen, basicListen,/],
  [
    'a wrong unit',
    changed('1h', '1h30m'),
    /^holdfast\.yaml:11: stores\[0\]\.ttl: expected a duration .* found "1h30m"$/,
  ],
  ['a TTL of 0', changed('1h', '0'), /^holdfast\.yaml:11: stores\[0\]\.ttl: expected .* from 1s to 10y, found 0$/],
  ['a TTL over its maximum', changed('1h', '2d'), /^holdfast\.yaml:11: stores\[0\]\.ttl: 2d is longer than maxTtl, 1d/],
  ['a wrong type', changed('path: sessions', 'path: [a]'), /:10: stores\[0\]\.path: expected 1-64 .* found a list$/],
  [
    'an empty list',
    changed('operations: [read]', 'operations: []'),
    /:8: grants\[0\]\.operations: expected at least one/,
  ],
  [
    'a near miss',
    changed('[read]', '[raed]'),
    /:8: grants\[0\]\.operations\[0\]: expected read or write or end, found "raed"; did you mean read\?/,
  ],
  ['nothing after a key', changed('path: sessions', 'path:'), /:10: stores\[0\]\.path: expected .* found nothing$/],
  [
    'a missing section',
    changed('engine:\n  embedded: { file: db/holdfast.sqlite }\n', ''),
    /^holdfast\.yaml(:\d+)?: engine: missing/,
  ],
  ['a missing key', changed('name: internal, ', ''), /:4: authorities\[0\]\.name: missing/],
  ['not YAML', changed('stores:\n', 'stores\n'), /^holdfast\.yaml:\d+: not YAML: /],
  ['a key twice', `${SMALL}base: /\nbase: /\n`, /^holdfast\.yaml:16: base: stands twice, first on line 15: keep one$/],
  [
    'a list twice',
    `${SMALL}grants:\n  - { callers: [dns:a], stores: [sessions], operations: [read] }\n`,
    /^holdfast\.yaml:15: grants: stands twice, first on line 5: put the entries into one list$/,
  ],
  [
    'a passphrase in the file',
    changed('passphraseFile: passphrase', 'passphrase: hunter2hunter2'),
    /:12: keys\.stores\.passphrase: a secret does not stand in this file: .* name that in passphraseFile$/,
  ],
  [
    'a secret in the file',
    `${SMALL}basic: [{ name: a, secret: hunter2 }]\n`,
    /:15: basic\[0\]\.secret: a secret does not stand in this file: .*holdfast caller add basic:NAME/,
  ],
  ['a port twice', `${SMALL}admin: { port: 8443 }\n`, /:15: admin\.port: 8443 is already the port of listen$/],
  [
    'a port twice, on every address',
    `${SMALL}admin: { port: 9000 }\nbasicListen: { host: '::', port: 9000, certificate: a, key: b }\nbasic: [{ name: a, secretSha256: '${'0'.repeat(64)}' }]\n`,
    /:15: admin\.port: 9000 is already the port of basicListen$/,
  ],
  [
    'a fraction of a port',
    `${SMALL}admin: { port: 1.5 }\n`,
    /admin\.port: expected a whole number from 0 to 65535, found 1\.5/,
  ],
  ['a port out of range', `${SMALL}admin: { port: 65536 }\n`, /admin\.port: expected a whole number from 0 to 65535/],
  [
    'a grant for no store',
    changed('stores: [sessions]', 'stores: [session]'),
    /:7: grants\[0\]\.stores\[0\]: no store has the path "session"/,
  ],
  [
    'a grant for no basic caller',
    changed('spiffe://example.org/wiki', 'basic:wiki'),
    /:6: grants\[0\]\.callers\[0\]: .basic:wiki.: nobody can be this caller/,
  ],
  [
    'no kind of caller',
    changed('spiffe://example.org/wiki', 'wiki'),
    /:6: grants\[0\]\.callers\[0\]: .wiki.: not a name that begins with/,
  ],
  [
    'a bad network',
    changed('[read]', '[read]\n    networks: [10.0.0.0/33]'),
    /:9: grants\[0\]\.networks\[0\]: "10\.0\.0\.0\/33": the prefix/,
  ],
  [
    'a store twice',
    changed('keys:', '  - path: sessions\nkeys:'),
    /:12: stores\[1\]\.path: "sessions" is already the path of stores\[0\]/,
  ],
  ['a reserved path', changed('path: sessions', 'path: docs'), /stores\[0\]\.path: "docs" is a path of the server/],
  [
    'a basic listener without callers',
    `${SMALL}basicListen: { certificate: a, key: b }\n`,
    /:15: basicListen: has no callers/,
  ],
  [
    'basic callers without a listener',
    `${SMALL}basic: [{ name: a, secretSha256: ${'0'.repeat(64)} }]\n`,
    /:15: basic: these callers have no listener/,
  ],
  ['admin in the open', `${SMALL}admin: { host: 0.0.0.0 }\n`, /:15: admin\.host: 0\.0\.0\.0 is not loopback/],
  [
    'a limit that limits nothing',
    `${SMALL}limits: { requests: 10, requestsPerCaller: 11 }\n`,
    /limits\.requestsPerCaller: is more than limits\.requests/,
  ],
  [
    'a head that may take longer than its request',
    `${SMALL}timeouts: { head: 40s }\n`,
    /:15: timeouts\.head: is longer than timeouts\.request/,
  ],
  [
    'a value that fits no body limit',
    `${SMALL}limits: { bodyBytesPerCaller: 1MiB }\n`,
    /:10: stores\[0\]\.maxValue: is more than limits\.bodyBytesPerCaller/,
  ],
  [
    'memory in production',
    changed('embedded: { file: db/holdfast.sqlite }', 'memory: {}'),
    /:14: engine\.memory: forgets every session/,
  ],
  [
    'no engine',
    changed('  embedded: { file: db/holdfast.sqlite }', ''),
    /:13: engine: name exactly one engine, found none/,
  ],
  ['two engines', `${SMALL}  memory: {}\n`, /engine: name exactly one engine, found embedded and memory/],
  ['no passphrase', changed(', passphraseFile: passphrase', ''), /:12: keys\.stores: no passphrase.* one of/],
  [
    'a passphrase from two places',
    changed('passphraseFile: passphrase', 'passphraseFile: a, passphraseCredential: b'),
    /:12: keys\.stores: .* one place, found passphraseFile and passphraseCredential/,
  ],
  [
    'a credential that is a path',
    changed('passphraseFile: passphrase', 'passphraseCredential: ../passphrase'),
    /:12: keys\.stores\.passphraseCredential: expected a file name/,
  ],
  [
    'a command that a shell would have to find',
    changed('passphraseFile: passphrase', 'passphraseCommand: [cat, passphrase]'),
    /:12: keys\.stores\.passphraseCommand\[0\]: .* absolute path/,
  ],
  [
    'a command without words',
    changed('passphraseFile: passphrase', 'passphraseCommand: []'),
    /:12: keys\.stores\.passphraseCommand: expected at least one/,
  ],
  [
    'floors upside down',
    changed('db/holdfast.sqlite', 'db, minFree: { writes: 1MiB, ends: 2MiB }'),
    /minFree\.ends: is above/,
  ],
]

for (const [what, text, expected] of MISTAKES) {
  test(`refused, with its place: ${what}`, () => {
    const found = problems(text)
    assert.ok(
      found.some((line) => expected.test(line)),
      `${expected} is not among:\n${found.join('\n')}`,
    )
  })
}

/** SMALL on a cluster. */
const onCassandra = (lines: string) =>
  changed('embedded: { file: db/holdfast.sqlite }', `cassandra: { contactPoints: [a], datacenter: dc1, ${lines} }`)
const LOGIN = 'username: app, passwordFile: pw'
const TLS = 'tls: { ca: ca.pem }'

test('a cluster needs little to be named', () => {
  const { cassandra } = parse(onCassandra(`${LOGIN}, ${TLS}`)).engine
  assert.deepEqual(cassandra, {
    ...{ contactPoints: ['a'], datacenter: 'dc1', keyspace: 'holdfast', username: 'app', accept: [] },
    ...{ passwordFile: '/srv/holdfast/pw', tls: { ca: '/srv/holdfast/ca.pem' } },
  })
  parse(
    onCassandra('tls: { ca: ca.pem, certificate: c.pem, key: k.pem, names: [spiffe://a/cassandra, dns:b.example] }'),
  )
  parse(onCassandra('accept: [plaintext, no-authentication]'))
})

const CLUSTERS: [title: string, lines: string, problem: RegExp][] = [
  ['no TLS', LOGIN, /:14: engine\.cassandra: tls is missing.*give tls\.ca, or accept: \[plaintext\]$/],
  ['no proof', TLS, /engine\.cassandra: it proves to the nodes who it is by nothing/],
  ['a user without a password', `username: app, ${TLS}`, /username and passwordFile belong together/],
  [
    'the default user',
    `username: cassandra, passwordFile: pw, ${TLS}`,
    /engine\.cassandra\.username: is the default superuser/,
  ],
  ['half a pair', `${LOGIN}, tls: { ca: c, key: k }`, /engine\.cassandra\.tls: certificate and key belong together/],
  [
    'no kind of name',
    `${LOGIN}, tls: { ca: c, names: ['dns:A'] }`,
    /tls\.names\[0\]: "dns:A": not a host name in lower case/,
  ],
  [
    'a secret as a name',
    `${LOGIN}, tls: { ca: c, names: ['basic:a'] }`,
    /tls\.names\[0\]: "basic:a": a node has no secret/,
  ],
  ['a password in the file', `password: hunter2, ${TLS}`, /a secret does not stand in this file: .*passwordFile$/],
  [
    'a word that accepts nothing',
    `${LOGIN}, ${TLS}, accept: [everything]`,
    /accept\[0\]: expected plaintext or superuser or/,
  ],
  ['a keyspace that is no name', `${LOGIN}, ${TLS}, keyspace: Hold-Fast`, /keyspace: expected 1-48 characters of a-z/],
]
for (const [title, lines, problem] of CLUSTERS) {
  test(`a cluster is refused: ${title}`, () => {
    const found = problems(onCassandra(lines))
    assert.ok(
      found.some((one) => problem.test(one)),
      found.join('\n'),
    )
    assert.ok(!found.join().includes('hunter2'))
  })
}

test('the words that accept are those of the engine', () => assert.deepEqual(CASSANDRA_RISKS, RISKS))

test('of what is not YAML the first fault is told, and not what follows from it', () => {
  const tab = changed('  - path: sessions\n    ttl: 1h', '  - path: sessions\n\tttl: 1h\n    final: true')
  assert.deepEqual(problems(tab), ['holdfast.yaml:11: not YAML: Tabs are not allowed as indentation'])
})

test('two listeners on one address and port are refused', () => {
  const text = `${SMALL}admin: { host: 127.0.0.1, port: 9 }\n`.replace(
    'listen: {',
    'listen: { host: 127.0.0.1, port: 9,',
  )
  assert.match(problems(text).join('\n'), /admin\.port: 9 is already the port of listen/)
})

test('revocation lists: all or none', () => {
  const second = '  - { name: b, certificate: b.pem, crl: b.crl, vouchesFor: ["dns:*.b.org"] }\ngrants:'
  assert.match(problems(changed('grants:', second)).join('\n'), /:4: authorities\[0\]\.crl: missing/)
  assert.deepEqual(problems(changed('grants:', second).replace('tls/ca.pem,', 'tls/ca.pem, crl: a.crl,')), [])
})

test('all problems are told at once', () => {
  assert.equal(problems(changed('1h', 'soon').replace('[read]', '[reed]')).length, 2)
})

test('a hash of digits alone stays what was written', () => {
  for (const hash of ['1'.repeat(64), `${'0'.repeat(60)}12e4`, `0x${'0'.repeat(62)}`]) {
    const text = `${SMALL}basicListen: { certificate: a, key: b }\nbasic: [{ name: a, secretSha256: ${hash} }]\n`
    if (hash.startsWith('0x')) assert.equal(problems(text).length, 1)
    else assert.equal(parse(text).basic[0]?.secretSha256, hash)
  }
})

test('a secret in the place of its hash is not repeated', () => {
  const secret = 'pXk3vJ9bC0aQmE8sT5uW1yZ7dF2gH4jL6nR9oV0xB3c'
  const text = `${SMALL}basicListen: { certificate: a, key: b }\nbasic: [{ name: a, secretSha256: ${secret} }]\n`
  assert.match(problems(text).join('\n'), /basic\[0\]\.secretSha256: expected 64 hex digits/)
  assert.ok(!problems(text).join('\n').includes(secret))
})

test('what only development may have is accepted there', () => {
  const text = changed(', passphraseFile: passphrase', '').replace(
    'embedded: { file: db/holdfast.sqlite }',
    'memory: {}',
  )
  assert.deepEqual(problems(text, true), [])
})
