/**
 * The only place that touches ciphers and hashes: HMAC and AES-256-GCM, as the formats of this folder use them, checked
 * against Wycheproof's vectors. Nothing else in the server encrypts or authenticates stored bytes.
 *
 * `Mac` is HMAC (RFC 2104) over the library's one-shot hashes, and not its `createHmac`, which makes a native object for
 * each call that the garbage collector has to find and free: docs/decisions/0016-hmac.md. The padded key lies in a private
 * buffer instead of a KeyObject; both are in this process' memory, and neither is ever printed.
 *
 * AES keys are KeyObjects (a raw buffer costs four times as much), and the tag is always 16 bytes: without
 * `authTagLength` a decipher would take a tag of 4.
 */
import { createCipheriv, createDecipheriv, hash, type KeyObject } from 'node:crypto'

export const TAG_BYTES = 16
const TAG = { authTagLength: TAG_BYTES }

/** For keys that are used once: nothing else is ever encrypted under them, so there is no second nonce to differ from. */
export const ZERO_NONCE = Buffer.alloc(12)

const BLOCK_BYTES = { sha256: 64, sha512: 128 } as const

/** HMAC under one key. Not for secrets longer than the hash's block; ours have 32 bytes. */
export class Mac {
  readonly #algorithm: 'sha256' | 'sha512'
  readonly #block: number
  /** Key block xor 0x36, then room for the message; grows to the longest message seen. */
  #inner: Buffer
  /** Key block xor 0x5c, then the inner hash. */
  readonly #outer: Buffer

  constructor(algorithm: 'sha256' | 'sha512', key: KeyObject) {
    const secret = key.export()
    this.#algorithm = algorithm
    this.#block = BLOCK_BYTES[algorithm]
    if (secret.length > this.#block) throw new RangeError(`an HMAC key has at most ${this.#block} bytes here`)
    this.#inner = Buffer.alloc(this.#block + 512, 0x36)
    this.#outer = Buffer.alloc(this.#block * 1.5, 0x5c)
    for (const [index, byte] of secret.entries()) {
      this.#inner[index] = byte ^ 0x36
      this.#outer[index] = byte ^ 0x5c
    }
    secret.fill(0)
  }

  /** Writes the HMAC of the parts, one after the other, to the beginning of `target` (32 or 64 bytes). */
  digestInto(target: Buffer, ...parts: readonly Uint8Array[]): void {
    let end = this.#block
    for (const part of parts) end += part.length
    if (end > this.#inner.length) {
      // Not by Buffer.concat: the key would come to lie in the pool that Node shares out to everybody.
      const grown = Buffer.alloc(end)
      this.#inner.copy(grown, 0, 0, this.#block)
      this.#inner.fill(0)
      this.#inner = grown
    }
    const inner = this.#inner
    let at = this.#block
    for (const part of parts) {
      inner.set(part, at)
      at += part.length
    }
    // Digests travel as binary strings: asking for a Buffer costs more than the hash itself.
    this.#outer.write(hash(this.#algorithm, inner.subarray(0, end), 'binary'), this.#block, 'latin1')
    target.write(hash(this.#algorithm, this.#outer, 'binary'), 'latin1')
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
