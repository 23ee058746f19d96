/** Owners and modes, changed for real. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { Site } from '../../../../../test/support/site.ts'
import { complaints, factsOf } from '../../../test/doctor.ts'
import type { Facts } from './facts.ts'
import { permissions } from './permissions.ts'

const root = process.geteuid!() === 0 ? false : 'only root gives files away'
const NOBODY = 65_534

let site: Site
let facts: Facts
before(async () => {
  site = await Site.make((draft) => {
    draft.audit = { file: 'audit.jsonl' }
  })
  site.write('audit.jsonl', '')
  site.write('db/holdfast.sqlite', '')
  facts = await factsOf(site)
})
beforeEach((t) => {
  assert.deepEqual(complaints(permissions(facts)), [], `before: ${'name' in t ? t.name : ''}`)
})
after(() => site.remove())

const at = (name: string) => join(site.folder, name)
/** What is said while a file has this mode. */
function withMode(name: string, mode: number): string[] {
  const usual = name === 'db' || name === '.' ? 0o700 : 0o600
  chmodSync(at(name), mode)
  const told = complaints(permissions(facts))
  chmodSync(at(name), usual)
  return told
}
const one = (lines: readonly string[], pattern: RegExp) => {
  assert.equal(lines.length, 1, lines.join('\n'))
  assert.match(lines[0]!, pattern)
}

test('a good one says how many files', () => {
  assert.match(permissions(facts)[0]!.what, /^\d+ files, which nobody may change but /)
})

test('a file that everybody may change', () => {
  one(withMode('tls/ca.pem', 0o646), /^problem: everybody on this machine may change .*ca\.pem => chmod o-w \//)
})

test('a file that its group may change', () => {
  one(withMode('holdfast.yaml', 0o664), /^warning: more than the owner may change \/.*holdfast\.yaml => chmod g-w \//)
})

test('a folder that everybody may change, unless it is sticky', () => {
  one(withMode('db', 0o707), /^problem: everybody on this machine may change .*\/db => /)
  assert.deepEqual(withMode('db', 0o1777), [])
  one(withMode('.', 0o707), /^problem: everybody on this machine may change /)
})

test('a database or an audit file that everybody may read', () => {
  one(
    withMode('db/holdfast.sqlite', 0o644),
    /^warning: everybody on this machine may read .*holdfast\.sqlite => chmod o-rwx/,
  )
  one(withMode('audit.jsonl', 0o604), /^warning: everybody on this machine may read .*audit\.jsonl/)
  assert.deepEqual(withMode('tls/ca.pem', 0o644), [], 'a certificate is for everybody')
})

test('a file of somebody else', { skip: root }, (t) => {
  chownSync(at('passphrase'), NOBODY, NOBODY)
  t.after(() => chownSync(at('passphrase'), 0, 0))
  one(
    complaints(permissions(facts)),
    /^warning: user 65534 owns \/.*passphrase and may change it, but the server is root => chown 0 \//,
  )
})

test('a file that the running server cannot read again', { skip: root }, (t) => {
  const server = (uid: number, groups: number[]): Facts['server'] => {
    const limits = { openFiles: 1, coreBytes: 0 }
    const process = { pid: 1, uid, groups, options: [], environment: {}, ports: [], limits, group: undefined }
    return { state: 'running', uid, process, ready: new Error(), metrics: new Error() }
  }
  const told = (uid: number, groups: number[]) => {
    return complaints(permissions({ ...facts, server: server(uid, groups) })).filter((line) =>
      line.includes('any more'),
    )
  }
  assert.ok(told(NOBODY, [NOBODY]).length > 3)
  t.after(() => {
    chownSync(at('passphrase'), 0, 0)
    chmodSync(at('tls/ca.pem'), 0o600)
  })
  chownSync(at('passphrase'), NOBODY, NOBODY)
  assert.deepEqual(told(0, [0]), [], 'root may read everything')
  const ca = (groups: number[]) => told(NOBODY, groups).some((line) => line.includes('/ca.pem'))
  assert.equal(ca([0]), true)
  chmodSync(at('tls/ca.pem'), 0o640)
  assert.equal(ca([0]), false)
  assert.equal(ca([NOBODY]), true)
  chmodSync(at('tls/ca.pem'), 0o604)
  assert.equal(ca([NOBODY]), false)
})

test('keys in the folder of the database', async (t) => {
  mkdirSync(at('db/keys'), { mode: 0o700 })
  renameSync(at('keys/stores.json'), at('db/keys/stores.json'))
  t.after(() => renameSync(at('db/keys/stores.json'), at('keys/stores.json')))
  site.configure((draft) => {
    draft.keys.stores.file = 'db/keys/stores.json'
  })
  one(complaints(permissions(await factsOf(site))), /^warning: .*stores\.json lies in the folder of the database/)
})
