import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inDays, issue, makeAuthority, makeRevocationList } from '../cli/pki.ts'
import { type AuthorityFiles, DEVELOPMENT_AUTHORITY, readAuthorities } from './authorities.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-authorities-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
function put(text: string): string {
  const path = join(folder, String(files++))
  writeFileSync(path, text)
  return path
}

const valid = { notAfter: inDays(3) }
const root = await makeAuthority('root', valid)
const below = await makeAuthority('below', { ...valid, issuer: root })
const list = await makeRevocationList(root, [], { notAfter: inDays(2) })
const plain: AuthorityFiles = { name: 'a', certificate: put(root.certificate), vouchesFor: ['spiffe://example.org'] }

/** What stops start-up: message and hint. */
async function refusal(...all: Partial<AuthorityFiles>[]): Promise<string> {
  try {
    await readAuthorities(all.map((change) => ({ ...plain, ...change })))
  } catch (error) {
    assert.equal((error as Error).name, 'TlsRefused')
    return `${(error as Error).message}; ${(error as { hint?: string }).hint}`
  }
  assert.fail('it was accepted')
}

test('an authority is its certificates, its lists, its names and its end', async () => {
  const both = put(`some text\n${root.certificate}\n${below.certificate}\n`)
  const lists = [list]
  const [authority] = await readAuthorities([{ ...plain, certificate: both }])
  assert.equal(authority?.certificates.length, 2)
  assert.deepEqual(authority.lists, [])
  assert.ok(authority.vouching.covers('spiffe://example.org/a'))
  const [checked] = await readAuthorities([{ ...plain, crl: put(lists.join('\n')) }])
  assert.equal(checked?.lists.length, 1)
  const days = (end: Date | undefined) => Math.round(((end?.getTime() ?? 0) - Date.now()) / 86_400_000)
  assert.deepEqual([days(checked?.expires), days(checked?.listsExpire)], [3, 2])
})

test('files that are no authority stop start-up and say how to mend it', async () => {
  const leaf = await issue({ authority: root, name: 'leaf', usages: ['client'], ...valid })
  const old = await makeAuthority('old', { notBefore: inDays(-2), notAfter: inDays(-1) })
  const cases: [RegExp, Partial<AuthorityFiles>][] = [
    [/authority a: .*none cannot be read \(ENOENT\); check/, { certificate: join(folder, 'none') }],
    [/holds no CERTIFICATE; give it as PEM/, { certificate: put(leaf.key) }],
    [
      /certificate 2 of .* is damaged/,
      { certificate: put(root.certificate + below.certificate.replace('MII', 'MIJ')) },
    ],
    [/CN=leaf is not the certificate of an authority/, { certificate: put(root.certificate + leaf.certificate) }],
    [/has no root, only intermediates; add the self-signed/, { certificate: put(below.certificate) }],
    [/CN=old expired on/, { certificate: put(old.certificate) }],
    [/vouchesFor "wiki": not a name/, { vouchesFor: ['wiki'] }],
  ]
  for (const [expected, change] of cases) assert.match(await refusal(change), expected)
})

test('revocation lists are there for all or for none, of now, and of the right authority', async () => {
  assert.match(await refusal({ crl: put(list) }, { name: 'b' }), /authority b has no revocation list, and another has/)
  assert.match(await refusal({ crl: join(folder, 'none') }), /cannot be read/)
  assert.match(await refusal({ crl: put(root.certificate) }), /holds no X509 CRL/)
  assert.match(await refusal({ crl: put(list.replace('MI', 'MJ')) }), /revocation list 1 of .* is damaged/)
  const others = await makeRevocationList(below, [], valid)
  assert.match(await refusal({ crl: put(others) }), /has no revocation list of CN=root; add it/)
  const both = put(root.certificate + below.certificate)
  assert.match(await refusal({ certificate: both, crl: put(list) }), /has no revocation list of CN=below/)
  await readAuthorities([{ ...plain, certificate: both, crl: put(list + others) }])
  const stale = await makeRevocationList(root, [], { notBefore: inDays(-2), notAfter: new Date(Date.now() - 1000) })
  assert.match(await refusal({ crl: put(stale) }), /is stale since .*, so every client would be refused; fetch/)
  const early = await makeRevocationList(root, [], { notBefore: inDays(1), notAfter: inDays(2) })
  assert.match(await refusal({ crl: put(early) }), /begins on .*; check the clock/)
})

test("development's authority is refused in production", async () => {
  const certificate = put((await makeAuthority(DEVELOPMENT_AUTHORITY, valid)).certificate)
  assert.match(await refusal({ certificate }), /made for development; use an authority of your own/)
  await readAuthorities([{ ...plain, certificate }], { development: true })
})
