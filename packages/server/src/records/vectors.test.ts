/**
 * The stored formats, held against a second implementation: vectors/holdfast_vectors.py made the vectors that are kept
 * here, makes new ones in every run, and checks what this implementation makes.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createSecretKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Envelope } from './envelope.ts'
import { KeysetError, Unreadable } from './errors.ts'
import { etagOf } from './etag.ts'
import { Keyring } from './keyring.ts'
import { Keyset, type SealingKey } from './keyset.ts'
import { decodeKeyset, encodeKeyset } from './keyset-format.ts'
import { LABELS } from './labels.ts'
import { CELLS } from './test-support.ts'

const PYTHON = '/usr/bin/python3'
const KEPT = join(import.meta.dirname, 'vectors')
const SCRIPT = join(KEPT, 'holdfast_vectors.py')
const missing = spawnSync(PYTHON, ['-c', 'import cryptography']).status !== 0 && `needs ${PYTHON} and its cryptography`

interface KeysetVector {
  room: string
  addressKey: string
  keys: (Omit<SealingKey, 'secret'> & { secret: string })[]
}
interface Place {
  name: string
  shape: 'cell' | 'rows'
  space: string
  key: string
  order: string
  sealed: string
}
interface RecordVector extends Place {
  keyId: number
  writtenAt: number
  expiresAt: number
  value: string
  address: string
  etag: string
}
interface RecordVectors {
  keyset: KeysetVector
  records: RecordVector[]
  refused: (Place & { reason: string })[]
}
interface KeysetVectors {
  keyset: KeysetVector
  passphrase: string
  wrapped: object
  unwrapped: object
}

const hex = (text: string) => Buffer.from(text, 'hex')
const readJson = (folder: string, name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'))

function keysetOf({ room, addressKey, keys }: KeysetVector): Keyset {
  const secretOf = (text: string) => createSecretKey(hex(text))
  return new Keyset(
    room,
    secretOf(addressKey),
    keys.map((key) => ({ ...key, secret: secretOf(key.secret) })),
  )
}

function vectorOf({ room, addressKey, keys }: Keyset): KeysetVector {
  const bare = keys.map((key) => ({ ...key, secret: key.secret.export().toString('hex') }))
  return { room, addressKey: addressKey.export().toString('hex'), keys: bare }
}

function envelopeFor({ space, shape }: Place, ring: Keyring): Envelope {
  return new Envelope({ ...CELLS, id: space, shape }, ring)
}

/** Opens every record of a file, and sees every refused one refused. */
function opensAll({ keyset, records, refused }: RecordVectors): void {
  const ring = new Keyring(keysetOf(keyset))
  assert.ok(records.length >= 8 && refused.length >= 15)
  for (const vector of records) {
    const envelope = envelopeFor(vector, ring)
    const address = envelope.address(hex(vector.key))
    assert.equal(address.toString('hex'), vector.address, vector.name)
    const { value, writtenAt, expiresAt, keyId } = envelope.open(
      address,
      hex(vector.key),
      hex(vector.sealed),
      hex(vector.order),
    )
    const wanted = [vector.value, vector.writtenAt, vector.expiresAt, vector.keyId]
    assert.deepEqual([value.toString('hex'), writtenAt, expiresAt, keyId], wanted, vector.name)
    assert.equal(etagOf(hex(vector.sealed)), vector.etag, vector.name)
  }
  for (const { reason, ...place } of refused) {
    const envelope = envelopeFor(place, ring)
    const key = hex(place.key)
    const attempt = () => envelope.open(envelope.address(key), key, hex(place.sealed), hex(place.order))
    assert.throws(attempt, (error) => error instanceof Unreadable && error.reason === reason, place.name)
  }
}

async function opensKeysets({ keyset, passphrase, wrapped, unwrapped }: KeysetVectors): Promise<void> {
  const opened = [
    await decodeKeyset(JSON.stringify(wrapped), keyset.room, { passphrase }),
    await decodeKeyset(JSON.stringify(unwrapped), keyset.room, 'unwrapped'),
  ]
  for (const each of opened) assert.deepEqual(vectorOf(each), keyset)
  await assert.rejects(
    decodeKeyset(JSON.stringify(wrapped), keyset.room, { passphrase: `${passphrase}!` }),
    KeysetError,
  )
}

/** The same records and keysets, sealed and wrapped by this implementation. */
async function remake(vectors: RecordVectors, keysets: KeysetVectors, folder: string): Promise<void> {
  const keyset = keysetOf(vectors.keyset)
  const ring = new Keyring(keyset)
  const records = vectors.records.map((vector) => {
    const envelope = envelopeFor(vector, ring)
    const address = envelope.address(hex(vector.key))
    const { writtenAt, expiresAt } = vector
    const record = { writtenAt, expiresAt, value: hex(vector.value) }
    const sealed = envelope.seal(address, hex(vector.key), record, hex(vector.order))
    const made = { address: address.toString('hex'), sealed: sealed.toString('hex'), etag: etagOf(sealed) }
    return { ...vector, ...made, keyId: keyset.primary.id }
  })
  const { passphrase } = keysets
  const wrapped = JSON.parse(await encodeKeyset(keyset, { passphrase }))
  const unwrapped = JSON.parse(await encodeKeyset(keyset, 'unwrapped'))
  writeFileSync(join(folder, 'records.json'), JSON.stringify({ ...vectors, records }))
  writeFileSync(join(folder, 'keyset.json'), JSON.stringify({ ...keysets, wrapped, unwrapped }))
}

describe('vectors', () => {
  const folders: string[] = []
  const newFolder = () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-vectors-'))
    folders.push(folder)
    return folder
  }
  const python = (command: 'make' | 'check', folder: string) => {
    return execFileSync(PYTHON, [SCRIPT, command, folder], { encoding: 'utf8', stdio: 'pipe' })
  }
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true })
  })

  test('the kept records open, or are refused for the reason given', () => opensAll(readJson(KEPT, 'records.json')))

  test('the kept keysets open', () => opensKeysets(readJson(KEPT, 'keyset.json')))

  test('the worked example of docs/formats.md is the first vector, and its labels are the ones in use', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../../docs/formats.md'), 'utf8')
    const { records, keyset } = readJson(KEPT, 'records.json') as RecordVectors
    const { address, sealed, etag, key } = records[0]!
    for (const part of [address, etag, key, keyset.addressKey, keyset.keys[0]!.secret]) assert.ok(text.includes(part))
    // The record stands there in lines; what follows two spaces is a remark.
    const block = text.slice(text.indexOf('The record, 106 bytes')).split('\n\n')[1]!
    assert.equal(block.replace(/\s{2,}[a-z]+$/gm, '').replace(/\s/g, ''), sealed)
    for (const label of Object.values(LABELS)) {
      assert.ok(text.includes(`| \`${label.toString('latin1', 0, label.length - 1)}\` `))
    }
  })

  test('the second implementation agrees with the kept vectors', { skip: missing }, () => {
    assert.equal(python('check', KEPT), '8 records open, 15 are refused, 2 keysets open\n')
  })

  test('what the second implementation makes opens here', { skip: missing }, async () => {
    const folder = newFolder()
    python('make', folder)
    opensAll(readJson(folder, 'records.json'))
    await opensKeysets(readJson(folder, 'keyset.json'))
  })

  test('what is made here opens in the second implementation, and one changed bit does not', {
    skip: missing,
  }, async () => {
    const folder = newFolder()
    await remake(readJson(KEPT, 'records.json'), readJson(KEPT, 'keyset.json'), folder)
    assert.match(python('check', folder), /^8 records open/)
    const file = readJson(folder, 'records.json') as RecordVectors
    const sealed = hex(file.records[2]!.sealed)
    sealed[1000]! ^= 1
    file.records[2]!.sealed = sealed.toString('hex')
    writeFileSync(join(folder, 'records.json'), JSON.stringify(file))
    assert.throws(() => python('check', folder), /Command failed/)
  })
})
