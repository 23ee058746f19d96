/** A request is good for its key alone; OpenSSL makes requests that ask for more. */
import assert from 'node:assert/strict'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { holdfast, must, run, temporary } from '../../../test/cli.ts'
import { keyOfRequest } from './request.ts'

let folder: string
const ends: (() => void)[] = []
before(async () => {
  folder = temporary({ after: (end) => ends.push(end as () => void) })
  await must(holdfast(folder, 'ca', 'init'))
})
after(() => {
  for (const end of ends) end()
})

const GREEDY = [
  'subjectAltName=URI:spiffe://example.org/admin,DNS:admin.example.org',
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
  'extendedKeyUsage=serverAuth,clientAuth',
]

/** A request in NAME.csr, by OpenSSL. */
async function request(name: string, ...kind: string[]): Promise<string> {
  const extensions = GREEDY.flatMap((one) => ['-addext', one])
  const files = ['-keyout', `${name}-key.pem`, '-out', `${name}.csr`]
  await must(
    run(folder, 'openssl', 'req', '-new', '-nodes', ...kind, ...files, '-subj', '/CN=admin/O=Root', ...extensions),
  )
  return `${name}.csr`
}

const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']

test('a request that asks for CA:TRUE and other names gets none of it', async () => {
  const csr = await request('greedy', ...P256)
  await must(holdfast(folder, 'ca', 'issue', 'spiffe://example.org/wiki', '--csr', csr))
  assert.ok(!existsSync(join(folder, 'wiki-key.pem')), 'no key is made')
  const pem = readFileSync(join(folder, 'wiki.pem'))
  const certificate = new X509Certificate(pem)
  assert.equal(certificate.ca, false)
  assert.equal(certificate.subjectAltName, 'URI:spiffe://example.org/wiki')
  assert.equal(certificate.subject, 'CN=wiki')
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.ok(certificate.publicKey.equals(createPublicKey(readFileSync(join(folder, 'greedy-key.pem')))))
  const text = (await must(run(folder, 'openssl', 'x509', '-in', 'wiki.pem', '-noout', '-text'))).stdout
  assert.doesNotMatch(text, /admin|CA:TRUE|Certificate Sign|Server Authentication|Root/)
  assert.match(text, /Key Usage: critical\n\s+Digital Signature\n/)
})

test('keys that are taken', async () => {
  const kinds = [
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
    ['-newkey', 'rsa:2048'],
    ['-newkey', 'rsa:4096'],
    ['-newkey', 'ed25519'],
  ]
  for (const [index, kind] of kinds.entries()) {
    const csr = await request(`good${index}`, ...kind)
    await must(holdfast(folder, 'ca', 'issue', 'dns:a', '--csr', csr, '--out', `good${index}`))
    await must(run(folder, 'openssl', 'verify', '-x509_strict', '-CAfile', 'ca/ca.pem', `good${index}.pem`))
  }
})

test('weak keys, and kinds not known here, are refused', async () => {
  const kinds = [
    ['-newkey', 'rsa:1024'],
    ['-newkey', 'rsa:2047'],
    ['-newkey', 'rsa:2048', '-pkeyopt', 'rsa_keygen_pubexp:3'],
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp224r1'],
    ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'],
    ['-newkey', 'ed448'],
  ]
  for (const [index, kind] of kinds.entries()) {
    const csr = await request(`weak${index}`, ...kind)
    const { code, stderr } = await holdfast(folder, 'ca', 'issue', 'dns:weak', '--csr', csr)
    assert.equal(code, 3, kind.join(' '))
    assert.match(stderr, /its key is weak, or of a kind not known here\n {2}Use P-256/)
    assert.ok(!existsSync(join(folder, 'weak.pem')))
  }
})

test('who does not have the key gets no certificate for it', async () => {
  const pem = readFileSync(join(folder, await request('stolen', ...P256)), 'utf8')
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')
  const refused = async (bytes: Buffer, says: RegExp) => {
    const file = join(folder, 'changed.csr')
    const body = bytes.toString('base64').replace(/.{64}/g, '$&\n')
    writeFileSync(file, `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`)
    await assert.rejects(keyOfRequest(file), says)
  }
  const other = Buffer.from(der)
  other[other.length - 1]! ^= 1
  await refused(other, /not signed by the key that it brings|damaged/)
  const renamed = Buffer.from(der)
  renamed[renamed.indexOf('Root')]! ^= 1
  await refused(renamed, /not signed by the key that it brings/)
  await refused(der.subarray(0, -9), /damaged/)
})

test('a file that holds no request, or two, or is large, is told so', async () => {
  const file = join(folder, 'odd.csr')
  const one = readFileSync(join(folder, await request('one', ...P256)), 'utf8')
  for (const [content, says] of [
    ['', /holds 0 certificate requests/],
    [readFileSync(join(folder, 'ca/ca.pem'), 'utf8'), /holds 0 certificate requests/],
    [one + one, /holds 2 certificate requests/],
    [`${one}${' '.repeat(65_536)}`, /larger than 65536 bytes/],
  ] as const) {
    writeFileSync(file, content)
    await assert.rejects(keyOfRequest(file), says)
  }
})
