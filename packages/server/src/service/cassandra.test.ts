/** The files of `engine.cassandra`, and whom they make a node; the certificates are real, and so is the handshake. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { type CertificateOrder, inDays, issue, makeAuthority } from '../cli/pki.ts'
import { identityAmong, readCassandraFiles, readPassword } from './cassandra.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-cassandra-'))
after(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)
const put = (name: string, text: string) => writeFileSync(at(name), text, { mode: 0o600 })

const notAfter = inDays(10)
const authority = await makeAuthority('Nodes', { notAfter })
const pairOf = (order: Partial<CertificateOrder>) =>
  issue({ authority, name: 'n', usages: ['client'], notAfter, ...order })
const client = await pairOf({ dns: ['holdfast'] })
const other = await pairOf({ dns: ['other'] })
put('ca.pem', authority.certificate)
put('client.pem', client.certificate)
put('client-key.pem', client.key)
put('other-key.pem', other.key)
put('server.pem', (await pairOf({ dns: ['holdfast'], usages: ['server'] })).certificate)
put('password', "it's secret\n")

const tls = (change: object = {}) => {
  return { ca: at('ca.pem'), certificate: at('client.pem'), key: at('client-key.pem'), ...change }
}
const read = (change: object) => {
  const wanted = { contactPoints: ['a'], datacenter: 'dc1', keyspace: 'holdfast', accept: [], ...change }
  return readCassandraFiles(wanted as Parameters<typeof readCassandraFiles>[0])
}

test('what the files hold, without the newline of the password', async () => {
  const files = await read({ username: 'app', passwordFile: at('password'), tls: tls() })
  assert.deepEqual(files.credentials, { username: 'app', password: "it's secret" })
  assert.equal(files.tls?.key, client.key)
  assert.ok(!('checkServerIdentity' in files.tls!), 'the default is to verify the address')
  assert.ok(Math.abs(files.shown!.expires.getTime() - notAfter.getTime()) < 1_000)
})

describe('refused', () => {
  test('a password that others may read, of several lines, or of none', async () => {
    put('open', 'secret')
    chmodSync(at('open'), 0o640)
    await assert.rejects(readPassword('w', at('open')), /others than its owner may use it/)
    for (const text of ['', '\n', 'a\nb', 'a\0b']) {
      put('odd', text)
      await assert.rejects(
        readPassword('passwordFile', at('odd')),
        /passwordFile: .*odd does not hold one line of text/,
      )
    }
  })

  test('a key of another certificate, a certificate for servers, an authority that is none', async () => {
    await assert.rejects(
      read({ tls: tls({ key: at('other-key.pem') }) }),
      /other-key\.pem is not the key of .*client\.pem/,
    )
    await assert.rejects(read({ tls: tls({ certificate: at('server.pem') }) }), /server\.pem is not for clients/)
    await assert.rejects(read({ tls: tls({ ca: at('client.pem') }) }), /tls\.ca: .*is not an authority's certificate/)
    await assert.rejects(read({ tls: tls({ ca: at('nowhere.pem') }) }), /nowhere\.pem cannot be read \(ENOENT\)/)
  })

  test('a certificate that has ended', async () => {
    const old = await pairOf({ dns: ['holdfast'], notBefore: inDays(-2), notAfter: inDays(-1) })
    put('old.pem', old.certificate)
    put('old-key.pem', old.key)
    await assert.rejects(
      read({ tls: tls({ certificate: at('old.pem'), key: at('old-key.pem') }) }),
      /old\.pem expired on/,
    )
  })
})

/** Whether a client that expects one of the names takes a server of this certificate. */
async function takes(order: Partial<CertificateOrder>, names: readonly string[]): Promise<boolean> {
  const { certificate, key } = await pairOf({ usages: ['server'], ...order })
  const server = createServer({ cert: certificate, key }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: authority.certificate,
    checkServerIdentity: identityAmong(names),
  })
  try {
    await once(socket, 'secureConnect')
    return true
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ERR_TLS_CERT_ALTNAME_INVALID')
    return false
  } finally {
    socket.destroy()
    server.close()
  }
}

test('a node is one that has one of the names, and no other', async () => {
  const names = ['dns:cassandra.example.org', 'spiffe://example.org/cassandra']
  assert.ok(await takes({ dns: ['cassandra.example.org'] }, names))
  assert.ok(await takes({ uris: ['spiffe://example.org/cassandra'] }, names))
  assert.ok(!(await takes({ dns: ['db.example.org'] }, names)))
  assert.ok(!(await takes({ uris: ['spiffe://example.org/cassandra/else'] }, names)))
  assert.ok(!(await takes({ ips: ['127.0.0.1'] }, names)), 'its address is no name')
  assert.ok(!(await takes({ uris: ['spiffe://example.org/cassandra', 'spiffe://example.org/b'] }, names)))
  assert.ok(!(await takes({ name: 'cassandra.example.org', ips: ['127.0.0.1'] }, names)), 'a common name is no name')
})
