import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inDays, makeAuthority } from '../cli/pki.ts'
import { readAuthorities, TlsRefused } from './authorities.ts'

test('an authority whose key lies readable beside its certificate is refused, also through a symbolic link', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const name of ['ca', 'tls']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'ca/ca.pem'), (await makeAuthority('Own', { notAfter: inDays(1) })).certificate)
  symlinkSync('../ca/ca.pem', join(folder, 'tls/ca.pem'))
  const read = (certificate: string) =>
    readAuthorities([{ name: 'own', certificate: join(folder, certificate), vouchesFor: ['dns:a'] }])
  assert.equal((await read('tls/ca.pem')).length, 1)
  writeFileSync(join(folder, 'ca/ca-key.pem'), 'whatever: it is not opened')
  for (const certificate of ['ca/ca.pem', 'tls/ca.pem']) {
    await assert.rejects(read(certificate), (error) => {
      return error instanceof TlsRefused && /its key is beside its certificate.*ca\/ca-key\.pem$/.test(error.message)
    })
  }
})
