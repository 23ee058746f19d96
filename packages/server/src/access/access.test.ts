import assert from 'node:assert/strict'
import { hash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { Access, type GrantRule } from './access.ts'
import { Caller, OPERATIONS } from './caller.ts'

const secret = randomBytes(32).toString('base64url')
const other = randomBytes(32).toString('base64url')
const basic = [
  { name: 'wiki', secretSha256: hash('sha256', secret) },
  { name: 'other', secretSha256: hash('sha256', other) },
]
const header = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
const accessWith = (grants: readonly GrantRule[]) => new Access({ grants, authorities: [], basic })

function callerFrom(grants: readonly GrantRule[], peer: string | undefined): Caller {
  const caller = accessWith(grants).identifyBasic(header(`wiki:${secret}`), peer)
  assert.ok(caller instanceof Caller)
  return caller
}

test('a grant allows its operations in its stores, and nothing else is allowed', () => {
  const caller = callerFrom([{ callers: ['basic:wiki'], stores: ['a', 'b'], operations: ['read', 'end'] }], '10.0.0.1')
  assert.equal(caller.id, 'basic:wiki')
  assert.ok(caller.known)
  for (const scope of ['store:a', 'store:b']) {
    assert.deepEqual(
      OPERATIONS.map((operation) => caller.decide(scope, operation)),
      ['allowed', 'no-grant', 'allowed'],
    )
  }
  for (const scope of ['store:c', 'a', 'store:', '', 'store:A', '__proto__', 'constructor']) {
    for (const operation of OPERATIONS) assert.equal(caller.decide(scope, operation), 'no-grant')
  }
})

test('a caller that no grant names may do nothing', () => {
  const caller = callerFrom(
    [{ callers: ['basic:other'], stores: ['a'], operations: ['read', 'write', 'end'] }],
    '10.0.0.1',
  )
  assert.equal(caller.decide('store:a', 'read'), 'no-grant')
  assert.ok(!caller.known)
})

test('a grant bound to networks counts only there; another grant may allow the same from anywhere', () => {
  const bound: GrantRule = {
    callers: ['basic:wiki'],
    stores: ['a'],
    operations: ['read', 'write'],
    networks: ['10.0.0.0/8'],
  }
  assert.equal(callerFrom([bound], '::ffff:10.0.0.1').decide('store:a', 'read'), 'allowed')
  for (const peer of ['192.0.2.1', '::1', undefined]) {
    assert.equal(callerFrom([bound], peer).decide('store:a', 'read'), 'wrong-network')
    assert.equal(callerFrom([bound], peer).decide('store:a', 'end'), 'no-grant')
  }
  const free: GrantRule = { callers: ['basic:wiki'], stores: ['a'], operations: ['read'] }
  for (const grants of [
    [bound, free],
    [free, bound],
  ]) {
    const caller = callerFrom(grants, '192.0.2.1')
    assert.equal(caller.decide('store:a', 'read'), 'allowed')
    assert.equal(caller.decide('store:a', 'write'), 'wrong-network')
  }
  const nowhere: GrantRule = { ...free, networks: [] }
  assert.equal(callerFrom([nowhere], '10.0.0.1').decide('store:a', 'read'), 'wrong-network')
})

test('a remembered caller keeps to the address it was made for', () => {
  const access = accessWith([{ callers: ['basic:wiki'], stores: ['a'], operations: ['read'], networks: ['10.0.0.1'] }])
  const from = (peer: string) => access.identifyBasic(header(`wiki:${secret}`), peer) as Caller
  assert.equal(from('10.0.0.1').decide('store:a', 'read'), 'allowed')
  assert.equal(from('10.0.0.2').decide('store:a', 'read'), 'wrong-network')
  assert.equal(from('10.0.0.1'), from('10.0.0.1'))
  for (let i = 0; i < 3000; i++) from(`10.1.${i >> 8}.${i & 255}`)
  assert.equal(from('10.0.0.1').decide('store:a', 'read'), 'allowed')
})

test('basic secrets: only the whole right pair proves a caller', () => {
  const access = accessWith([])
  assert.deepEqual(access.identifyBasic(undefined, '10.0.0.1'), { refused: 'no-secret' })
  const wrong = [
    '',
    'Basic',
    'Basic ',
    `Bearer ${secret}`,
    `Basic wiki:${secret}`,
    header(''),
    header('wiki'),
    header('wiki:'),
    header(`wiki:${secret} `),
    header(`wiki:${secret.slice(1)}`),
    header(`wiki:${other}`),
    header(`Wiki:${secret}`),
    header(`:${secret}`),
    header(secret),
    header(`nobody:${secret}`),
    `${header(`wiki:${secret}`)}, ${header(`wiki:${secret}`)}`,
  ]
  for (const text of wrong) assert.deepEqual(access.identifyBasic(text, '10.0.0.1'), { refused: 'bad-secret' }, text)
  for (const text of [header(`wiki:${secret}`), header(`wiki:${secret}`).replace('Basic', 'basic ')]) {
    assert.equal((access.identifyBasic(text, '10.0.0.1') as Caller).id, 'basic:wiki')
  }
})

test('no other header proves anybody', () => {
  const access = accessWith([])
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => header(`wiki:${text}`)),
      ),
      (text) => {
        assert.ok(!(access.identifyBasic(text, '10.0.0.1') instanceof Caller))
      },
    ),
  )
})

test('rules that mean nothing are refused, not skipped', () => {
  const rule: GrantRule = { callers: ['basic:wiki'], stores: ['a'], operations: ['read'] }
  assert.throws(() => accessWith([rule, { ...rule, callers: ['wiki'] }]), /grants\[1\]: "wiki": not a name that begins/)
  assert.throws(() => accessWith([{ ...rule, networks: ['10.0.0.0/33'] }]), /grants\[0\]: "10.0.0.0\/33": the prefix/)
})
