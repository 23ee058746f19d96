/**
 * The two times inside every seal, when a record was written and when it expires, and the rules that hold them against
 * the clock and against what the engine claims. They answer an engine that keeps or prolongs what should be over: the
 * sealed expiry decides, and a claim far beyond it is reported as the edit that it is. An engine that forgets records, or
 * puts an older one back at its own address before it expired, is not noticed.
 */
import type { UnreadableReason } from './errors.ts'

/** u64 written, u64 expiry. */
export const TIMES_BYTES = 16

/** What clocks of instances and engines may differ by, in ms. One more is an error. */
export const CLOCK_TOLERANCE_MS = 60_000

const HIGH = 2 ** 32
/** Above this in the upper half, a u64 is no longer a safe integer. */
const MAX_HIGH = 2 ** 21

export interface Times {
  /** Unix ms. */
  readonly writtenAt: number
  /** Unix ms; 0 = never. */
  readonly expiresAt: number
}

/** Two u32 each, not BigInt: this runs for every read. */
export function writeTimes(target: Buffer, { writtenAt, expiresAt }: Times): void {
  target.writeUInt32BE(Math.floor(writtenAt / HIGH), 0)
  target.writeUInt32BE(writtenAt % HIGH, 4)
  target.writeUInt32BE(Math.floor(expiresAt / HIGH), 8)
  target.writeUInt32BE(expiresAt % HIGH, 12)
}

/** A time in ms at the beginning of an opened plaintext, or NaN if it is beyond what a number holds exactly. */
export function readTime(plaintext: Buffer, at: 0 | 8): number {
  const high = plaintext.readUInt32BE(at)
  return high < MAX_HIGH ? high * HIGH + plaintext.readUInt32BE(at + 4) : Number.NaN
}

/**
 * What to make of a record that opened. `expired` is an ordinary miss. An engine may end a record a little later than
 * sealed (its clock differs, its write waited), never by more than the tolerance, and may end it sooner.
 */
export function judgeTimes(
  writtenAt: number,
  expiresAt: number,
  engineExpiresAt: number,
  now: number,
): 'alive' | 'expired' | Extract<UnreadableReason, 'times' | 'prolonged'> {
  if (!(writtenAt <= now + CLOCK_TOLERANCE_MS)) return 'times'
  if (expiresAt === 0) return 'alive'
  if (!(expiresAt > writtenAt)) return 'times'
  if (engineExpiresAt === 0 || !(engineExpiresAt <= expiresAt + CLOCK_TOLERANCE_MS)) return 'prolonged'
  return expiresAt > now ? 'alive' : 'expired'
}
