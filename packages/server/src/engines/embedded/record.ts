/**
 * How a cell lies in the file: one self-describing record, found by its *slot*.
 *
 * The slot is the first 53 bits of the address, and it is the integer key of the table, so that a read goes down one
 * B-tree whose inner pages hold nothing but integers. Addresses are keyed hashes, so nobody can aim at a slot; should two
 * addresses share one (among five million, one chance in seven hundred), both records lie in the same row, one after
 * the other. Each record names its whole address and its space, and readers compare both: a record is never returned
 * for an address that is not its own, wherever it lies.
 *
 * Layout, integers big-endian: u32 length of the whole record | u16 space number | u16 records of this row that follow |
 * f64 version | f64 expiry in Unix ms, 0 = never | 32 bytes address | sealed bytes. Without sealed bytes it is the marker
 * of an ended address.
 */
import { ADDRESS_BYTES } from '@holdfast/engine'

const AT_SPACE = 4
const AT_FOLLOWING = 6
const AT_VERSION = 8
const AT_EXPIRY = 16
const AT_ADDRESS = 24
export const HEADER_BYTES = AT_ADDRESS + ADDRESS_BYTES

/** The first 53 bits at `offset`, as a whole number. */
export function slotAt(bytes: Uint8Array, offset: number): number {
  const high =
    bytes[offset]! * 0x1000000 + bytes[offset + 1]! * 0x10000 + bytes[offset + 2]! * 0x100 + bytes[offset + 3]!
  return high * 0x200000 + ((bytes[offset + 4]! << 13) | (bytes[offset + 5]! << 5) | (bytes[offset + 6]! >> 3))
}

/** Reads records from a run of rows, as they come out of the file. One instance serves one run; it allocates nothing else. */
export class RecordReader {
  readonly bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Throws `RangeError` if the record does not lie whole within the bytes: the file is damaged. */
  length(at: number): number {
    const length = this.#view.getUint32(at)
    if (length < HEADER_BYTES || at + length > this.bytes.length) throw new RangeError('a record is damaged')
    return length
  }

  /** Only the header of a large row is here. */
  isCut(at: number): boolean {
    return this.#view.getUint32(at) === 0
  }

  space(at: number): number {
    return this.#view.getUint16(at + AT_SPACE)
  }

  following(at: number): number {
    return this.#view.getUint16(at + AT_FOLLOWING)
  }

  version(at: number): number {
    return this.#view.getFloat64(at + AT_VERSION)
  }

  expiresAt(at: number): number {
    return this.#view.getFloat64(at + AT_EXPIRY)
  }

  slot(at: number): number {
    return slotAt(this.bytes, at + AT_ADDRESS)
  }

  isAt(at: number, space: number, address: Uint8Array): boolean {
    if (this.space(at) !== space) return false
    const start = at + AT_ADDRESS
    for (let i = 0; i < ADDRESS_BYTES; i++) if (this.bytes[start + i] !== address[i]) return false
    return true
  }

  address(at: number): Uint8Array {
    return this.bytes.subarray(at + AT_ADDRESS, at + HEADER_BYTES)
  }

  sealed(at: number): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + at + HEADER_BYTES, this.length(at) - HEADER_BYTES)
  }
}

/** A record taken out of its row. */
export interface CellRecord {
  readonly space: number
  readonly version: number
  readonly expiresAt: number
  readonly address: Uint8Array
  /** Empty: the marker of an ended address. */
  readonly sealed: Uint8Array
}

export function isMarker(record: CellRecord): boolean {
  return record.sealed.length === 0
}

/** The records of one row. */
export function parseRow(row: Uint8Array): CellRecord[] {
  const reader = new RecordReader(row)
  const records: CellRecord[] = []
  let at = 0
  for (let following = 1; following > 0; at += reader.length(at)) {
    following = reader.following(at)
    records.push({
      space: reader.space(at),
      version: reader.version(at),
      expiresAt: reader.expiresAt(at),
      address: reader.address(at),
      sealed: reader.sealed(at),
    })
  }
  return records
}

/** The row of these records, at least one, all of one slot. */
export function makeRow(records: readonly CellRecord[]): Uint8Array {
  let total = 0
  for (const { sealed } of records) total += HEADER_BYTES + sealed.length
  const row = new Uint8Array(total)
  const view = new DataView(row.buffer)
  let at = 0
  let following = records.length
  for (const { space, version, expiresAt, address, sealed } of records) {
    view.setUint32(at, HEADER_BYTES + sealed.length)
    view.setUint16(at + AT_SPACE, space)
    view.setUint16(at + AT_FOLLOWING, --following)
    view.setFloat64(at + AT_VERSION, version)
    view.setFloat64(at + AT_EXPIRY, expiresAt)
    row.set(address, at + AT_ADDRESS)
    row.set(sealed, at + HEADER_BYTES)
    at += HEADER_BYTES + sealed.length
  }
  return row
}

/** When the first of these records expires; 0 = none ever does. */
export function firstExpiry(records: readonly CellRecord[]): number {
  let first = 0
  for (const { expiresAt } of records) if (expiresAt !== 0 && (first === 0 || expiresAt < first)) first = expiresAt
  return first
}
