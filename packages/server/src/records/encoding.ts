/**
 * Integers and lengths as they stand in every format of this folder: big-endian, unsigned. `lp(x)` is the length of `x`
 * as u32 and then `x`, so that two different lists of parts never give the same bytes.
 */

export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function lp(bytes: Uint8Array): Buffer {
  return Buffer.concat([u32(bytes.length), bytes])
}

/** Reads a u32 of any byte array; the caller has checked that it is long enough. */
export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
