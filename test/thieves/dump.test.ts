/**
 * Thieves of stored data. One has the database and the keyset, but not the session ids. One has the database and a
 * client's certificate, but not the keyset. Neither reads a session; each test shows beside it that the same thief
 * succeeds when given what it lacks, or the failure would prove nothing.
 */
import assert from 'node:assert/strict'
import { createPrivateKey, createSecretKey, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { Keyset, KeysetError, loadKeysetFile } from '../../packages/server/src/records/index.ts'
import { Site } from '../support/site.ts'
import { dump, type Loot, Opener } from './thief.ts'

const SESSIONS = 'store:sessions'

describe('a stolen database', () => {
  let site: Site
  let keyset: Keyset
  let loot: Loot[]
  /** Session id to value. */
  const sessions = new Map<string, Buffer>()
  const GUESSABLE = 'user:1'

  before(async () => {
    for (let i = 0; i < 8; i++) sessions.set(randomBytes(32).toString('base64url'), randomBytes(200))
    sessions.set(GUESSABLE, randomBytes(200))
    site = await Site.make()
    const server = await site.start()
    const client = server.client()
    for (const [id, value] of sessions) assert.equal((await client.put(`/sessions/v1/${id}`, value)).status, 201)
    await server.stop()
    const passphrase = readFileSync(join(site.folder, 'passphrase'))
    keyset = await loadKeysetFile(join(site.folder, 'keys/stores.json'), 'stores', { passphrase })
    loot = dump(join(site.folder, 'db/holdfast.sqlite')).filter((record) => record.spaceId === SESSIONS)
  })
  after(() => site.remove())

  const secretIds = () => [...sessions.keys()].filter((id) => id !== GUESSABLE)

  test('shows how many records there are and how long, and nothing more', () => {
    assert.equal(loot.length, sessions.size)
    assert.ok(loot.every((record) => record.address.length === 32))
    assert.equal(new Set(loot.map((record) => record.sealed.length)).size, 1)
  })

  test('with the keyset: opens nothing whose key is a secret that the thief lacks', () => {
    const opener = new Opener(keyset, SESSIONS)
    const [own, ...others] = secretIds()
    const target = others[0]!
    const stolen = loot.find((record) => opener.address(Buffer.from(target)).equals(record.address))!
    // All that the thief holds or can compute, as the key that a client would present.
    const held: Buffer[] = [
      Buffer.alloc(0),
      Buffer.from(own!),
      keyset.addressKey.export(),
      keyset.primary.secret.export(),
    ]
    for (const record of loot)
      held.push(Buffer.from(record.address), Buffer.from(record.sealed), opener.address(record.address))
    const dressed = held.flatMap((key) => [
      key,
      ...(['hex', 'base64', 'base64url'] as const).map((form) => Buffer.from(key.toString(form))),
    ])
    for (const key of dressed) assert.equal(opener.open(stolen, key), 'commitment')

    const opened = opener.open(stolen, Buffer.from(target))
    assert.ok(typeof opened === 'object' && opened.value.equals(sessions.get(target)!), 'with the id it opens')
  })

  test('with the keyset: a guess that is nearly right is as wrong as any other', () => {
    const opener = new Opener(keyset, SESSIONS)
    const id = Buffer.from(secretIds()[0]!)
    const record = loot.find(({ address }) => opener.address(id).equals(address))!
    fc.assert(
      fc.property(fc.nat(id.length * 8 - 1), (bit) => {
        const guess = Buffer.from(id)
        guess[bit >> 3]! ^= 1 << (bit & 7)
        assert.equal(opener.open(record, guess), 'commitment')
        assert.ok(!opener.address(guess).equals(record.address))
      }),
    )
    for (const guess of [id.subarray(1), id.subarray(0, -1), Buffer.concat([id, Buffer.alloc(1)])]) {
      assert.equal(opener.open(record, guess), 'commitment')
    }
  })

  test('with the keyset: a key that can be guessed is no secret, as the documentation says', () => {
    const opener = new Opener(keyset, SESSIONS)
    const guess = Array.from({ length: 10 }, (_, i) => Buffer.from(`user:${i}`)).find((key) => {
      return loot.some(({ address }) => opener.address(key).equals(address))
    })!
    const record = loot.find(({ address }) => opener.address(guess).equals(address))!
    const opened = opener.open(record, guess)
    assert.ok(typeof opened === 'object' && opened.value.equals(sessions.get(GUESSABLE)!))
  })

  test('with a session id and a client key, without the keyset: neither finds the record nor opens it', () => {
    const id = Buffer.from(secretIds()[0]!)
    const { d } = createPrivateKey(site.certificates.all.key).export({ format: 'jwk' })
    const clientSecret = createSecretKey(Buffer.from(d as string, 'base64url'))
    const real = keyset.primary
    // Keysets that the thief can make: new ones, and ones out of the client's own key, under the id that records show.
    const made = [Keyset.generate('stores'), new Keyset('stores', clientSecret, [{ ...real, secret: clientSecret }])]
    const borrowed = made.map(
      (each) => new Keyset('stores', each.addressKey, [{ ...real, secret: each.primary.secret }]),
    )
    for (const guess of [...made, ...borrowed]) {
      const opener = new Opener(guess, SESSIONS)
      assert.ok(!loot.some(({ address }) => opener.address(id).equals(address)), 'the record is not found')
      for (const record of loot) assert.match(String(opener.open(record, id)), /^(unknown-key|commitment)$/)
    }
    assert.ok(
      loot.some(({ address }) => new Opener(keyset, SESSIONS).address(id).equals(address)),
      'with the keyset it is',
    )
  })

  test('with the keyset file, without its passphrase: the file stays shut', async () => {
    const file = join(site.folder, 'keys/stores.json')
    const wrong = { passphrase: randomBytes(32).toString('base64url') }
    for (const wrapping of [wrong, 'unwrapped'] as const)
      await assert.rejects(loadKeysetFile(file, 'stores', wrapping), KeysetError)
  })

  test("with a client's certificate, on the running server: addresses are no keys", async (t) => {
    const server = await site.start()
    t.after(() => server.stop())
    const client = server.client()
    for (const { address } of loot) {
      const hex = Buffer.from(address).toString('hex')
      for (const key of [hex, hex.replace(/../g, '%$&'), Buffer.from(address).toString('base64url')]) {
        assert.equal((await client.get(`/sessions/v1/${key}`)).status, 404)
      }
    }
    assert.equal((await client.get(`/sessions/v1/${secretIds()[0]}`)).status, 200)
  })
})
