/**
 * Storage that does not belong to the keyset, or not to this day. An old backup put back is not noticed, and brings back
 * what was ended since, as the documentation says; what has expired stays over whatever backup it comes from. A keyset
 * that is foreign, stale, shut or gone stops the start, instead of telling everybody that they are logged out.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createKeysetFile, Keyset, loadKeysetFile } from '../../packages/server/src/records/index.ts'
import { whenReady } from '../support/process.ts'
import { Site } from '../support/site.ts'
import { dump, rewrite } from './thief.ts'

const REFUSED = 3

describe('an old backup put back', () => {
  test('serves what has not expired, ended or not, and nothing that has', async (t) => {
    const site = await Site.make()
    t.after(() => site.remove())
    const file = join(site.folder, 'db/holdfast.sqlite')
    const backup = join(site.folder, 'backup.sqlite')
    let server = await site.start()
    let client = server.client()
    assert.equal((await client.put('/sessions/v1/changed', 'old')).status, 201)
    assert.equal((await client.put('/sessions/v1/ended', 'brought back')).status, 201)
    for (const key of ['short', 'shifted']) {
      const { status } = await client.put(`/echoseen/v1/${key}`, 'over', { 'holdfast-ttl': '1' })
      assert.equal(status, 201)
    }
    await server.stop()
    copyFileSync(file, backup)

    server = await site.start()
    client = server.client()
    assert.equal((await client.put('/sessions/v1/changed', 'new')).status, 201)
    assert.equal((await client.delete('/sessions/v1/ended')).status, 204)
    await server.stop()
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
    copyFileSync(backup, file)
    // Of the two that are over once their second is, one is made to look alive.
    const short = dump(file).filter(({ expiresAt }) => expiresAt > 0 && expiresAt < Date.now() + 60_000)
    assert.equal(short.length, 2)
    const over = Math.max(...short.map(({ expiresAt }) => expiresAt))
    while (Date.now() <= over) await sleep(10)
    rewrite(file, short[0]!.address, (record) => ({ ...record, expiresAt: Date.now() + 3_600_000 }))

    server = await site.start()
    client = server.client()
    assert.equal((await client.get('/sessions/v1/changed')).body.toString(), 'old', 'an older value is not noticed')
    assert.equal(
      (await client.get('/sessions/v1/ended')).body.toString(),
      'brought back',
      'a missing end is not noticed',
    )
    const statuses = [await client.get('/echoseen/v1/short'), await client.get('/echoseen/v1/shifted')].map(
      ({ status }) => status,
    )
    assert.deepEqual(statuses.sort(), [404, 500], 'expired: a miss, and the prolonged one unreadable')
    await server.stop()
  })
})

describe('a keyset that does not belong to the storage stops the start', () => {
  let site: Site
  let file: string
  let passphrase: Buffer
  let first: Keyset
  const kept = randomBytes(24).toString('base64url')

  async function put(keyset: Keyset): Promise<void> {
    rmSync(file, { force: true })
    await createKeysetFile(file, keyset, { passphrase })
  }

  /** Starts, expects the refusal with a hint, and that nothing was served and no record touched. */
  async function isRefused(message: RegExp): Promise<void> {
    const before = dump(join(site.folder, 'db/holdfast.sqlite'))
    const program = site.launch()
    const served = await whenReady(program).then(
      () => true,
      () => false,
    )
    const { code } = await program.stop('SIGKILL')
    assert.deepEqual([served, code], [false, REFUSED], program.stderr)
    assert.match(program.stderr, message)
    assert.match(program.stderr, /\n {2}\S/, 'a hint follows')
    assert.deepEqual(dump(join(site.folder, 'db/holdfast.sqlite')), before)
  }

  before(async () => {
    site = await Site.make()
    file = join(site.folder, 'keys/stores.json')
    passphrase = readFileSync(join(site.folder, 'passphrase'))
    first = await loadKeysetFile(file, 'stores', { passphrase })
    const server = await site.start()
    assert.equal((await server.client().put(`/sessions/v1/${kept}`, 'kept')).status, 201)
    await server.stop()
  })
  after(() => site.remove())

  test('foreign: made for another storage', async () => {
    await put(Keyset.generate('stores'))
    await isRefused(/keyset of the stores/)
  })

  test('foreign, under the address key of this one', async () => {
    const { keys } = Keyset.generate('stores')
    await put(new Keyset('stores', first.addressKey, keys))
    await isRefused(/keyset of the stores .*unknown-key/)
  })

  test('foreign address key, under the sealing keys of this one', async () => {
    const { addressKey } = Keyset.generate('stores')
    await put(new Keyset('stores', addressKey, first.keys))
    await isRefused(/another address key/)
  })

  test('gone', async () => {
    rmSync(file)
    await isRefused(/stores\.json: cannot be opened \(ENOENT\)/)
  })

  test('shut: the passphrase is another', async () => {
    await createKeysetFile(file, first, { passphrase: randomBytes(32) })
    await isRefused(/wrong passphrase, or damaged/)
  })

  test('stale: older than the promotion of a key that the storage already uses', async () => {
    const { keyset, id } = first.add()
    const rotated = keyset.promote(id)
    await put(rotated)
    let server = await site.start()
    assert.equal((await server.client().get(`/sessions/v1/${kept}`)).body.toString(), 'kept', 'the rotated one serves')
    await server.stop()

    await put(first)
    await isRefused(/keyset of the stores .*unknown-key/)

    await put(rotated)
    server = await site.start()
    assert.equal((await server.client().get(`/sessions/v1/${kept}`)).body.toString(), 'kept', 'nothing was lost')
    await server.stop()
  })
})
