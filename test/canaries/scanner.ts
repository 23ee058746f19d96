/**
 * Looks for secrets in bytes: files, logs, answers. A canary is a random secret that was given to the server; wherever
 * one turns up again, in the clear or in a usual encoding, something leaked.
 *
 * Each canary is cut into pieces of 12 bytes, and each piece is searched for in every encoding of {@link ENCODINGS}. So
 * any run of 23 bytes of a canary is found, which is what a log that truncates or a record that was torn leaves. 96 random
 * bits do not turn up by chance.
 *
 * Not found: compressed or encrypted copies (the aim of sealing), fewer than 12 bytes, encodings that the table lacks.
 * The tests prove that each encoding in the table is found, at each alignment.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Canary {
  /** What it is, for the report: `value of PUT #3`. */
  readonly name: string
  /** At least 23 random bytes. */
  readonly bytes: Buffer
}

export interface Source {
  /** Where the bytes were found: a path, "standard output". */
  readonly where: string
  readonly bytes: Buffer
}

export interface Finding {
  readonly canary: string
  readonly encoding: string
  readonly where: string
  readonly offset: number
}

const PIECE = 12

const hex = (piece: Buffer) => piece.toString('hex')
const octets = (piece: Buffer, each: (byte: number) => string, separator: string) =>
  [...piece].map(each).join(separator)
const byteHex = (byte: number) => byte.toString(16).padStart(2, '0')

/** The characters of base64 that the piece alone decides, when `before` bytes precede it in its group of three. */
function base64(piece: Buffer, before: number, variant: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(before), piece]).toString(variant)
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + piece.length) * 8) / 6))
}

/** Every form in which a secret is searched for. */
export const ENCODINGS: Readonly<Record<string, (piece: Buffer) => string | Buffer>> = {
  raw: (piece) => piece,
  'hex, lower case': hex,
  'hex, upper case': (piece) => hex(piece).toUpperCase(),
  'hex, spaced': (piece) => octets(piece, byteHex, ' '),
  'decimal list': (piece) => octets(piece, String, ','),
  'percent-encoded, lower case': (piece) => octets(piece, (byte) => `%${byteHex(byte)}`, ''),
  'percent-encoded, upper case': (piece) => octets(piece, (byte) => `%${byteHex(byte).toUpperCase()}`, ''),
  'base64, alignment 0': (piece) => base64(piece, 0, 'base64'),
  'base64, alignment 1': (piece) => base64(piece, 1, 'base64'),
  'base64, alignment 2': (piece) => base64(piece, 2, 'base64'),
  'base64url, alignment 0': (piece) => base64(piece, 0, 'base64url'),
  'base64url, alignment 1': (piece) => base64(piece, 1, 'base64url'),
  'base64url, alignment 2': (piece) => base64(piece, 2, 'base64url'),
}

interface Needle {
  readonly canary: string
  readonly encoding: string
  readonly bytes: Buffer
}

const FILTER_BITS = 20
const slot = (word: number) => Math.imul(word, 0x9e3779b1) >>> (32 - FILTER_BITS)

/**
 * Finds any of many canaries in one pass: a filter on four bytes throws out nearly every position, and what is left is
 * compared in full.
 *
 * @example
 * const scanner = new Scanner([{ name: 'the value', bytes: randomBytes(32) }])
 * assert.deepEqual(scanner.scan(filesUnder('/var/lib/holdfast')), [])
 */
export class Scanner {
  readonly #filter = new Uint8Array(1 << FILTER_BITS)
  readonly #needles = new Map<number, Needle[]>()

  constructor(canaries: readonly Canary[]) {
    for (const canary of canaries) {
      if (canary.bytes.length < 2 * PIECE - 1) throw new RangeError(`canary "${canary.name}" is shorter than 23 bytes`)
      for (let at = 0; at + PIECE <= canary.bytes.length; at += PIECE) {
        const piece = canary.bytes.subarray(at, at + PIECE)
        for (const [encoding, encode] of Object.entries(ENCODINGS)) {
          const encoded = encode(piece)
          const bytes = typeof encoded === 'string' ? Buffer.from(encoded, 'latin1') : encoded
          this.#add({ canary: canary.name, encoding, bytes })
        }
      }
    }
  }

  #add(needle: Needle): void {
    const word = needle.bytes.readInt32BE(0)
    this.#filter[slot(word)] = 1
    const alike = this.#needles.get(word)
    if (alike === undefined) this.#needles.set(word, [needle])
    else if (!alike.some((other) => other.bytes.equals(needle.bytes))) alike.push(needle)
  }

  /** Each canary at most once for each source and encoding. The path of a source is searched as well. */
  scan(sources: Iterable<Source>): Finding[] {
    const findings: Finding[] = []
    for (const { where, bytes } of sources) {
      const seen = new Set<string>()
      this.#search(bytes, where, seen, findings)
      this.#search(Buffer.from(where), `the name ${where}`, seen, findings)
    }
    return findings
  }

  #search(bytes: Buffer, where: string, seen: Set<string>, findings: Finding[]): void {
    const filter = this.#filter
    let word = 0
    for (let end = 0; end < bytes.length; end++) {
      word = (word << 8) | bytes[end]!
      if (end < 3 || filter[slot(word)] === 0) continue
      const offset = end - 3
      for (const needle of this.#needles.get(word) ?? []) {
        const id = `${needle.canary}\n${needle.encoding}`
        if (seen.has(id) || !bytes.subarray(offset, offset + needle.bytes.length).equals(needle.bytes)) continue
        seen.add(id)
        findings.push({ canary: needle.canary, encoding: needle.encoding, where, offset })
      }
    }
  }
}

/** Every file under a folder, with its bytes. */
export function filesUnder(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ where: path, bytes: readFileSync(path) }))
}
