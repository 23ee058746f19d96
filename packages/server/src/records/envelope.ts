/**
 * Where a record lives and how it is sealed, for the records of one space. The engine sees a keyed hash as the address and
 * this as the value:
 *
 *     0x01 | key id u32 | salt 32 | commitment 32 | AES-256-GCM ciphertext | tag 16
 *
 * The encryption key comes from a sealing key, a fresh salt and the key that the client presented, so a stolen engine
 * opens nothing without the keyset, and, where the presented key is itself a secret, nothing even with it. The commitment
 * is compared before anything is decrypted, so a record opens under one key only. The associated data names the space and
 * the address (and a row's order), so a record that is edited, moved or swapped does not open. What is not detected: an
 * older record put back at its own address, and a record taken away.
 *
 * `open` and `address` run for every read: no BigInt, buffers of this module are used again, and each call is finished
 * before the next begins.
 */
import { createSecretKey, randomFillSync, timingSafeEqual } from 'node:crypto'
import { ADDRESS_BYTES, MAX_ORDER_BYTES, type Shape, type Space } from '@holdfast/engine'
import { lp, readU32, u32 } from './encoding.ts'
import { Unreadable } from './errors.ts'
import type { Keyring, RingKey } from './keyring.ts'
import { LABELS } from './labels.ts'
import { decrypt, encrypt, type Mac, TAG_BYTES, ZERO_NONCE } from './primitives.ts'
import { readTime, TIMES_BYTES, type Times, writeTimes } from './times.ts'

const FORMAT = 1
const KEY_ID_AT = 1
const SALT_AT = 5
const SALT_BYTES = 32
export const COMMITMENT_AT = SALT_AT + SALT_BYTES
export const COMMITMENT_BYTES = 32
const HEADER_BYTES = COMMITMENT_AT + COMMITMENT_BYTES
const SMALLEST = HEADER_BYTES + TIMES_BYTES + TAG_BYTES

const SHAPES: Record<Shape, number> = { cell: 1, rows: 2 }
const NO_ORDER = new Uint8Array(0)

/** Bytes of the sealed record of a value of so many bytes; what a space's `maxSize` limits. */
export function sealedSize(valueBytes: number): number {
  return SMALLEST + valueBytes
}

/** What opens, before its times are held against the clock. */
export interface OpenedRecord extends Times {
  /** A buffer that nothing else writes to. */
  readonly value: Buffer
  readonly keyId: number
  /** Sealed with the key that is primary now. */
  readonly current: boolean
}

// SP 800-108 in counter mode, one block: i = 1, label (with its 0x00), context (salt and presented key), L = 512 bits.
const DERIVE_HEAD = Buffer.concat([u32(1), LABELS.record])
const DERIVE_TAIL = u32(512)

const keyLength = Buffer.alloc(4)
const derived = Buffer.alloc(64)
const derivedKey = derived.subarray(0, 32)
const derivedCommitment = derived.subarray(32)

/** Fills `derived` from a sealing key, the record's salt and the presented key. */
function derive(mac: Mac, salt: Uint8Array, key: Uint8Array): void {
  keyLength.writeUInt32BE(key.length)
  mac.digestInto(derived, DERIVE_HEAD, salt, keyLength, key, DERIVE_TAIL)
}

export class Envelope {
  readonly space: Space
  readonly #ring: Keyring
  readonly #addressHead: Buffer
  /** header | shape | lp(space) | address | lp(order) */
  readonly #aad: Buffer
  readonly #aadAddressAt: number

  constructor(space: Space, ring: Keyring) {
    const id = lp(Buffer.from(space.id, 'latin1'))
    this.space = space
    this.#ring = ring
    this.#addressHead = Buffer.concat([LABELS.address, id])
    this.#aadAddressAt = HEADER_BYTES + 1 + id.length
    this.#aad = Buffer.alloc(this.#aadAddressAt + ADDRESS_BYTES + 4 + MAX_ORDER_BYTES)
    this.#aad[HEADER_BYTES] = SHAPES[space.shape]
    this.#aad.set(id, HEADER_BYTES + 1)
  }

  /** The 32 bytes under which an engine keeps the records of a presented key. */
  address(key: Uint8Array): Buffer {
    const address = Buffer.allocUnsafe(ADDRESS_BYTES)
    keyLength.writeUInt32BE(key.length)
    this.#ring.addressMac.digestInto(address, this.#addressHead, keyLength, key)
    return address
  }

  /** A sealed record in a buffer of its own, under the primary key and a new salt. `order`: of a row, 1-64 bytes. */
  seal(
    address: Uint8Array,
    key: Uint8Array,
    record: Times & { value: Uint8Array },
    order: Uint8Array = NO_ORDER,
  ): Buffer {
    const primary = this.#ring.primary
    // Not from Buffer's pool: an engine may hand it to another thread, which must not get its neighbours too.
    const sealed = Buffer.allocUnsafeSlow(sealedSize(record.value.length))
    sealed[0] = FORMAT
    sealed.writeUInt32BE(primary.id, KEY_ID_AT)
    randomFillSync(sealed, SALT_AT, SALT_BYTES)
    derive(primary.mac, sealed.subarray(SALT_AT, COMMITMENT_AT), key)
    sealed.set(derivedCommitment, COMMITMENT_AT)
    // The plaintext is put where its ciphertext will stand, and written over by it.
    const tagAt = sealed.length - TAG_BYTES
    const text = sealed.subarray(HEADER_BYTES, tagAt)
    writeTimes(text, record)
    text.set(record.value, TIMES_BYTES)
    const aad = this.#associate(sealed, address, order)
    const { ciphertext, tag } = encrypt(createSecretKey(derivedKey), ZERO_NONCE, aad, text)
    text.set(ciphertext)
    sealed.set(tag, tagAt)
    primary.sealed += 1
    return sealed
  }

  /** Opens what an engine gave for this address and key, or throws `Unreadable`. Times are not judged here. */
  open(address: Uint8Array, key: Uint8Array, sealed: Uint8Array, order: Uint8Array = NO_ORDER): OpenedRecord {
    if (sealed.length < SMALLEST || sealed[0] !== FORMAT) throw new Unreadable('malformed', this.space.id)
    const ringKey = this.#keyOf(sealed)
    derive(ringKey.mac, sealed.subarray(SALT_AT, COMMITMENT_AT), key)
    if (!timingSafeEqual(derivedCommitment, sealed.subarray(COMMITMENT_AT, HEADER_BYTES))) {
      throw new Unreadable('commitment', this.space.id, ringKey.id)
    }
    const aad = this.#associate(sealed, address, order)
    const tagAt = sealed.length - TAG_BYTES
    const ciphertext = sealed.subarray(HEADER_BYTES, tagAt)
    const plaintext = decrypt(createSecretKey(derivedKey), ZERO_NONCE, aad, ciphertext, sealed.subarray(tagAt))
    if (plaintext === undefined) throw new Unreadable('tag', this.space.id, ringKey.id)
    ringKey.opened += 1
    return {
      value: plaintext.subarray(TIMES_BYTES),
      writtenAt: readTime(plaintext, 0),
      expiresAt: readTime(plaintext, 8),
      keyId: ringKey.id,
      current: ringKey === this.#ring.primary,
    }
  }

  /** The key that the record names, and no other: keys are never tried in turn. */
  #keyOf(sealed: Uint8Array): RingKey {
    const id = readU32(sealed, KEY_ID_AT)
    const ringKey = this.#ring.find(id)
    if (ringKey === undefined) throw new Unreadable('unknown-key', this.space.id, id)
    if (ringKey.state === 'disabled') throw new Unreadable('disabled-key', this.space.id, id)
    return ringKey
  }

  #associate(sealed: Uint8Array, address: Uint8Array, order: Uint8Array): Buffer {
    const aad = this.#aad
    const orderAt = this.#aadAddressAt + ADDRESS_BYTES
    aad.set(sealed.subarray(0, HEADER_BYTES))
    aad.set(address, this.#aadAddressAt)
    aad.writeUInt32BE(order.length, orderAt)
    aad.set(order, orderAt + 4)
    return aad.subarray(0, orderAt + 4 + order.length)
  }
}
