/**
 * The only place that touches ciphers and hashes: HMAC and AES-256-GCM, as the formats of this folder use them, checked
 * against Wycheproof's vectors. Nothing else in the server encrypts or authenticates stored bytes.
 *
 * Keys are KeyObjects throughout (a raw buffer costs four times as much), and the tag is always 16 bytes: without
 * `authTagLength` a decipher would take a tag of 4.
 */
import { createCipheriv, createDecipheriv, createHmac, type KeyObject } from 'node:crypto'

export const TAG_BYTES = 16
const TAG = { authTagLength: TAG_BYTES }

/** For keys that are used once: nothing else is ever encrypted under them, so there is no second nonce to differ from. */
export const ZERO_NONCE = Buffer.alloc(12)

/** HMAC (RFC 2104) under one key. */
export class Mac {
  readonly #algorithm: 'sha256' | 'sha512'
  readonly #key: KeyObject
  /** Room for a message; grows to the longest seen. */
  #message: Buffer = Buffer.alloc(512)

  constructor(algorithm: 'sha256' | 'sha512', key: KeyObject) {
    this.#algorithm = algorithm
    this.#key = key
  }

  /** Writes the HMAC of the parts, one after the other, to the beginning of `target` (32 or 64 bytes). */
  digestInto(target: Buffer, ...parts: readonly Uint8Array[]): void {
    let length = 0
    for (const part of parts) length += part.length
    if (length > this.#message.length) this.#message = Buffer.alloc(length)
    let at = 0
    for (const part of parts) {
      this.#message.set(part, at)
      at += part.length
    }
    // One update, and the digest as a binary string: each native call and each Buffer made costs half a microsecond.
    const digest = createHmac(this.#algorithm, this.#key).update(this.#message.subarray(0, length)).digest('binary')
    target.write(digest, 'latin1')
  }
}

/** AES-256-GCM. The ciphertext has the length of the plaintext. */
export function encrypt(
  key: KeyObject,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): { ciphertext: Buffer; tag: Buffer } {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, TAG)
  cipher.setAAD(aad)
  const ciphertext = cipher.update(plaintext)
  cipher.final()
  return { ciphertext, tag: cipher.getAuthTag() }
}

/** The plaintext in a buffer of its own, or `undefined` if key, nonce, associated data, ciphertext and tag do not agree. */
export function decrypt(
  key: KeyObject,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, TAG)
  decipher.setAAD(aad)
  decipher.setAuthTag(tag)
  const plaintext = decipher.update(ciphertext)
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return plaintext
}
