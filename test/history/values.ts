/**
 * Values whose every byte follows from the number of the write, so that a value that comes back names its write, and one
 * that was torn, or mixed of two, is told from a whole one.
 */
import { createHash } from 'node:crypto'
import { Random } from '../fuzz/random.ts'

const HEAD = 8
/**
 * Around one page of the database, around the usual session, and large enough to need many pages. None is the number alone:
 * changed, it would be another write's.
 */
const SIZES = [16, 17, 40, 300, 1500, 1500, 1500, 4000, 4096, 4200, 20_000, 150_000] as const

/** The value of a write, by its number, 0 to 2^48. */
export function valueFor(write: number): Buffer {
  const size = new Random(write).pick(SIZES)
  const head = Buffer.alloc(HEAD)
  head.writeUIntBE(write, 2, 6)
  const body = createHash('shake256', { outputLength: size - HEAD })
    .update(head)
    .digest()
  return Buffer.concat([head, body], size)
}

/** The number of the write that wrote it; throws unless every byte is right. */
export function writeIn(value: Buffer): number {
  const write = value.length < HEAD ? -1 : value.readUIntBE(2, 6)
  if (write >= 0 && valueFor(write).equals(value)) return write
  throw new Error(`a value of ${value.length} bytes is no write's: torn, mixed or foreign (it claims write ${write})`)
}
