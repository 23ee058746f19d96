/**
 * A batch of writes made ready for the other thread: all byte arrays are copied into one buffer of the batch's own, which
 * moves with the message. The callers' arrays stay theirs, and nothing is copied twice.
 */
import type { Write } from './protocol.ts'

export function pack(writes: readonly Write[]): { writes: Write[]; bytes: ArrayBuffer } {
  let total = 0
  const measure = (bytes: Uint8Array): Uint8Array => {
    total += bytes.length
    return bytes
  }
  for (const write of writes) copyWith(write, measure)
  const bytes = new ArrayBuffer(total)
  let at = 0
  const place = (source: Uint8Array): Uint8Array => {
    const copy = new Uint8Array(bytes, at, source.length)
    copy.set(source)
    at += source.length
    return copy
  }
  return { writes: writes.map((write) => copyWith(write, place)), bytes }
}

function copyWith(write: Write, copy: (bytes: Uint8Array) => Uint8Array): Write {
  switch (write.kind) {
    case 'put':
      return { ...write, address: copy(write.address), sealed: copy(write.sealed) }
    case 'append':
      return {
        ...write,
        rows: write.rows.map((row) => ({
          ...row,
          address: copy(row.address),
          order: copy(row.order),
          sealed: copy(row.sealed),
        })),
      }
    case 'remove':
      return { ...write, address: copy(write.address), order: copy(write.order) }
    default:
      return { ...write, address: copy(write.address) }
  }
}
