/**
 * Valid requests of every kind with a few bytes changed. Composed attacks know what they break; these find what nobody
 * thought of. All that can be said of their answers is what holds for every answer.
 */
import { chunked, ownPath, ownValue, request, type Shape, type Target } from './attack.ts'
import type { Random } from './random.ts'

/** Bytes that mean something to a parser of HTTP. */
const TOKENS: readonly string[] = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '%',
  '%00',
  '/',
  '?',
  '#',
  '\r\n\r\n',
  '\r\n ',
  '0\r\n\r\n',
  'Content-Length: 0\r\n',
  'Content-Length: 99999\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Expect: 100-continue\r\n',
  'Connection: close\r\n',
  'HTTP/1.1',
  'HTTP/1.0',
  '\u00ff\u00fe',
  '-',
  '9'.repeat(30),
]

/** No HEAD among them: whether an answer has a body could not be told any more. */
function valid(random: Random, id: number, target: Target): Buffer {
  const path = ownPath(random.pick([target.stores.final, target.stores.reusable]), id)
  return random.pick([
    () => request(target, { path }),
    () => request(target, { method: 'DELETE', path }),
    () => request(target, { method: 'DELETE', path, headers: ['Prefer: return=representation'] }),
    () => request(target, { method: 'PUT', path, body: ownValue(id) }),
    () => request(target, { method: 'POST', path, body: ownValue(id), headers: ['Holdfast-TTL: 60'] }),
    () => request(target, { method: 'PUT', path, body: ownValue(id), headers: ['If-None-Match: *'] }),
    () =>
      request(target, { method: 'PUT', path, body: chunked(ownValue(id), 7), headers: ['Transfer-Encoding: chunked'] }),
    () => request(target, { path: '/healthz' }),
    () => request(target, { path: '/openapi.json', headers: ['Accept-Encoding: gzip'] }),
  ])()
}

function change(random: Random, bytes: Buffer): Buffer {
  const at = random.between(0, Math.max(0, bytes.length - 1))
  const length = random.between(1, 30)
  const insert = (what: Buffer) => Buffer.concat([bytes.subarray(0, at), what, bytes.subarray(at)])
  switch (random.between(0, 6)) {
    case 0: {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ (1 << random.between(0, 7))
      return copy
    }
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    case 2:
      return insert(bytes.subarray(at, at + length))
    case 3:
      return insert(random.bytes(length))
    case 4:
      return bytes.subarray(0, at)
    default:
      return insert(Buffer.from(random.pick(TOKENS), 'latin1'))
  }
}

/** One request, changed. Ended by us, since a change may leave it waiting for more. */
const mutated: Shape = (random, id, target) => {
  let bytes = valid(random, id, target)
  for (let count = random.between(1, 4); count > 0; count--) bytes = change(random, bytes)
  return { steps: [bytes, 'half-close'], answers: 100 }
}

/** Several on one connection, of which some are changed: what one leaves behind meets the next. */
const mutatedTrain: Shape = (random, id, target) => {
  const train: Buffer[] = []
  for (let count = random.between(2, 6); count > 0; count--) {
    const bytes = valid(random, id, target)
    train.push(random.chance(0.4) ? change(random, bytes) : bytes)
  }
  return { steps: [Buffer.concat(train), 'half-close'], answers: 100 }
}

export const mutations = { mutated, mutatedTrain } satisfies Record<string, Shape>
