/**
 * A TLS setting, an authority or an audit file that cannot be honoured stops the start of the real server, with its exit
 * code and with words that say what to do; nothing listens then.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { connect } from 'node:tls'
import { DEVELOPMENT_AUTHORITY } from '../../packages/server/src/access/authorities.ts'
import { type Issued, inDays, issue, makeAuthority, makeRevocationList } from '../../packages/server/src/cli/pki.ts'
import { type Draft, Site } from '../support/site.ts'

let site: Site
before(async () => {
  site = await Site.make()
})
beforeEach(() => site.configure())
after(() => site.remove())

/** Starts with the changed configuration; the server must end with this code, saying this, before it listens. */
async function refuses(code: number, expected: RegExp, change: (draft: Draft) => void = () => {}): Promise<void> {
  site.configure(change)
  const program = site.launch()
  const ending = await program.ended
  assert.match(program.stderr, expected)
  assert.deepEqual(ending, { code, signal: null })
  assert.deepEqual(program.audit(), [], 'it never said that it had started')
}

const order = { name: 'server', dns: ['localhost'], usages: ['server'] as const, notAfter: inDays(1) }
function give(name: string, { certificate, key }: Issued): (draft: Draft) => void {
  site.write(`tls/${name}.pem`, certificate)
  site.write(`tls/${name}-key.pem`, key)
  return (draft) => {
    draft.listen.certificate = `tls/${name}.pem`
    draft.listen.key = `tls/${name}-key.pem`
  }
}

test('a key of another certificate', async () => {
  await refuses(3, /listen: .*all-key\.pem is not the key of .*server\.pem\n.*both of one pair/, (draft) => {
    draft.listen.key = 'tls/all-key.pem'
  })
})

test('an expired server certificate, on the basic listener too', async () => {
  const old = await issue({ ...order, authority: site.authority, notBefore: inDays(-2), notAfter: inDays(-1) })
  const use = give('old', old)
  await refuses(3, /listen: .*old\.pem expired on .*\n.*holdfast ca renew --ca FOLDER .*old\.pem/, use)
  await refuses(3, /basicListen: .*old\.pem expired on/, (draft) => {
    use(draft)
    draft.basicListen = draft.listen
    draft.listen = { ...draft.listen, certificate: 'tls/server.pem', key: 'tls/server-key.pem' }
  })
})

test("a client's certificate, or one that names no host", async () => {
  const client = await issue({ ...order, authority: site.authority, usages: ['client'] })
  const says =
    /listen: .*client\.pem is not for servers \(extended key usage serverAuth is missing\)\n.*holdfast ca issue --server/
  await refuses(3, says, give('client', client))
  const { dns: _, ...nameless } = order
  const use = give('nameless', await issue({ ...nameless, authority: site.authority }))
  await refuses(3, /listen: .*nameless\.pem is for no host .*subjectAltName\)\n.*holdfast ca issue --server/, use)
})

test('a port that is taken: which option chose it, and an exit code after which it is tried again', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const says = (option: string) => new RegExp(`port ${port} \\(${option}\\) is taken\n.*ss -ltnp 'sport = :${port}'`)
  for (const key of ['listen', 'basicListen', 'admin'] as const) {
    site.configure((draft) => Object.assign(draft[key], { port }))
    const program = site.launch()
    assert.deepEqual(await program.ended, { code: 1, signal: null })
    assert.match(program.stderr, says(`${key}\\.port`))
  }
  other.close()
})

test('a disk without space: a first start is refused, a later one serves and says once what it refuses', async () => {
  const full = { writes: '1000000GiB', ends: '0' }
  const folder = (draft: Draft) => {
    draft.engine.embedded = { file: 'db/full.sqlite', minFree: full }
  }
  await refuses(
    3,
    /^holdfast: .*\/db: \d+MiB free, and below 1024000000MiB writes are refused\n {2}Free some, .*\n$/,
    folder,
  )
  site.configure((draft) => Object.assign(draft.engine.embedded, { file: 'db/full.sqlite' }))
  await (await site.start()).stop()
  site.configure(folder)
  const server = await site.start()
  assert.equal((await server.client().put('/sessions/v1/a', 'x')).status, 503)
  await server.stop()
  const warnings = server.program
    .lines()
    .filter(({ level, msg }) => level === 'warn' && !/renew|revocation/.test(`${msg}`))
  assert.deepEqual(
    warnings.map(({ msg, folder, floors }) => ({ msg, folder, floors })),
    [
      {
        msg: 'little space is left: writes are refused, logouts go on',
        folder: join(site.folder, 'db'),
        floors: { writes: 1_000_000 * 2 ** 30, ends: 0 },
      },
    ],
  )
  assert.ok(Number(warnings[0]!.free) > 0)
})

test('a store that is not what it was', async () => {
  site.configure((draft) => Object.assign(draft.engine.embedded, { file: 'db/other.sqlite' }))
  await (await site.start()).stop()
  await refuses(3, /^holdfast: store sessions: final was true when it was made and is now false\n/, (draft) => {
    draft.engine.embedded.file = 'db/other.sqlite'
    draft.stores[0].final = false
  })
})

test('a key that everybody on the machine may use', async () => {
  const use = give('open', await issue({ ...order, authority: site.authority }))
  const path = join(site.folder, 'tls/open-key.pem')
  chmodSync(path, 0o644)
  await refuses(3, /everybody on this machine may use .*open-key\.pem\n.*chmod o-rwx/, use)
})

test('a certificate that is not there, or is none', async () => {
  await refuses(3, /listen: .*nowhere\.pem cannot be read \(ENOENT\)/, (draft) => {
    draft.listen.certificate = 'tls/nowhere.pem'
  })
  await refuses(3, /authority internal: .*server-key\.pem holds no CERTIFICATE/, (draft) => {
    draft.authorities[0].certificate = 'tls/server-key.pem'
  })
})

test("an authority's key beside its certificate", async () => {
  site.write('tls/ca-key.pem', 'wrapped or not, it is not opened')
  await refuses(3, /authority internal: its key is beside its certificate.*ca-key\.pem\n.*keep the authority elsewhere/)
  rmSync(join(site.folder, 'tls/ca-key.pem'))
})

test("development's authority, and a certificate from it", async () => {
  const authority = await makeAuthority(DEVELOPMENT_AUTHORITY, { notAfter: inDays(1) })
  site.write('tls/development.pem', authority.certificate)
  await refuses(3, /authority internal: CN=Holdfast development CA was made for development/, (draft) => {
    draft.authorities[0].certificate = 'tls/development.pem'
  })
  await refuses(3, /listen: .*made for development/, give('made', await issue({ ...order, authority })))
})

test('a leaf as an authority', async () => {
  await refuses(3, /authority internal: CN=all is not the certificate of an authority/, (draft) => {
    draft.authorities[0].certificate = 'tls/all.pem'
  })
})

test('revocation lists: for some only, stale, of another authority', async () => {
  await refuses(2, /authorities\[1\]\.crl: missing/, (draft) => {
    draft.authorities = [
      { ...draft.authorities[0], crl: 'tls/ca.crl' },
      { ...draft.authorities[0], name: 'other' },
    ]
  })
  const use = (draft: Draft) => {
    draft.authorities[0].crl = 'tls/ca.crl'
  }
  const past = { notBefore: inDays(-2), notAfter: inDays(-1) }
  site.write('tls/ca.crl', await makeRevocationList(site.authority, [], past))
  await refuses(3, /ca\.crl is stale since/, use)
  const other = await makeAuthority('other', { notAfter: inDays(1) })
  site.write('tls/ca.crl', await makeRevocationList(other, [], { notAfter: inDays(1) }))
  await refuses(3, /has no revocation list of CN=Test authority/, use)
})

test('an audit file that others can read', async () => {
  site.write('audit.jsonl', '')
  chmodSync(join(site.folder, 'audit.jsonl'), 0o644)
  await refuses(3, /audit file .*audit\.jsonl can be reached by others \(mode 644\)\n.*chmod 600/, (draft) => {
    draft.audit = { file: 'audit.jsonl' }
  })
})

test('TLS 1.2 is spoken only where it was asked for', async () => {
  site.configure((draft) => {
    draft.listen.minVersion = 'TLSv1.2'
  })
  const server = await site.start()
  const { certificate: cert, key } = site.certificates.all
  const speaks = (port: number) =>
    new Promise((done) => {
      const options = {
        port,
        host: '127.0.0.1',
        ca: site.authority.certificate,
        cert,
        key,
        maxVersion: 'TLSv1.2',
      } as const
      const socket = connect(options, () => {
        done(socket.getProtocol())
        socket.destroy()
      })
      socket.on('error', (error: NodeJS.ErrnoException) => done(error.code))
    })
  assert.equal(await speaks(server.ports.public), 'TLSv1.2')
  assert.equal(await speaks(server.ports.basic!), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
  await server.stop()
})
