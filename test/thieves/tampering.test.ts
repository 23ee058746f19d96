/**
 * A thief who edits the database while the server runs. What was changed, moved or swapped is a loud, audited 500, never
 * another value and never "not found", which would log people out without a trace. What cannot be noticed is stated as
 * well: a row taken away is an ordinary miss, and so is one made to look ended.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CellRecord, makeRow, parseRow } from '../../packages/server/src/engines/embedded/record.ts'
import { type Keyset, loadKeysetFile } from '../../packages/server/src/records/index.ts'
import type { Client } from '../support/client.ts'
import { type Server, Site } from '../support/site.ts'
import { Opener, overwrite, rewrite, rowOf, takeAway } from './thief.ts'

/** Where the parts of a sealed record begin. */
const AT = { version: 0, keyId: 1, salt: 5, commitment: 37, ciphertext: 69 } as const
const TAG_BYTES = 16
const VALUE_BYTES = 300

function flip(sealed: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(sealed)
  changed[at]! ^= 1
  return changed
}

describe('a database that is edited', () => {
  let site: Site
  let server: Server
  let client: Client
  let keyset: Keyset
  let file: string
  /** A session made for each test, and another one. */
  let target: string
  let other: string
  const values = new Map<string, Buffer>()

  before(async () => {
    site = await Site.make()
    server = await site.start()
    client = server.client()
    file = join(site.folder, 'db/holdfast.sqlite')
    const passphrase = readFileSync(join(site.folder, 'passphrase'))
    keyset = await loadKeysetFile(join(site.folder, 'keys/stores.json'), 'stores', { passphrase })
  })
  after(async () => {
    await server.stop()
    site.remove()
  })
  const make = async (store = 'sessions') => {
    const path = `/${store}/v1/${randomBytes(24).toString('base64url')}`
    values.set(path, randomBytes(VALUE_BYTES))
    assert.equal((await client.put(path, values.get(path)!)).status, 201)
    return path
  }
  beforeEach(async () => {
    target = await make()
    other = await make()
  })

  function addressOf(path: string): Buffer {
    const [, store, , key] = path.split('/')
    return new Opener(keyset, `store:${store}`).address(Buffer.from(key!))
  }
  const edit = (path: string, how: (record: CellRecord) => CellRecord) => rewrite(file, addressOf(path), how)
  const rowAt = (path: string) => rowOf(file, addressOf(path))!
  const find = (path: string) => parseRow(rowAt(path))[0]!
  const reseal = (path: string, how: (sealed: Uint8Array) => Uint8Array) => {
    edit(path, (record) => ({ ...record, sealed: how(record.sealed) }))
  }

  /** It is unreadable, the audit says why (ten alike in ten seconds, and no more), and its neighbours are untouched. */
  async function isUnreadable(path: string, cause: string): Promise<void> {
    const before = server.program.audit().length
    const answer = await client.get(path)
    assert.equal(answer.status, 500)
    assert.equal(JSON.parse(answer.body.toString()).code, 'unreadable')
    const events = await server.program.until('the audit', (it) =>
      it
        .audit()
        .slice(before)
        .find((line) => line.event === 'unreadable'),
    )
    assert.deepEqual([events.store, events.cause], [path.split('/')[1], cause])
    const safe = await make()
    assert.deepEqual((await client.get(safe)).body, values.get(safe))
  }

  const edits: [what: string, cause: string, edit: (sealed: Uint8Array) => Uint8Array][] = [
    ['its version changed', 'malformed', (sealed) => flip(sealed, AT.version)],
    ['its key id changed', 'unknown-key', (sealed) => flip(sealed, AT.keyId + 3)],
    ['its salt changed', 'commitment', (sealed) => flip(sealed, AT.salt)],
    ['its commitment changed', 'commitment', (sealed) => flip(sealed, AT.commitment + 31)],
    ['its sealed times changed', 'tag', (sealed) => flip(sealed, AT.ciphertext + 15)],
    ['its value changed', 'tag', (sealed) => flip(sealed, AT.ciphertext + 16)],
    ['its tag changed', 'tag', (sealed) => flip(sealed, sealed.length - 1)],
    ['its last byte cut off', 'tag', (sealed) => sealed.subarray(0, -1)],
    ['a byte appended', 'tag', (sealed) => Buffer.concat([sealed, Buffer.alloc(1)])],
    ['its tag cut off', 'tag', (sealed) => sealed.subarray(0, -TAG_BYTES)],
    ['cut to its header', 'malformed', (sealed) => sealed.subarray(0, AT.ciphertext)],
    ['cut to one byte', 'malformed', (sealed) => sealed.subarray(0, 1)],
    ['zeroes instead', 'malformed', (sealed) => new Uint8Array(sealed.length)],
    ['random bytes instead', 'malformed', (sealed) => Buffer.concat([Buffer.alloc(1), randomBytes(sealed.length - 1)])],
  ]
  for (const [what, cause, change] of edits) {
    test(`${what}: unreadable`, async () => {
      reseal(target, change)
      await isUnreadable(target, cause)
    })
  }

  test('asked for without its value: unreadable just the same', async () => {
    reseal(target, (sealed) => flip(sealed, AT.ciphertext))
    assert.equal((await client.ask('HEAD', target)).status, 500)
  })

  test('another session put in its place, and the other way round: both unreadable', async () => {
    const [mine, theirs] = [find(target), find(other)]
    reseal(target, () => theirs.sealed)
    reseal(other, () => mine.sealed)
    await isUnreadable(target, 'commitment')
    await isUnreadable(other, 'commitment')
  })

  test('a session put in the place of a record of another store, under the very same key: unreadable', async () => {
    const elsewhere = target.replace('sessions', 'echoseen')
    assert.equal((await client.put(elsewhere, randomBytes(VALUE_BYTES))).status, 201)
    reseal(elsewhere, () => find(target).sealed)
    await isUnreadable(elsewhere, 'tag')
  })

  test('prolonged beyond its sealed expiry: unreadable', async () => {
    edit(target, (record) => ({ ...record, expiresAt: record.expiresAt + 10 * 60_000 }))
    await isUnreadable(target, 'prolonged')
    edit(other, (record) => ({ ...record, expiresAt: 0 }))
    await isUnreadable(other, 'prolonged')
  })

  test('prolonged by less than clocks may differ: over when the seal says so', async () => {
    assert.equal((await client.put(target, 'short', { 'holdfast-ttl': '1' })).status, 201)
    const { expiresAt } = find(target)
    edit(target, (record) => ({ ...record, expiresAt: expiresAt + 50_000 }))
    while (Date.now() <= expiresAt) await sleep(10)
    assert.equal((await client.get(target)).status, 404)
  })

  test('put, whole, where another key would lie: unreadable there', async () => {
    const elsewhere = `/sessions/v1/${randomBytes(24).toString('base64url')}`
    const record = { ...find(target), address: addressOf(elsewhere) }
    overwrite(file, addressOf(elsewhere), makeRow([record]), record.expiresAt)
    await isUnreadable(elsewhere, 'commitment')
  })

  const breakages: [what: string, row: (mine: Uint8Array, theirs: Uint8Array) => Uint8Array][] = [
    ['empty', () => new Uint8Array(0)],
    ['cut within its header', (mine) => mine.subarray(0, 20)],
    ['cut within its record', (mine) => mine.subarray(0, 200)],
    [
      'longer by its own account than it is',
      (mine) => Buffer.concat([Buffer.from('7fffffff', 'hex'), mine.subarray(4)]),
    ],
    ['of no length by its own account', (mine) => Buffer.concat([Buffer.alloc(4), mine.subarray(4)])],
    ['that of another key', (_, theirs) => theirs],
    ['random', (mine) => randomBytes(mine.length)],
  ]
  for (const [what, change] of breakages) {
    test(`its row is ${what}: a fault however it is asked for, never a miss, and others are served`, async () => {
      const { expiresAt } = find(target)
      overwrite(file, addressOf(target), change(rowAt(target), rowAt(other)), expiresAt)
      const fresh = await make()
      const asked = ['GET', 'HEAD', 'GET', 'PUT', 'DELETE'].map((method) => {
        return client.ask(method, target, method === 'PUT' ? { body: 'x' } : {})
      })
      const [got, ...answers] = await Promise.all(asked)
      for (const { status } of [got!, ...answers.slice(0, 2)]) assert.ok(status === 500 || status === 503, `${status}`)
      for (const path of [other, fresh, await make()]) assert.deepEqual((await client.get(path)).body, values.get(path))
    })
  }

  test('what does not open can be replaced where keys may be written again, and ended everywhere', async () => {
    const again = await make('echoseen')
    reseal(again, (sealed) => flip(sealed, AT.salt))
    const value = randomBytes(VALUE_BYTES)
    assert.equal((await client.put(again, value)).status, 201)
    assert.deepEqual((await client.get(again)).body, value)
    reseal(target, (sealed) => flip(sealed, AT.salt))
    assert.equal((await client.delete(target)).status, 204)
    assert.equal((await client.get(target)).status, 404)
  })

  test('taken unreadable: a fault without the value, and over all the same', async () => {
    reseal(target, (sealed) => flip(sealed, AT.ciphertext + 20))
    assert.equal((await client.delete(target, { prefer: 'return=representation' })).status, 500)
    assert.equal((await client.get(target)).status, 404)
    assert.equal((await client.put(target, 'late')).status, 409)
  })

  test('not noticed, as the documentation says: taken away, made to look ended, or filed under another space', async () => {
    const gone = await make()
    takeAway(file, addressOf(gone))
    reseal(target, () => new Uint8Array(0))
    edit(other, (record) => ({ ...record, space: record.space + 1 }))
    for (const path of [gone, target, other]) assert.equal((await client.get(path)).status, 404)
  })
})
