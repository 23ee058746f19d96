/**
 * The day on which a keyset, or what opens it, is lost: rehearsed with a real server. A loss is an error that says what to
 * bring, at the start and while it runs, and never an empty store; what escrow and the backup bring back opens everything.
 */
import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type Server, Site } from '../support/site.ts'
import { bring, done, during, keys, notReloaded, primaryOf, tookOver } from './support.ts'

const KEY = '/sessions/v1/5f2c9d41'

let site: Site
const lose = (name: string) => rmSync(join(site.folder, name), { force: true })

async function serves(server: Server): Promise<void> {
  assert.equal((await server.client().get(KEY)).body.toString(), 'kept')
}

/** The start ends with 3, and says this; nothing listened. */
async function doesNotStart(says: RegExp): Promise<void> {
  const program = site.launch()
  const { code } = await program.ended
  assert.equal(code, 3, program.stderr)
  assert.match(program.stderr, says)
  assert.ok(!program.lines().some(({ msg }) => msg === 'ready'))
}

async function startsAndServes(): Promise<void> {
  const server = await site.start()
  await serves(server)
  await server.stop()
}

before(async () => {
  site = await Site.make()
  const server = await site.start()
  assert.equal((await server.client().put(KEY, 'kept')).status, 201)
  await server.stop()
  bring(site, 'keys/stores.json', 'backup')
  // Two people in whose hands it lies, neither of whom can open anything.
  const passphrase = readFileSync(join(site.folder, 'passphrase'), 'latin1')
  site.write('envelope-1', passphrase.slice(0, 22))
  site.write('envelope-2', passphrase.slice(22))
})
after(() => site.remove())

describe('lost, and brought back', () => {
  beforeEach(() => {
    bring(site, 'backup', 'keys/stores.json')
    site.write('passphrase', envelopes())
  })
  const envelopes = () => ['envelope-1', 'envelope-2'].map((name) => readFileSync(join(site.folder, name))).join('')

  test('the keyset: from its backup', async () => {
    lose('keys/stores.json')
    await doesNotStart(/stores\.json: cannot be opened \(ENOENT\)\n.*restore it from its backup: no other keyset opens/)
    bring(site, 'backup', 'keys/stores.json')
    await startsAndServes()
  })

  test('the passphrase: from two envelopes; each alone opens nothing', async () => {
    lose('passphrase')
    await doesNotStart(/passphrase: cannot be opened \(ENOENT\)\n.*bring the passphrase from escrow/)
    for (const half of ['envelope-1', 'envelope-2']) {
      bring(site, half, 'passphrase')
      await doesNotStart(/stores\.json: .* wrong passphrase, or damaged\n.*passphrase from escrow/)
    }
    site.write('passphrase', envelopes())
    await startsAndServes()
  })

  test('both, under a running server: it goes on with what it holds, and takes them back', async (t) => {
    const server = await during(t, site.start())
    lose('keys/stores.json')
    lose('passphrase')
    await notReloaded(server.program, /cannot be opened \(ENOENT\)/)
    await serves(server)
    site.write('passphrase', envelopes())
    bring(site, 'backup', 'keys/stores.json')
    await server.program.until('a reload', (it) => it.lines().some(({ msg }) => msg === 'reloaded') || undefined)
    await serves(server)
    await server.stop()
  })

  test('an old passphrase opens the backup of its time, after a rewrap and whatever was lost since', async () => {
    site.write('next', 'a new passphrase of some length')
    await done(keys(site, 'rewrap', '--passphrase-file', 'next'))
    await doesNotStart(/wrong passphrase, or damaged/)
    bring(site, 'backup', 'keys/stores.json')
    await startsAndServes()
  })
})

describe('a backup of the keyset from before a rotation', () => {
  let id: number
  before(async () => {
    bring(site, 'backup', 'keys/stores.json')
    site.write('passphrase', ['envelope-1', 'envelope-2'].map((name) => readFileSync(join(site.folder, name))).join(''))
    const server = await site.start()
    id = Number(await done(keys(site, 'add')))
    bring(site, 'keys/stores.json', 'backup-between')
    await tookOver(server.program, 1)
    await done(keys(site, 'promote', String(id)))
    bring(site, 'keys/stores.json', 'backup-newest')
    await tookOver(server.program, 2)
    assert.equal((await server.client().put(KEY, 'kept')).status, 201)
    await server.stop()
  })
  beforeEach(() => bring(site, 'backup-newest', 'keys/stores.json'))

  test('without the new key: no start, and the running server keeps what it has', async (t) => {
    const server = await during(t, site.start())
    bring(site, 'backup', 'keys/stores.json')
    const problem = await notReloaded(server.program, /unknown-key/)
    assert.match(problem, new RegExp(`an old copy of the right one, which holds key ${id}: bring the newest`))
    await serves(server)
    await server.stop()
    await doesNotStart(new RegExp(`unknown-key\n.*holds key ${id}: bring the newest`))
    bring(site, 'backup-newest', 'keys/stores.json')
    await startsAndServes()
  })

  test('with the new key, from before its promotion: nothing is lost, and everybody is told', async (t) => {
    const server = await during(t, site.start())
    bring(site, 'backup-between', 'keys/stores.json')
    const problem = await notReloaded(server.program, /an old copy/)
    assert.match(problem, new RegExp(`before key ${id} was promoted\n.*newest`))
    await serves(server)
    await server.stop()

    const behind = await during(t, site.start())
    const warning = behind.program.lines().find(({ keyId }) => keyId === id)
    assert.match(String(warning?.msg), /old copy/)
    await serves(behind)
    const { stderr } = await keys(site, 'list')
    assert.match(stderr, new RegExp(`warning: this file is an old copy, from before key ${id} was promoted`))
    const refusal = await keys(site, 'promote', String(id))
    assert.equal(refusal.code, 3)
    assert.match(refusal.stderr, /old copy, .*\n {2}Bring the newest first/)
    assert.notEqual(await primaryOf(site), id)
    await behind.stop()
    bring(site, 'backup', 'keys/stores.json')
    await doesNotStart(/unknown-key/)
  })
})
