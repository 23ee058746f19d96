import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { type IssuingAuthority, inDays, issue, makeAuthority } from '../cli/pki.ts'
import type { Authority } from './authorities.ts'
import { Chains } from './chain.ts'
import { Vouching } from './names.ts'
import { serialOf } from './revocation-list.ts'

const DAY_MS = 86_400_000
const root = await makeAuthority('root', { notAfter: inDays(9) })
const below = await makeAuthority('below', { notAfter: inDays(2), issuer: root })
const other = await makeAuthority('other', { notAfter: inDays(9) })
const leafOf = async (authority: IssuingAuthority, days: number) =>
  new X509Certificate(
    (await issue({ authority, name: 'leaf', usages: ['client'], notAfter: inDays(days) })).certificate,
  )

/** `revoked[i]`: serials that the i-th of them took back. */
function authority(issuers: readonly IssuingAuthority[], revoked: readonly X509Certificate[][] = []): Authority {
  const certificates = issuers.map(({ certificate }) => new X509Certificate(certificate))
  return {
    name: 'a',
    certificates,
    lists: [],
    revoked: new Map(certificates.map((issuer, i) => [issuer, new Set((revoked[i] ?? []).map(serialOf))])),
    vouching: new Vouching([]),
    expires: inDays(2),
  }
}

test('a certificate stands until it ends, or the chain above it does', async () => {
  const chains = new Chains([authority([root, below])])
  const [direct, short, long] = [await leafOf(root, 5), await leafOf(below, 1), await leafOf(below, 3)]
  assert.equal(chains.until(direct), direct.validToDate.getTime())
  assert.equal(chains.until(short), short.validToDate.getTime())
  assert.equal(chains.until(long), new X509Certificate(below.certificate).validToDate.getTime())
  assert.equal(chains.until(short, Date.now() + 1.1 * DAY_MS), 'expired')
  assert.equal(chains.until(long, Date.now() + 2.1 * DAY_MS), 'expired', 'what is remembered of an issuer ends, too')
  const ahead = new Chains([authority([root, below])])
  assert.equal(ahead.until(long, Date.now() + 2.1 * DAY_MS), 'expired')
  assert.equal(typeof ahead.until(long), 'number', 'a clock that was wrong is not remembered')
})

test('a certificate falls with its authority, its intermediate or its root', async () => {
  const leaf = await leafOf(below, 1)
  const intermediate = new X509Certificate(below.certificate)
  assert.equal(new Chains([]).until(leaf), 'unknown-authority')
  assert.equal(new Chains([authority([other])]).until(leaf), 'unknown-authority')
  assert.equal(new Chains([authority([below])]).until(leaf), 'unknown-authority', 'no root above it')
  assert.equal(new Chains([authority([root, below], [[], [leaf]])]).until(leaf), 'revoked')
  assert.equal(new Chains([authority([root, below], [[intermediate], []])]).until(leaf), 'revoked')
  assert.equal(typeof new Chains([authority([root, below], [[leaf], []])]).until(leaf), 'number', 'not its issuer')
})

test('with the old and the new certificate of one key, the longer one counts; one list is enough to revoke', async () => {
  const leaf = await leafOf(root, 20)
  const [old, fresh] = [root, { ...root, certificate: (await renewed(root)).certificate }]
  assert.equal(
    new Chains([authority([old, fresh])]).until(leaf),
    new X509Certificate(fresh.certificate).validToDate.getTime(),
  )
  assert.equal(new Chains([authority([old, fresh], [[], [leaf]])]).until(leaf), 'revoked')
})

/** The same name and key with a later end: a root that signs itself anew. */
async function renewed({ name, keys }: IssuingAuthority): Promise<IssuingAuthority> {
  const { X509CertificateGenerator, BasicConstraintsExtension } = await import('@peculiar/x509')
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    notBefore: inDays(-1),
    notAfter: inDays(15),
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  })
  return { certificate: certificate.toString('pem'), name, keys }
}
