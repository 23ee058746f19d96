/**
 * The label of every keyed use, in one table. A label stands first in what a key is applied to, so the same key (or the
 * same bytes under two keys) can never mean two things: an address is never a derived key, a keyset file is never a record.
 * Labels are ASCII ended by 0x00, so none is the beginning of another. Changing one makes everything stored unreadable.
 */

const label = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1')

export const LABELS = {
  /** HMAC-SHA-256 under a room's address key: where a record lives. */
  address: label('holdfast/v1/address'),
  /** HMAC-SHA-512 under a sealing key: the encryption key and the commitment of one record. */
  record: label('holdfast/v1/record'),
  /** AES-256-GCM under a key made from a passphrase: begins the associated data of a wrapped keyset. */
  wrappedKeyset: label('holdfast/v1/wrapped-keyset'),
  /** HMAC-SHA-256 under the address key: the check over an unwrapped keyset. */
  unwrappedKeyset: label('holdfast/v1/unwrapped-keyset'),
} as const

/** Not keyed, and so without the 0x00: begins what an entity tag is the hash of. */
export const ETAG_PREFIX = Buffer.from('etag', 'latin1')
