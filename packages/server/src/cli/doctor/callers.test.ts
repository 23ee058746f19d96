/** Authorities, lists, names and keys, good and bad. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { type Draft, Site } from '../../../../../test/support/site.ts'
import { complaints, findings } from '../../../test/doctor.ts'
import { inDays, issue, makeAuthority, makeRevocationList, pkcs8 } from '../pki.ts'

let site: Site
let authority: Awaited<ReturnType<typeof makeAuthority>>
before(async () => {
  site = await Site.make()
  authority = await makeAuthority('Own', { notAfter: inDays(90) })
  // Callers without a grant have a test of their own.
  for (const name of ['stranger', 'stranger-key']) rmSync(join(site.folder, `tls/${name}.pem`))
})
beforeEach(async () => {
  await useList(authority, 20)
  site.configure(withList)
})
after(() => site.remove())

const withList = (draft: Draft) => {
  draft.authorities[0].crl = 'tls/ca.crl'
}
async function useList(of: typeof authority, days: number): Promise<void> {
  site.write('tls/ca.pem', of.certificate)
  site.write('tls/ca.crl', await makeRevocationList(of, [], { notAfter: inDays(days) }))
}

const say = async () => complaints(await findings(site, 'callers'))
const one = async (pattern: RegExp) => {
  const lines = await say()
  assert.equal(lines.length, 1, lines.join('\n'))
  assert.match(lines[0]!, pattern)
}

test('a good one', async () => {
  const [until, listed] = [90, 20].map((days) => inDays(days).toISOString().slice(0, 10))
  assert.deepEqual(await findings(site, 'callers'), [
    { level: 'ok', what: `authority internal until ${until}, its list until ${listed}; callers with grants: 5` },
  ])
})

test('an authority that ends within 30 days', async () => {
  await useList(await makeAuthority('Old', { notAfter: inDays(29.9) }), 20)
  await one(/^warning: authority internal: .*ca\.pem ends on .* => holdfast ca init NEW-FOLDER/)
})

test('an authority that is not yet valid', async () => {
  await useList(await makeAuthority('Early', { notBefore: inDays(2), notAfter: inDays(90) }), 20)
  await one(/^problem: authority internal: .* is not valid before /)
})

test('a revocation list that ends within a week', async () => {
  await useList(authority, 6.9)
  await one(
    /^warning: .*list in .*ca\.crl ends on .*everybody is refused => holdfast ca renew --ca FOLDER && cp FOLDER/,
  )
  await useList(authority, 7.1)
  assert.deepEqual(await say(), [])
})

test('names that an authority vouches for and no grant names', async () => {
  site.configure((draft) => {
    withList(draft)
    draft.authorities[0].vouchesFor.push('dns:*.example.org', 'spiffe://example.org/all')
  })
  await one(
    /^warning: authority internal vouches for dns:\*\.example\.org, and no grant .* => \S+\/holdfast\.yaml:\d+: take it out/,
  )
})

test('a caller with a secret and no grant', async () => {
  site.configure((draft) => {
    withList(draft)
    draft.grants.pop()
  })
  await one(/^warning: basic:legacy has a secret and no grant => \S+\/holdfast\.yaml:\d+/)
})

test('the certificate of a caller that no grant names', async (t) => {
  const name = { uris: ['spiffe://example.org/nobody'], usages: ['client'] as const }
  site.write('tls/nobody.crt', (await issue({ authority, name: 'x', ...name, notAfter: inDays(1) })).certificate)
  t.after(() => rmSync(join(site.folder, 'tls/nobody.crt')))
  await one(/^warning: .*nobody\.crt proves spiffe:\/\/example\.org\/nobody, and no grant names it => rm /)
  site.configure((draft) => {
    withList(draft)
    draft.grants[0].callers.push('spiffe://example.org/nobody')
  })
  assert.deepEqual(await say(), [])
})

test('the key of an authority, under any name, in any folder of the configuration', async (t) => {
  const key = await pkcs8(authority.keys)
  const other = await pkcs8((await makeAuthority('Another', { notAfter: inDays(1) })).keys)
  site.write('keys/another.key', other)
  assert.deepEqual(await say(), [])
  site.write('keys/some.key', key)
  t.after(() => rmSync(join(site.folder, 'keys/some.key')))
  await one(/^problem: .*keys\/some\.key is the key of authority internal.* => move it to a machine that serves nobody/)
})

test('a wrapped key, as an authority has: no server needs one', async (t) => {
  const wrapped = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const
  site.write('keys/some.key', createPrivateKey(await pkcs8(authority.keys)).export(wrapped))
  t.after(() => rmSync(join(site.folder, 'keys/some.key')))
  await one(/^warning: .*keys\/some\.key is a wrapped key, .* => move it to a machine that serves nobody/)
})

test('its key in its own place: a start refuses it, and so it is told with the configuration', async (t) => {
  site.write('tls/ca-key.pem', await pkcs8(authority.keys))
  t.after(() => rmSync(join(site.folder, 'tls/ca-key.pem')))
  const [line] = complaints(await findings(site, 'configuration'))
  assert.match(line!, /^problem: authority internal: its key is beside its certificate/)
})
