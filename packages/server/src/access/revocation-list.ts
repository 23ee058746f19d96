/**
 * Reads what Node keeps to itself: of a revocation list its issuer, its dates, its serial numbers and whose signature it
 * has; of a certificate the exact bytes of its subject. OpenSSL judges lists at each handshake, and this does not take its
 * place there: it is for a list that is stale or torn before it is taken over, and for connections that were open already
 * when a list changed.
 *
 * It reads DER (RFC 5280, section 5.1) and throws `RangeError` for anything else, in time and memory linear in the file.
 * Names are the same if their bytes are. Not read: extensions, so of a delta or an indirect list only what it says plainly.
 */
import { verify, type X509Certificate } from 'node:crypto'

export interface RevocationList {
  /** DER of the issuer's name. */
  readonly issuer: Buffer
  readonly thisUpdate: Date
  readonly nextUpdate: Date | undefined
  /** As {@link serialOf} writes them. */
  readonly serials: ReadonlySet<string>
  /** Whether this certificate's key signed it; `undefined`: by an algorithm that is not known here. */
  signedBy(certificate: X509Certificate): boolean | undefined
}

/** Tags of DER. */
const INTEGER = 0x02
const BIT_STRING = 0x03
const SEQUENCE = 0x30
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const VERSION = 0xa0

/** The digest of each signature algorithm, by the hex of its object identifier; Ed25519 has none of its own. */
const DIGESTS: Readonly<Record<string, string | null>> = {
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2b6570': null,
}

/** From one PEM block. */
export function readRevocationList(pem: string): RevocationList {
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')
  const list = new Reader(new Reader(der).take(SEQUENCE).content)
  const signed = list.take(SEQUENCE)
  const algorithm = new Reader(list.take(SEQUENCE).content).take().content.toString('hex')
  const signature = list.take(BIT_STRING).content.subarray(1)

  const fields = new Reader(signed.content)
  if (fields.next === INTEGER) fields.take()
  fields.take(SEQUENCE)
  const issuer = fields.take(SEQUENCE).whole
  const thisUpdate = timeOf(fields.take())
  const nextUpdate = fields.next === UTC_TIME || fields.next === GENERALIZED_TIME ? timeOf(fields.take()) : undefined
  const serials = new Set<string>()
  if (fields.next === SEQUENCE) {
    const entries = new Reader(fields.take().content)
    while (entries.next !== undefined) {
      const serial = new Reader(entries.take(SEQUENCE).content).take(INTEGER).content
      serials.add(normal(serial.toString('hex')))
    }
  }
  return {
    issuer,
    thisUpdate,
    nextUpdate,
    serials,
    signedBy({ publicKey }) {
      const digest = DIGESTS[algorithm]
      return digest === undefined ? undefined : verify(digest, signed.whole, publicKey, signature)
    },
  }
}

/** DER of the subject of a certificate that Node has parsed. */
export function subjectOf({ raw }: X509Certificate): Buffer {
  const fields = new Reader(new Reader(new Reader(raw).take(SEQUENCE).content).take(SEQUENCE).content)
  if (fields.next === VERSION) fields.take()
  // Serial number, algorithm, issuer, validity.
  for (let i = 0; i < 4; i++) fields.take()
  return fields.take(SEQUENCE).whole
}

/** The serial number of a certificate as lists have it: hex, lower case, without zeros before it. */
export function serialOf({ serialNumber }: X509Certificate): string {
  return normal(serialNumber.toLowerCase())
}

function normal(hex: string): string {
  return hex.replace(/^0+(?=.)/, '')
}

function timeOf({ tag, content }: Element): Date {
  const text = content.toString('latin1')
  const long = tag === GENERALIZED_TIME ? text : `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`
  const iso = long.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  const time = new Date(iso)
  if ((tag !== UTC_TIME && tag !== GENERALIZED_TIME) || iso === long || Number.isNaN(time.getTime())) {
    throw new RangeError('not a time')
  }
  return time
}

interface Element {
  readonly tag: number
  /** With its tag and length. */
  readonly whole: Buffer
  readonly content: Buffer
}

/** Takes one element after the other. Lengths are definite, as DER has them, and end within what holds them. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The tag of what comes next; `undefined` at the end. */
  get next(): number | undefined {
    return this.#bytes[this.#at]
  }

  take(wanted?: number): Element {
    const bytes = this.#bytes
    const begin = this.#at
    const tag = bytes[begin]
    if (tag === undefined || (wanted !== undefined && tag !== wanted)) throw new RangeError('another element was due')
    let length = bytes[begin + 1] ?? 0x80
    let at = begin + 2
    if (length >= 0x80) {
      const count = length & 0x7f
      if (count < 1 || count > 4 || at + count > bytes.length) throw new RangeError('a length that DER does not have')
      length = bytes.readUIntBE(at, count)
      at += count
    }
    if (at + length > bytes.length) throw new RangeError('cut off')
    this.#at = at + length
    return { tag, whole: bytes.subarray(begin, this.#at), content: bytes.subarray(at, this.#at) }
  }
}
