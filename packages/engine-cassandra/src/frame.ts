/**
 * What lies in a `sealed` column: `u64 expiry, unix ms (0 = never) | 8 random bytes | the record`, big-endian.
 *
 * Expiry and record are one column, because on equal timestamps Cassandra resolves each column by itself and could
 * otherwise give one write's record the other's life. The 16 bytes before the record are its version: they are drawn
 * anew for every write, so a version never comes back. Cassandra's own TTL only sweeps; the expiry here decides.
 */
import { randomBytes } from 'node:crypto'
import { type Cell, isExpired, type Version } from '@holdfast/engine'

export const HEAD_BYTES = 16

/** In place of a record that was ended in a fast reusable space: unlike a null, it shows when it was written. */
export const BLANK = Buffer.alloc(0)

/** Cassandra refuses what would expire past January 2038 unless told otherwise, and any TTL above 20 years. */
const LATEST_SWEEP_MS = Date.UTC(2038, 0, 1)
/** Swept a minute late, so that a node whose clock is ahead sweeps nothing that lives. */
const SLACK_SECONDS = 60

/** What is known of an address. */
export interface Row {
  readonly sealed: Buffer | null
  /** Unix ms until which a marker lives. */
  readonly ended: bigint | null
}

export function headOf(expiresAt: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES)
  head.writeBigUInt64BE(BigInt(expiresAt))
  randomBytes(8).copy(head, 8)
  return head
}

export function versionOf(head: Buffer): Version {
  return head.toString('latin1', 0, HEAD_BYTES)
}

/** The head that a version stands for. */
export function headOfVersion(version: Version): Buffer {
  return Buffer.from(String(version), 'latin1')
}

export function expiryIn(head: Buffer): number {
  return Number(head.readBigUInt64BE())
}

/** What lives at `now`, of what is there. A marker is judged first: nothing undoes it. */
export function judge(row: Row | undefined, now: number): Cell | 'ended' | 'absent' {
  if (row === undefined) return 'absent'
  if (isMarked(row.ended, now)) return 'ended'
  const { sealed } = row
  if (sealed === null || sealed.length <= HEAD_BYTES) return 'absent'
  const expiresAt = expiryIn(sealed)
  if (isExpired(expiresAt, now)) return 'absent'
  return { sealed: sealed.subarray(HEAD_BYTES), version: versionOf(sealed), expiresAt }
}

export function isMarked(ended: bigint | null | undefined, now: number): boolean {
  return ended !== null && ended !== undefined && Number(ended) > now
}

/** What is held, as `markerExpiry` wants it: it must outlive the one and the other. */
export function heldIn(row: Row | undefined): { ended: boolean; expiresAt: number }[] {
  const held: { ended: boolean; expiresAt: number }[] = []
  if (row?.ended) held.push({ ended: true, expiresAt: Number(row.ended) })
  const sealed = row?.sealed
  if (sealed && sealed.length >= HEAD_BYTES) held.push({ ended: false, expiresAt: expiryIn(sealed) })
  return held
}

/** Seconds for `USING TTL`, for what lives `seconds` from now; 0 = Cassandra never sweeps it. */
export function sweepAfter(seconds: number): number {
  if (seconds === 0) return 0
  const after = Math.ceil(seconds) + SLACK_SECONDS
  return Date.now() + after * 1000 > LATEST_SWEEP_MS ? 0 : after
}
