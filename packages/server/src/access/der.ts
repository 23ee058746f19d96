/**
 * The few facts of certificates and revocation lists that Node's `X509Certificate` does not give, or gives as text that
 * would have to be parsed again: subject alternative names byte for byte, key usage, and a list's issuer and dates.
 *
 * It reads DER that OpenSSL has already parsed; anything it does not expect throws, and the caller refuses. It checks
 * no signature. Structures: RFC 5280, section 4.1 (certificates) and 5.1 (lists).
 */

interface Element {
  readonly tag: number
  readonly content: Buffer
  /** With tag and length. */
  readonly whole: Buffer
}

/** Tags used here: ITU-T X.690, section 8, and the context tags of RFC 5280. */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utc: 0x17,
  time: 0x18,
  sequence: 0x30,
  extensions: 0xa3,
}

/** Content octets of the object identifiers: 2.5.29.15, 2.5.29.17, 2.5.29.37 and 1.3.6.1.5.5.7.3.2. */
const OID = { keyUsage: '551d0f', names: '551d11', extendedKeyUsage: '551d25', clientAuth: '2b06010505070302' }

/** GeneralName choices: dNSName [2] and uniformResourceIdentifier [6]. */
const NAME = { dns: 0x82, uri: 0x86 }

export interface CertificateFacts {
  readonly uris: readonly string[]
  readonly dns: readonly string[]
  /** The extended key usage names clientAuth; `anyExtendedKeyUsage` and no extension at all do not. */
  readonly clientAuth: boolean
  /** Key usage allows signing certificates or revocation lists. */
  readonly signs: boolean
}

export interface ListFacts {
  /** The issuer's name, DER. */
  readonly issuer: Buffer
  readonly thisUpdate: Date
  /** Absent: the list never grows old. */
  readonly nextUpdate: Date | undefined
}

/** Facts of a certificate in DER. Throws on what is not one. */
export function certificateFacts(der: Buffer): CertificateFacts {
  const uris: string[] = []
  const dns: string[] = []
  let clientAuth = false
  let signs = false
  for (const [oid, value] of extensionsOf(der)) {
    if (oid === OID.names) {
      for (const { tag, content } of children(one(value, TAG.sequence))) {
        if (tag === NAME.uri) uris.push(content.toString('latin1'))
        if (tag === NAME.dns) dns.push(content.toString('latin1'))
      }
    } else if (oid === OID.extendedKeyUsage) {
      clientAuth ||= children(one(value, TAG.sequence)).some(
        ({ content }) => content.toString('hex') === OID.clientAuth,
      )
    } else if (oid === OID.keyUsage) {
      // Bit 0 is the highest of the first octet after the count of unused bits: keyCertSign is 5, cRLSign 6.
      signs ||= ((one(value, TAG.bits).content[1] ?? 0) & 0b0000_0110) !== 0
    }
  }
  return { uris, dns, clientAuth, signs }
}

/** The subject's name of a certificate, DER. */
export function subjectOf(der: Buffer): Buffer {
  const [first, ...rest] = toBeSigned(der)
  // The version is explicit ([0]) in all but the first version; then serial, algorithm, issuer, validity, subject.
  const fields = first?.tag === 0xa0 ? rest : [first!, ...rest]
  return one(fields[4]?.whole, TAG.sequence).whole
}

/** Facts of a revocation list in DER. Throws on what is not one. */
export function listFacts(der: Buffer): ListFacts {
  const fields = toBeSigned(der)
  if (fields[0]?.tag === TAG.integer) fields.shift()
  const [, issuer, thisUpdate, nextUpdate] = fields
  const dated = nextUpdate?.tag === TAG.utc || nextUpdate?.tag === TAG.time
  return {
    issuer: one(issuer?.whole, TAG.sequence).whole,
    thisUpdate: time(thisUpdate),
    nextUpdate: dated ? time(nextUpdate) : undefined,
  }
}

function toBeSigned(der: Buffer): Element[] {
  return children(children(one(der, TAG.sequence))[0])
}

function* extensionsOf(der: Buffer): Generator<[string, Buffer]> {
  const wrapper = toBeSigned(der).find(({ tag }) => tag === TAG.extensions)
  if (wrapper === undefined) return
  for (const extension of children(one(wrapper.content, TAG.sequence))) {
    const parts = children(extension)
    yield [one(parts[0]?.whole, TAG.oid).content.toString('hex'), one(parts.at(-1)?.whole, TAG.octets).content]
  }
}

/** UTCTime as RFC 5280 wants it (YYMMDDHHMMSSZ, years 1950-2049) or GeneralizedTime (YYYYMMDDHHMMSSZ). */
function time(element: Element | undefined): Date {
  let text = element?.content.toString('latin1') ?? ''
  if (element?.tag === TAG.utc) text = `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  if (match === null) throw new RangeError('DER: not a time')
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number)
  return new Date(Date.UTC(year!, month! - 1, day, hour, minute, second))
}

function one(bytes: Buffer | undefined, tag: number): Element {
  const element = bytes === undefined ? undefined : read(bytes, 0)
  if (element?.tag !== tag) throw new RangeError('DER: unexpected element')
  return element
}

function children(parent: Element | undefined): Element[] {
  if (parent === undefined) throw new RangeError('DER: element missing')
  const found: Element[] = []
  for (let at = 0; at < parent.content.length; at += found.at(-1)!.whole.length) found.push(read(parent.content, at))
  return found
}

function read(bytes: Buffer, at: number): Element {
  const tag = bytes[at]
  let length = bytes[at + 1]
  let start = at + 2
  if (tag === undefined || length === undefined || (tag & 0x1f) === 0x1f) throw new RangeError('DER: truncated')
  if (length >= 0x80) {
    const octets = length & 0x7f
    if (octets === 0 || octets > 4 || start + octets > bytes.length) throw new RangeError('DER: bad length')
    length = bytes.readUIntBE(start, octets)
    start += octets
  }
  if (start + length > bytes.length) throw new RangeError('DER: truncated')
  return { tag, content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) }
}
