import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { Caller } from '../access/caller.ts'
import type { Refusal } from '../access/refusals.ts'
import { Audit } from '../audit/audit.ts'
import { Entitled } from './entitled.ts'
import { Peer } from './peer.ts'

/** More than two slices. */
const MANY = 300
const somebody = (name: string, until?: number) => new Caller(name, new Map(), until)

/** A peer on a connection that only knows whether it was closed. */
function peerOf(name: string | undefined, until?: number) {
  const socket = {
    closed: false,
    remoteAddress: '192.0.2.17',
    getPeerX509Certificate: () => ({ fingerprint256: `of ${name}` }),
    destroySoon() {
      this.closed = true
    },
  }
  const peer = new Peer(socket as unknown as TLSSocket)
  peer.caller = name === undefined ? undefined : somebody(name, until)
  return Object.assign(peer, { closes: () => socket.closed })
}

function start(t: Pick<TestContext, 'after'>, again: (peer: Peer) => Caller | Refusal) {
  const audited: Record<string, unknown>[] = []
  const audit = new Audit((line) => audited.push(JSON.parse(line)))
  const entitled = new Entitled({ listener: 'public', again, labelOf: ({ id }) => id.length, audit })
  t.after(() => {
    entitled.stop()
    audit.flush()
  })
  const enter = (...args: Parameters<typeof peerOf>) => {
    const peer = peerOf(...args)
    entitled.peers.add(peer)
    return peer
  }
  return { entitled, audited, enter }
}

describe('after a reload', () => {
  test('whoever is somebody goes on as who they are now', async (t) => {
    const now = somebody('longer')
    const { entitled, audited, enter } = start(t, () => now)
    const peer = enter('a')
    await entitled.judge()
    assert.deepEqual([peer.caller, peer.label, peer.retired, peer.closes()], [now, 6, false, false])
    assert.deepEqual(audited, [])
  })

  test('whoever is nobody is closed: at once if idle, else after the newest answer', async (t) => {
    const { entitled, audited, enter } = start(t, () => ({ refused: 'revoked', fingerprint: 'AB' }))
    const [idle, busy] = [enter('idle'), enter('busy')]
    busy.owed = 1
    busy.proof = 'Basic x'
    await entitled.judge()
    assert.deepEqual([idle.caller, idle.closes()], [undefined, true])
    assert.deepEqual([busy.caller, busy.proof, busy.retired, busy.closes()], [undefined, undefined, true, false])
    busy.owed = 0
    busy.retire()
    assert.equal(busy.closes(), true)
    const common = { event: 'connection-ended', listener: 'public', rule: 'revoked', fingerprint: 'AB' }
    assert.deepEqual(
      audited.map(({ audit, time, ...line }) => line),
      ['idle', 'busy'].map((caller) => ({ ...common, caller, network: '192.0.2.0/24' })),
    )
  })

  test('whoever has not proven anything is not asked', async (t) => {
    const { entitled, enter } = start(t, () => assert.fail('it was asked'))
    const peer = enter(undefined)
    await entitled.judge()
    assert.equal(peer.closes(), false)
  })

  test('others get their turn between slices, and nobody is judged who came or went or gave a wrong proof', async (t) => {
    const asked = new Set<Peer>()
    const { entitled, audited, enter } = start(t, (peer) => {
      asked.add(peer)
      return peer.caller === undefined ? { refused: 'bad-secret' } : peer.caller
    })
    const peers = Array.from({ length: MANY }, (_, n) => enter(`${n}`))
    const judging = entitled.judge()
    const first = asked.size
    assert.ok(first > 0 && first < MANY)
    // All that were not judged yet, so also the one that is due next.
    const [gone, changed, ...rest] = peers.slice(first)
    entitled.peers.delete(gone!)
    changed!.caller = undefined
    const late = enter('late')
    await judging
    assert.ok(!asked.has(gone!) && !asked.has(changed!) && !asked.has(late))
    assert.ok(rest.every((peer) => asked.has(peer)))
    assert.deepEqual(audited, [])
  })

  test('the same, when the one that is due next gave a wrong proof', async (t) => {
    const { entitled, enter } = start(t, (peer) => peer.caller ?? { refused: 'bad-secret' })
    const peers = Array.from({ length: MANY }, (_, n) => enter(`${n}`))
    const judging = entitled.judge()
    for (const peer of peers) peer.caller = undefined
    await judging
    assert.ok(peers.every((peer) => !peer.closes()))
  })
})

test('a connection ends with what proved its caller, and no other does', (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: 1_000_000 })
  const { entitled, audited, enter } = start(t, () => assert.fail('nobody is asked'))
  const [soon, later, never, nobody] = [
    enter('soon', 1_002_000),
    enter('later', 1_002_001),
    enter('never'),
    enter(undefined),
  ]
  entitled.start()
  t.mock.timers.tick(1_500)
  assert.equal(soon.closes(), false)
  t.mock.timers.tick(500)
  assert.deepEqual(
    [soon, later, never, nobody].map((peer) => peer.closes()),
    [true, false, false, false],
  )
  t.mock.timers.tick(500)
  assert.equal(later.closes(), true)
  assert.deepEqual(
    audited.map(({ caller, rule, fingerprint }) => [caller, rule, fingerprint]),
    [
      ['soon', 'expired', 'of soon'],
      ['later', 'expired', 'of later'],
    ],
  )
  const after = enter('after', 1_002_600)
  entitled.stop()
  t.mock.timers.tick(10_000)
  assert.equal(after.closes(), false)
})
