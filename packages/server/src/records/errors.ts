/**
 * What can go wrong between a sealed record and its value. All of it is loud: a record that does not open is never taken
 * for one that is not there, because an attacker (or a wrong keyset) would then log everybody out without a trace.
 * Messages name the space and the fault, never a key, an address or a value.
 */

import { titleOf } from '@holdfast/engine'

export type UnreadableReason =
  /** Too short, of another version, or rows out of order or outside the range that was asked for. */
  | 'malformed'
  /** Sealed with a key that this keyset does not hold. */
  | 'unknown-key'
  /** Sealed with a key that this keyset holds as disabled. */
  | 'disabled-key'
  /** The key and the record do not belong together: edited, moved, or sealed under another presented key. */
  | 'commitment'
  /** Edited, or moved from another address, space or order. */
  | 'tag'
  /** Opens, but was written in the future or expires before it was written: a clock is wrong. */
  | 'times'
  /** The engine claims that it lives longer than it was sealed to live. */
  | 'prolonged'

/** A record is there and does not open. Audit it; answer a fault; never a miss and never the value. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
  readonly reason: UnreadableReason
  readonly space: string
  /** Id of the sealing key that the record names, once that much could be read. It is a claim until the record opens. */
  readonly keyId?: number

  constructor(reason: UnreadableReason, space: string, keyId?: number) {
    super(`a record in ${titleOf(space)} does not open: ${reason}${keyId === undefined ? '' : ` (key id ${keyId})`}`)
    this.reason = reason
    this.space = space
    if (keyId !== undefined) this.keyId = keyId
  }
}

/** The keyset is not the one that the stored records were sealed with, or an old state of it. Start-up stops. */
export class KeysetMismatch extends Error {
  override readonly name = 'KeysetMismatch'
  /** What the operator can do about it. */
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** A keyset, its file or its passphrase cannot be used, or an operation on it is refused. Nothing was changed. */
export class KeysetError extends Error {
  override readonly name = 'KeysetError'
  /** What the operator can do about it. */
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}
