/** Certificates of listeners, good and bad, all of them real. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { type Draft, Site } from '../../../../../test/support/site.ts'
import { must, run } from '../../../test/cli.ts'
import { complaints, findings } from '../../../test/doctor.ts'
import { type CertificateOrder, inDays, issue, makeAuthority } from '../pki.ts'

let site: Site
before(async () => {
  site = await Site.make()
})
beforeEach(async () => {
  site.configure((draft) => {
    delete draft.basicListen
    draft.basic = []
    draft.grants.pop()
  })
  await give({})
})
after(() => site.remove())

/** Puts a certificate of 90 days for the public listener in its place. */
async function give(change: Partial<CertificateOrder>, above = ''): Promise<void> {
  const order = { authority: site.authority, name: 'server', dns: ['holdfast.example.org'], notAfter: inDays(90) }
  const { certificate, key } = await issue({ ...order, usages: ['server'], ...change })
  site.write('tls/server.pem', `${certificate}\n${above}`)
  site.write('tls/server-key.pem', key)
}

const say = async (names: readonly string[] = []) => complaints(await findings(site, 'certificates', { names }))
const matches = (lines: readonly string[], ...patterns: RegExp[]) => {
  assert.equal(lines.length, patterns.length, lines.join('\n'))
  for (const [index, pattern] of patterns.entries()) assert.match(lines[index]!, pattern)
}

test('a good one: its names, its end, its key', async () => {
  await give({ ips: ['192.0.2.7', '2001:db8::7'] })
  const told = await findings(site, 'certificates', { names: ['holdfast.example.org', '2001:db8::7'] })
  const until = inDays(90).toISOString().slice(0, 10)
  assert.deepEqual(told, [
    { level: 'ok', what: `listen: for holdfast.example.org, 192.0.2.7, 2001:db8::7, until ${until}; P-256` },
  ])
})

test('every listener that has one', async () => {
  site.configure((draft) => {
    const { certificate, key } = draft.listen
    draft.admin = { port: 0, host: '192.0.2.7', certificate, key, hosts: ['holdfast.example.org', 'localhost'] }
  })
  const told = await findings(site, 'certificates')
  assert.deepEqual(
    told.map(({ what }) => what.split(':')[0]),
    ['listen', 'basicListen', 'admin'],
  )
  assert.deepEqual(complaints(told), [])
})

test('not for the names by which clients come', async () => {
  matches(
    await say(['holdfast.example.org', 'other.example.org', '192.0.2.7']),
    /^problem: .*not for other\.example\.org, 192\.0\.2\.7, but for holdfast\.example\.org.* --server dns:holdfast\.example\.org dns:other\.example\.org ip:192\.0\.2\.7 --out/,
  )
})

test('the admin listener is asked by the names that the configuration has', async () => {
  const admin = (hosts: string[]) => (draft: Draft) => {
    const { certificate, key } = draft.listen
    draft.admin = { port: 0, host: '192.0.2.7', certificate, key, hosts }
  }
  site.configure(admin(['admin.example.org', '[::1]']))
  matches(await say(), /^problem: admin: .*not for admin\.example\.org/)
  site.configure(admin(['holdfast.example.org', '127.0.0.1']))
  assert.deepEqual(await say(), [])
})

test('for this machine alone', async () => {
  await give({ dns: ['localhost'], ips: ['127.0.0.1', '::1'] })
  assert.deepEqual(await say(), [])
  site.configure((draft) => {
    draft.listen.host = '0.0.0.0'
  })
  matches(
    await say(),
    /^warning: listen: .*names this machine alone \(localhost, 127\.0\.0\.1, ::1\), and 0\.0\.0\.0 is for/,
  )
})

test('without a name, and not for servers', async () => {
  for (const [change, why] of [
    [{ usages: ['client'] }, /^problem: listen: .*is not for servers.* => .*holdfast ca issue --server/],
    [{ dns: [] }, /^problem: listen: .*is for no host.* => .*holdfast ca issue --server/],
  ] as const) {
    await give(change as Partial<CertificateOrder>)
    matches(complaints(await findings(site, 'configuration')), why)
    assert.deepEqual(await say(), [], 'and not told twice')
  }
  await give({ usages: [] })
  assert.deepEqual(await say(), [], 'a certificate that names no usage is for all')
})

test('its end: told in its last 30 days', async () => {
  await give({ notAfter: inDays(30.5) })
  assert.deepEqual(await say(), [])
  await give({ notBefore: inDays(-1), notAfter: inDays(29.5) })
  assert.deepEqual(await say(), [], 'not in the last third of its life')
  await give({ notBefore: inDays(-60), notAfter: inDays(29.5) })
  matches(
    await say(),
    /^warning: .*CN=server in .*server\.pem ends in 29 days, on .* => holdfast ca renew --ca FOLDER \//,
  )
})

test('its chain: up to an authority that somebody knows', async () => {
  const root = await makeAuthority('Another root', { notAfter: inDays(400) })
  const middle = await makeAuthority('Middle', { notAfter: inDays(200), issuer: root })
  await give({ authority: middle })
  matches(await say(), /^warning: .*nobody here knows CN=Middle, which issued CN=server.* => cat intermediate\.pem >> /)
  await give({ authority: middle }, middle.certificate)
  matches(await say(), /nobody here knows CN=Another root, which issued CN=Middle/)
  await give({ authority: middle }, `${middle.certificate}\n${root.certificate}`)
  assert.deepEqual(await say(), [])
  site.write('tls/ca.pem', root.certificate)
  await give({ authority: middle }, middle.certificate)
  assert.deepEqual(await say(), [], 'an authority of the configuration is known')
  site.write('tls/ca.pem', site.authority.certificate)
})

test('the intermediate ends first', async () => {
  const root = await makeAuthority('Root', { notAfter: inDays(400) })
  const middle = await makeAuthority('Middle', { notBefore: inDays(-90), notAfter: inDays(10.5), issuer: root })
  await give({ authority: middle }, `${middle.certificate}\n${root.certificate}`)
  matches(await say(), /^warning: .*CN=Middle in .* ends in 10 days/)
})

test('RSA is told, and fine', async () => {
  const out = ['-keyout', 'tls/server-key.pem', '-out', 'tls/server.pem', '-days', '90']
  const names = ['-subj', '/CN=rsa', '-addext', 'subjectAltName=DNS:holdfast.example.org']
  await must(run(site.folder, 'openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...out, ...names))
  const told = await findings(site, 'certificates')
  assert.deepEqual(complaints(told), [])
  assert.match(told[0]!.what, /RSA of 2048 bits, slower at every handshake than P-256$/)
})

test('one that cannot be read is told with the configuration', async () => {
  site.write('tls/server.pem', 'x')
  assert.deepEqual(await findings(site, 'certificates'), [])
  matches(
    complaints(await findings(site, 'configuration')),
    /^problem: listen: .*holds no CERTIFICATE => give it as PEM/,
  )
  assert.ok(readFileSync(join(site.folder, 'tls/server.pem')).length > 0)
})
