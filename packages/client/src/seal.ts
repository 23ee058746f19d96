/**
 * Sealing on the client's side: the server keeps bytes that it cannot read, whoever runs it. A value opens only with the
 * application's own key, in its own store, under its own name; anything else, also a value that was not sealed, is an
 * error and never a miss.
 *
 * Format: 0x01, key id (4 bytes), salt (32), AES-256-GCM ciphertext, tag (16). The encryption key is HKDF-SHA-512 of the
 * given key, the salt and a label; it is used once, so the nonce is zero. Associated data: the header, then store and key,
 * each with its length before it. It hides neither sizes nor that a value was written again, and it cannot tell an older
 * value of the same key from the current one.
 */
import { createCipheriv, createDecipheriv, createHash, createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import { HoldfastError, RequestError } from './errors.ts'

const FORMAT = 1
const SALT_AT = 5
const TEXT_AT = SALT_AT + 32
const TAG_BYTES = 16
const NONCE = Buffer.alloc(12)
const LABEL = Buffer.from('holdfast client seal\0', 'latin1')
const TAG = { authTagLength: TAG_BYTES }

/** 32 random bytes, or several: the first seals, all open. */
export type SealKeys = Uint8Array | readonly Uint8Array[]

export class Seal {
  readonly #store: Buffer
  readonly #keys: readonly { readonly id: number; readonly secret: Buffer }[]

  /** Throws {@link RequestError} for keys that are not of 32 bytes. */
  constructor(store: string, keys: SealKeys) {
    const list = keys instanceof Uint8Array ? [keys] : keys
    if (
      !Array.isArray(list) ||
      list.length === 0 ||
      list.some((key) => !(key instanceof Uint8Array) || key.length !== 32)
    ) {
      throw new RequestError('options', 'seal: one key of 32 bytes, or a list of such keys')
    }
    this.#store = lp(Buffer.from(store))
    this.#keys = list.map((key) => ({
      id: createHash('sha256').update(LABEL).update('id').update(key).digest().readUInt32BE(0),
      secret: Buffer.from(key),
    }))
  }

  seal(key: Uint8Array, value: Uint8Array): Buffer {
    const { id, secret } = this.#keys[0]!
    const header = Buffer.alloc(TEXT_AT)
    header[0] = FORMAT
    header.writeUInt32BE(id, 1)
    randomBytes(32).copy(header, SALT_AT)
    const cipher = createCipheriv('aes-256-gcm', derive(secret, header), NONCE, TAG)
    cipher.setAAD(this.#associated(header, key))
    return Buffer.concat([header, cipher.update(value), cipher.final(), cipher.getAuthTag()])
  }

  open(key: Uint8Array, sealed: Buffer): Buffer {
    const header = sealed.subarray(0, TEXT_AT)
    const tagAt = sealed.length - TAG_BYTES
    const known = tagAt >= TEXT_AT && sealed[0] === FORMAT
    const found = known ? this.#keys.find(({ id }) => id === sealed.readUInt32BE(1)) : undefined
    if (found === undefined) {
      throw new HoldfastError(
        'sealed',
        known ? 'the value was sealed with another key' : 'the value was not sealed here',
      )
    }
    const decipher = createDecipheriv('aes-256-gcm', derive(found.secret, header), NONCE, TAG)
    decipher.setAAD(this.#associated(header, key))
    decipher.setAuthTag(sealed.subarray(tagAt))
    const value = decipher.update(sealed.subarray(TEXT_AT, tagAt))
    try {
      decipher.final()
    } catch {
      throw new HoldfastError('sealed', 'the value was changed, or it belongs to another key or store')
    }
    return value
  }

  #associated(header: Uint8Array, key: Uint8Array): Buffer {
    return Buffer.concat([header, this.#store, lp(key)])
  }
}

function derive(secret: Buffer, header: Uint8Array) {
  return createSecretKey(Buffer.from(hkdfSync('sha512', secret, header.subarray(SALT_AT, TEXT_AT), LABEL, 32)))
}

/** The bytes, with their length before them. */
function lp(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
