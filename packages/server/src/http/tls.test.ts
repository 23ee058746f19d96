import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DEVELOPMENT_AUTHORITY } from '../access/authorities.ts'
import { inDays, issue, makeAuthority } from '../cli/pki.ts'
import { type ListenerOptions, readListenerTls } from './tls.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-listener-'))
after(() => rmSync(folder, { recursive: true }))
let count = 0
function put(text: string): string {
  const path = join(folder, String(count++))
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

const valid = { notAfter: inDays(3) }
const authority = await makeAuthority('root', valid)
const order = { authority, name: 'server', dns: ['localhost'], usages: ['server'], ...valid } as const
const server = await issue(order)
const pair = { certificate: put(server.certificate), key: put(server.key) }

const listener = (files: Partial<typeof pair>, change: Partial<ListenerOptions> = {}): ListenerOptions => ({
  files: { ...pair, minVersion: 'TLSv1.3', ...files },
  handshakeTimeout: 5000,
  ...change,
})

function refused(files: Partial<typeof pair>): string {
  try {
    readListenerTls('listen', listener(files))
  } catch (error) {
    assert.equal((error as Error).name, 'TlsRefused')
    return `${(error as Error).message}; ${(error as { hint?: string }).hint}`
  }
  assert.fail('it was accepted')
}

test('a good pair gives options and the end of the certificate', () => {
  const { options, expires } = readListenerTls('listen', listener({}))
  assert.equal(options.minVersion, 'TLSv1.3')
  assert.equal(options.requestCert, undefined)
  assert.ok(Math.abs(expires.getTime() - valid.notAfter.getTime()) < 2000)
})

test('files that cannot be honoured stop start-up and say how to mend it', async () => {
  const other = await issue(order)
  const old = await issue({ ...order, notBefore: inDays(-2), notAfter: inDays(-1) })
  const early = await issue({ ...order, notBefore: inDays(1) })
  const open = put(server.key)
  chmodSync(open, 0o604)
  const wrapped = '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n'
  const cases: [RegExp, Partial<typeof pair>][] = [
    [/^listen: .*none cannot be read \(ENOENT\); check/, { certificate: join(folder, 'none') }],
    [/^listen: .*none cannot be read \(ENOENT\); check/, { key: join(folder, 'none') }],
    [/holds no CERTIFICATE; give it as PEM/, { certificate: put(server.key) }],
    [/is not the key of .*; give both of one pair/, { key: put(other.key) }],
    [/holds no private key, or one that is wrapped/, { key: put(wrapped) }],
    [/holds no private key/, { key: put('') }],
    [/everybody on this machine may use .*; run: chmod o-rwx/, { key: open }],
    [/expired on/, { certificate: put(old.certificate), key: put(old.key) }],
    [/is not valid before/, { certificate: put(early.certificate), key: put(early.key) }],
  ]
  for (const [expected, files] of cases) assert.match(refused(files), expected)
})

test("a certificate of development's authority is refused in production", async () => {
  const development = await makeAuthority(DEVELOPMENT_AUTHORITY, valid)
  const made = await issue({ ...order, authority: development })
  const files = { certificate: put(made.certificate), key: put(made.key) }
  assert.match(refused(files), /made for development/)
  readListenerTls('listen', listener(files, { development: true }))
})
