/**
 * The entity tag of a record, made from its commitment, so it needs no storage and changes with every write, even of the
 * same value. It is unkeyed but not guessable (the commitment is 32 bytes of HMAC), and it says nothing about the value.
 */
import { hash } from 'node:crypto'
import { COMMITMENT_AT, COMMITMENT_BYTES } from './envelope.ts'
import { ETAG_PREFIX } from './labels.ts'

const scratch = Buffer.concat([ETAG_PREFIX], ETAG_PREFIX.length + COMMITMENT_BYTES)

/** A quoted strong tag: base64url of the first 16 bytes of SHA-256("etag" ‖ commitment), 22 characters. */
export function etagOf(sealed: Uint8Array): string {
  scratch.set(sealed.subarray(COMMITMENT_AT, COMMITMENT_AT + COMMITMENT_BYTES), ETAG_PREFIX.length)
  const whole = hash('sha256', scratch, 'base64url')
  // 16 bytes are 21 characters and two bits of the 22nd, whose other four bits are 0.
  return `"${whole.slice(0, 21)}${cutToTwoBits(whole.charCodeAt(21))}"`
}

/** The base64url character of the upper two bits of the given one: of A-P A, of Q-f Q, of g-v g, of w-_ w. */
function cutToTwoBits(code: number): string {
  if (code >= 0x67 && code <= 0x76) return 'g'
  if ((code >= 0x51 && code <= 0x5a) || (code >= 0x61 && code <= 0x66)) return 'Q'
  return code >= 0x41 && code <= 0x50 ? 'A' : 'w'
}
