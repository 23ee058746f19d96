/**
 * Attacks below HTTP: bytes that are no handshake, handshakes that stop or speak of other versions, and finished
 * connections whose records are damaged, repeated or mixed with plain ones (the wire form of a renegotiation attempt,
 * which TLS 1.3 does not have).
 */
import type { Attack, Shape } from './attack.ts'
import { request } from './attack.ts'
import type { Random } from './random.ts'

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])

/** One TLS record: type 22 is a handshake message, 21 an alert, 23 application data, 20 a change of cipher. */
function record(type: number, version: number, body: Buffer, length = body.length): Buffer {
  return Buffer.concat([Buffer.from([type]), u16(version), u16(length & 0xffff), body])
}

/** A plausible ClientHello (RFC 8446 §4.1.2) with as many extensions as asked for. */
export function clientHello(random: Random, extensions: Buffer): Buffer {
  const suites = Buffer.from([0x13, 0x02, 0x13, 0x01, 0xc0, 0x2b, 0x00, 0xff])
  const body = Buffer.concat([
    u16(random.pick([0x0303, 0x0303, 0x0301, 0x0300, 0x0304, 0xffff])),
    random.bytes(32),
    Buffer.from([0]),
    u16(suites.length),
    suites,
    Buffer.from([1, 0]),
    u16(extensions.length),
    extensions,
  ])
  const length = body.length
  return Buffer.concat([Buffer.from([1, length >> 16, (length >> 8) & 0xff, length & 0xff]), body])
}

/** Extensions of random kind; the types of RFC 8446 are preferred. */
function someExtensions(random: Random): Buffer {
  const parts: Buffer[] = []
  for (let count = random.between(0, 12); count > 0; count--) {
    const kind = random.pick([0, 5, 10, 13, 16, 21, 23, 35, 41, 42, 43, 45, 49, 51, 65281, random.between(0, 65535)])
    const body = random.bytes(random.between(0, 80))
    parts.push(u16(kind), u16(random.chance(0.9) ? body.length : random.between(0, 65535)), body)
  }
  return Buffer.concat(parts)
}

type Below = Omit<Attack, 'shape'>

/** Everything here ends before a handshake is done, so no answer of HTTP is deserved. */
const tcp = (...steps: Attack['steps'][number][]): Below => ({ steps, answers: 0, below: 'tcp' })

const plainHttp: Shape = (random, _id, target) => {
  const bytes = request(target, { path: '/healthz', method: random.pick(['GET', 'PUT', 'CONNECT']) })
  return tcp(Buffer.concat(Array(random.between(1, 5)).fill(bytes)))
}

const randomBytes: Shape = (random) => tcp(random.bytes(random.between(1, 3_000)))

/** Records with a right head and a wrong body, length, type or version. */
const oddRecords: Shape = (random) => {
  const body = random.bytes(random.between(0, 400))
  const length = random.chance(0.7) ? body.length : random.pick([0, 1, 16_384, 16_385, 18_433, 65_535])
  const kind = random.pick([20, 21, 22, 23, 24, 0x80, 0, 255])
  const one = record(kind, random.pick([0x0301, 0x0303, 0x0304, 0x0200, 0xffff, 0]), body, length)
  return tcp(Buffer.concat(Array(random.between(1, 40)).fill(one)))
}

const oddHello: Shape = (random) => {
  const hello = clientHello(random, someExtensions(random))
  if (random.chance(0.5)) hello[random.between(0, hello.length - 1)] = random.between(0, 255)
  const whole = record(22, 0x0301, hello)
  return tcp(random.chance(0.3) ? Buffer.concat([whole, whole]) : whole)
}

/** A hello split over many records and writes, cut before its end, left waiting, closed or reset. */
const truncatedHello: Shape = (random) => {
  const whole = record(22, 0x0301, clientHello(random, someExtensions(random)))
  const part = whole.subarray(0, random.between(1, whole.length - 1))
  const ending = random.between(0, 2)
  if (ending === 0) return { ...tcp(part), stalls: true }
  return tcp(part, random.between(0, 20), ending === 1 ? 'half-close' : 'reset')
}

/** Connected and gone. */
const hangUp: Shape = (random) => tcp(random.pick(['half-close', 'reset'] as const))

/** A good connection, a good request, and then records that no honest peer sends. */
const damagedRecords: Shape = (random, _id, target) => {
  const hello = record(22, 0x0303, clientHello(random, someExtensions(random)))
  const junk = random.pick([
    hello,
    record(23, 0x0303, random.bytes(random.between(0, 200))),
    record(23, 0x0303, random.bytes(17), 20_000),
    record(21, 0x0303, Buffer.from([2, 40])),
    record(21, 0x0303, Buffer.from([1, 0])),
    record(20, 0x0303, Buffer.from([1])),
    record(24, 0x0303, Buffer.from([1, 0x40, 0])),
    random.bytes(random.between(1, 400)),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  ])
  const good = request(target, { path: '/nowhere/v1/key' })
  return { steps: random.chance(0.5) ? [good, 'answer', junk] : [junk], answers: 1, below: 'records' }
}

export const below = {
  plainHttp,
  randomBytes,
  oddRecords,
  oddHello,
  truncatedHello,
  hangUp,
  damagedRecords,
} satisfies Record<string, Shape>
