/** The example in docs/operations.md is what a real server in that state is told, but for its figures. */
import assert from 'node:assert/strict'
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Program, ROOT, whenReady } from '../../../../../test/support/process.ts'
import { Site } from '../../../../../test/support/site.ts'
import { MAIN, run } from '../../../test/cli.ts'
import { freePort } from '../../../test/doctor.ts'
import { inDays, issue, makeAuthority } from '../pki.ts'

const PAGE = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
const [, example] = /```console\n\$ sudo holdfast doctor .*\n([^`]*)```/.exec(PAGE)!

/** Without figures, and without what other machines say of their memory. */
function plain(text: string): string[] {
  const lines = text.replace(/^(\S+ +memory +)(?! |a crash ).*\n( {24}mend: .*\n)?/gm, '')
  return lines
    .replace(/\d+[KMG]?i?B?/g, 'N')
    .replaceAll('but root', 'but user N and root')
    .trimEnd()
    .split('\n')
}

test('docs/operations.md shows what it prints', async (t) => {
  const [listen, admin] = await Promise.all([freePort(), freePort()])
  const site = await Site.make((draft) => {
    delete draft.basicListen
    draft.basic = []
    draft.grants.pop()
    draft.listen.port = listen
    draft.admin = { port: admin }
    draft.limits = { connections: 500, connectionsPerCaller: 500 }
    draft.engine.embedded.minFree = { writes: '2MiB', ends: '1MiB' }
  })
  t.after(() => site.remove())
  const authority = await makeAuthority('Internal', { notAfter: inDays(1800) })
  site.write('tls/ca.pem', authority.certificate)
  const order = { authority, name: 'holdfast.example.org', dns: ['holdfast.example.org'], usages: ['server'] as const }
  const { certificate, key } = await issue({ ...order, notBefore: inDays(-79), notAfter: inDays(11.5) })
  site.write('tls/server.pem', certificate)
  site.write('tls/server-key.pem', key)
  site.write('timedatectl', '#!/bin/sh\necho no\n')
  chmodSync(join(site.folder, 'timedatectl'), 0o755)
  const file = join(site.folder, 'holdfast.yaml')
  const limited = ['sh', '-c', 'ulimit -c unlimited; exec "$0" "$@"', process.execPath, MAIN, 'serve', '--config', file]
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined, NODE_OPTIONS: undefined }
  const server = new Program(limited, { env })
  t.after(() => server.stop('SIGKILL'))
  await whenReady(server)
  const path = `PATH=${site.folder}:${process.env.PATH}`
  const names = ['--names', 'holdfast.example.org', 'holdfast.internal']
  const { code, stdout } = await run(
    site.folder,
    'env',
    path,
    process.execPath,
    MAIN,
    'doctor',
    '--config',
    file,
    ...names,
  )
  assert.equal(code, 5)
  const [shown, counts] = example!.split(/(?=^ok: )/m)
  assert.deepEqual(plain(stdout.replaceAll(site.folder, '/etc/holdfast')), plain(shown!))
  const many = (level: string) => shown!.split('\n').filter((line) => line.startsWith(level)).length
  assert.equal(counts, `ok: ${many('ok')}, warnings: ${many('warning')}, problems: ${many('problem')}\n`)
})
