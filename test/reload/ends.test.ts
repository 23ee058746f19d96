/**
 * What happens to an open connection when something that let it in ends by itself. With a certificate, and with the
 * authority above it, a connection ends at that moment, after the request in flight. With a revocation list it does not:
 * a list that is too old says of nobody that they were revoked. It says of nobody either that they were not, so nobody new
 * is let in until there is another.
 */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { inDays, makeAuthority, makeRevocationList } from '../../packages/server/src/cli/pki.ts'
import { head, Wire } from '../http/wire.ts'
import { Site } from '../support/site.ts'
import { clientOf, door, hangUp, spiffe, take, uploading } from './support.ts'

/** For the reload and the handshakes that come first, in ms. */
const BRIEF_MS = 5000

const site = await Site.make((draft) => {
  draft.authorities[0].crl = 'tls/ca.crl'
  draft.grants[0].callers.push(spiffe('brief'), spiffe('orphan'))
})
const { authority } = site
const long = { notAfter: inDays(1) }
site.write('tls/ca.crl', await makeRevocationList(authority, [], long))
const server = await site.start()
after(async () => {
  await server.stop()
  site.remove()
})

// Certificates end at whole seconds.
const soon = new Date(Math.ceil((Date.now() + BRIEF_MS) / 1000) * 1000)
const passing = await makeAuthority('Passing authority', { notAfter: soon })
const brief = await clientOf(authority, 'brief', soon)
const orphan = await clientOf(passing, 'orphan')
site.write('tls/passing.pem', passing.certificate)
site.write('tls/passing.crl', await makeRevocationList(passing, [], long))
site.replace('tls/ca.crl', await makeRevocationList(authority, [], { notAfter: soon }))
site.edit(({ authorities }) => {
  authorities.push({ ...authorities[0], name: 'passing', certificate: 'tls/passing.pem', crl: 'tls/passing.crl' })
})
await take(server, 'authorities', 'revocation lists')
const reader = door(server, site.certificates.reader)
const stays = await Wire.open(reader)
const ending = await Promise.all(
  [brief, orphan].map(async (certificate) => {
    const at = door(server, certificate)
    const idle = await Wire.open(at)
    assert.equal((await idle.send(get()).answer()).status, 404)
    return { idle, busy: await uploading(at, `${certificate.serial}`), unused: await Wire.open(at) }
  }),
)
assert.ok(Date.now() < soon.getTime(), 'this machine is too slow for this test')

function get(): string {
  return head('GET', '/sessions/v1/none')
}
const refused = (at: object) => assert.rejects(Wire.open(at).then((wire) => wire.send(get()).answer()))

for (const [index, what, name, { certificate }] of [
  [0, 'a certificate', 'brief', brief],
  [1, 'an authority', 'orphan', orphan],
] as const) {
  test(`${what} ends`, async (t: TestContext) => {
    const { idle, busy, unused } = ending[index]!
    await idle.closed()
    await unused.closed()
    const late = performance.timeOrigin + idle.endedAt! - soon.getTime()
    t.diagnostic(`its connection ended ${late.toFixed()} ms later`)
    assert.ok(late >= 0 && late < 3000, `${late} ms`)
    const answer = await busy.answer()
    assert.deepEqual([answer.status, answer.headers.get('connection')], [401, 'close'])
    await busy.closed()
    const lines = server.program.audit().filter(({ event, caller }) => {
      return event === 'connection-ended' && caller === spiffe(name)
    })
    assert.deepEqual(
      lines.map(({ rule, fingerprint }) => [rule, fingerprint]),
      Array(3).fill(['expired', new X509Certificate(certificate).fingerprint256]),
    )
    await refused(door(server, { brief, orphan }[name]))
  })
}

test('a revocation list ends: nobody new, and whoever is there stays', async () => {
  while (Date.now() <= soon.getTime() + 1000) await pause(100)
  assert.equal((await stays.send(get()).answer()).status, 404)
  await refused(reader)
  await server.program.until('the refusal', (it) => it.audit().find(({ rule }) => rule === 'stale-revocation-list'))
  // Nothing is taken over beside what ended: a start would refuse it, too.
  assert.match((await hangUp(server)).problem!, /ca.crl is stale since/)
  site.replace('tls/ca.crl', await makeRevocationList(authority, [], long))
  assert.match((await hangUp(server)).problem!, /CN=Passing authority expired on/)
  site.edit(({ authorities }) => authorities.pop())
  await take(server, 'authorities', 'revocation lists')
  assert.equal((await stays.send(get()).answer()).status, 404)
  const fresh = await Wire.open(reader)
  assert.equal((await fresh.send(get()).answer()).status, 404)
  stays.destroy()
  fresh.destroy()
})
