/** What is explained is what the server decides: both are asked, about any grants. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { holdfast, MAIN, must, noTerminal, run, temporary } from '../../../test/cli.ts'
import { Access, type GrantRule } from '../../access/access.ts'
import { Caller, OPERATIONS, storeScope } from '../../access/caller.ts'
import { decide } from './explain.ts'

const NAMES = ['a', 'b']
const STORES = ['sessions', 'echoseen']
const ADDRESSES = ['10.1.2.3', '192.0.2.7', '2001:db8::1']
const secretOf = (name: string) => `secret of ${name}`

const some = (values: readonly string[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1 })
const grants = fc.array(
  fc.record({
    callers: some(NAMES.map((name) => `basic:${name}`)),
    stores: some(STORES),
    operations: fc.uniqueArray(fc.constantFrom(...OPERATIONS), { minLength: 1 }),
    networks: fc.option(some(['10.0.0.0/8', '10.1.2.3', '192.0.2.0/24', '2001:db8::/32']), { nil: undefined }),
  }),
)

test('any grants: the same decision as the server takes, and grants that bear it', () => {
  const basic = NAMES.map((name) => ({
    name,
    secretSha256: createHash('sha256').update(secretOf(name)).digest('hex'),
  }))
  fc.assert(
    fc.property(grants, fc.constantFrom(...NAMES), fc.constantFrom(...ADDRESSES), (rules: GrantRule[], name, from) => {
      const access = new Access({ grants: rules, authorities: [], basic })
      const header = `Basic ${Buffer.from(`${name}:${secretOf(name)}`).toString('base64')}`
      const caller = access.identifyBasic(header, from)
      assert.ok(caller instanceof Caller)
      for (const store of STORES) {
        for (const operation of OPERATIONS) {
          const asked = { caller: `basic:${name}`, store, operation }
          const answer = decide(rules, { ...asked, from })
          assert.equal(answer.decision, caller.decide(storeScope(store), operation))
          const anywhere = decide(rules, asked)
          assert.equal(anywhere.decision === 'no-grant', answer.decision === 'no-grant')
          const without = rules.filter((_, index) => !answer.grants.includes(index))
          const left = decide(without, { ...asked, from }).decision
          assert.ok(answer.decision === 'no-grant' ? answer.grants.length === 0 : left !== answer.decision)
        }
      }
    }),
  )
})

const CONFIG = `
listen: { certificate: tls/server.pem, key: tls/server-key.pem }
authorities:
  - { name: own, certificate: tls/ca.pem, vouchesFor: [spiffe://example.org] }
grants:
  - callers: [spiffe://example.org/wiki]
    stores: [sessions]
    operations: [read, write]
  - callers: [spiffe://example.org/wiki, spiffe://example.org/jobs]
    stores: [sessions]
    operations: [end]
    networks: [10.0.0.0/8]
stores: [{ path: sessions }, { path: echoseen }]
keys: { stores: { file: keys/stores.json, passphraseFile: passphrase } }
engine: { embedded: { file: db/holdfast.sqlite } }
`

test('a table with the lines of the grants; JSON with the same', async (t) => {
  const folder = temporary(t)
  writeFileSync(join(folder, 'holdfast.yaml'), CONFIG)
  const explain = (...args: string[]) => holdfast(folder, 'config', 'explain', '--config', 'holdfast.yaml', ...args)
  const wiki = 'spiffe://example.org/wiki'
  const rows = async (...args: string[]) => (await must(explain(...args))).stdout.split('\n').slice(1, 3)
  const [read, write] = ['allowed (holdfast.yaml:6)', 'allowed (holdfast.yaml:6)']
  assert.deepEqual(await rows(wiki), [
    `sessions  ${read}  ${write}  allowed from 10.0.0.0/8 (holdfast.yaml:9)`,
    'echoseen  no-grant                   no-grant                   no-grant',
  ])
  assert.match((await rows(wiki, '--from', '10.9.9.9'))[0]!, /allowed \(holdfast\.yaml:9\)$/)
  assert.match((await rows(wiki, '--from', '::ffff:10.9.9.9').catch(() => ['refused']))[0]!, /refused/)
  assert.match((await rows(wiki, '--from', '192.0.2.7'))[0]!, /wrong-network \(holdfast\.yaml:9\)$/)
  const told = JSON.parse((await must(explain(wiki, '--from', '192.0.2.7', '--json'))).stdout)
  assert.deepEqual(told, {
    caller: wiki,
    from: '192.0.2.7',
    stores: [
      {
        store: 'sessions',
        operations: {
          read: { decision: 'allowed', places: ['holdfast.yaml:6'] },
          write: { decision: 'allowed', places: ['holdfast.yaml:6'] },
          end: { decision: 'wrong-network', places: ['holdfast.yaml:9'] },
        },
      },
      {
        store: 'echoseen',
        operations: {
          read: { decision: 'no-grant', places: [] },
          write: { decision: 'no-grant', places: [] },
          end: { decision: 'no-grant', places: [] },
        },
      },
    ],
  })
})

test('an unknown caller hears who is known; a bad address is refused', async (t) => {
  const folder = temporary(t)
  writeFileSync(join(folder, 'holdfast.yaml'), CONFIG)
  for (const [args, says] of [
    [
      ['spiffe://example.org/wikki'],
      /no grant names this caller.*\n {2}did you mean spiffe:\/\/example\.org\/wiki\?\n {2}there are: .*wiki, .*jobs/,
    ],
    [['wiki'], /"wiki": not a name that begins with/],
    [['spiffe://example.org/wiki', '--from', '10.0.0.0/8'], /--from "10\.0\.0\.0\/8": not an address/],
  ] as const) {
    const { code, stdout, stderr } = await holdfast(folder, 'config', 'explain', '--config', 'holdfast.yaml', ...args)
    assert.equal(code, 2)
    assert.equal(stdout, '')
    assert.match(stderr, says)
  }
})

test('colours at a terminal, unless NO_COLOR says otherwise; never into a pipe', { skip: noTerminal }, async (t) => {
  const folder = temporary(t)
  writeFileSync(join(folder, 'holdfast.yaml'), CONFIG)
  // Nothing else of this environment: CI and FORCE_COLOR, too, have a say.
  const PATH = `PATH=${process.env.PATH}`
  const command = `${process.execPath} ${MAIN} config explain --config holdfast.yaml spiffe://example.org/wiki`
  const shown = async (...settings: string[]) =>
    (await must(run(folder, 'env', '-i', PATH, 'TERM=xterm', ...settings, 'script', '-qec', command, '/dev/null')))
      .stdout
  assert.ok((await shown()).includes('\u001b['))
  assert.ok(!(await shown('NO_COLOR=1')).includes('\u001b['))
  const piped = await must(run(folder, 'env', '-i', PATH, 'sh', '-c', command))
  assert.ok(!piped.stdout.includes('\u001b['))
})
