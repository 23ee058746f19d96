/**
 * Requests hidden inside other requests. Each attack carries an inner request that would write a forbidden key, end a
 * guard or read one. Where the outer framing is ambiguous the server must refuse and close; where it is clear, the inner
 * bytes are a body and nothing else. Both are judged: by the count of answers, and by looking for the keys at the end.
 */
import { chunked, ownPath, ownValue, request, type Shape, type Target } from './attack.ts'
import { canary } from './canary.ts'
import type { Random } from './random.ts'

const raw = (text: string): Buffer => Buffer.from(text, 'latin1')

/** The request to hide, and what must not be there if it was not executed. */
function hidden(random: Random, id: number, target: Target): { text: string; forbidden: string[] } {
  const guard = `/${target.stores.reusable}/v1/${random.pick(target.guards)}`
  const kind = random.between(0, 3)
  if (kind === 0) return { text: request(target, { method: 'DELETE', path: guard }).toString('latin1'), forbidden: [] }
  if (kind === 1) return { text: request(target, { path: guard }).toString('latin1'), forbidden: [] }
  const path = ownPath(target.stores.reusable, id, 'hidden-')
  const text = request(target, { method: 'PUT', path, body: ownValue(id) }).toString('latin1')
  return { text, forbidden: [`hidden-${canary('key', id)}`] }
}

/** Header blocks that no two servers read alike. `N` is the length of the outer body. */
const AMBIGUOUS: readonly (readonly string[])[] = [
  ['Content-Length: N', 'Transfer-Encoding: chunked'],
  ['Transfer-Encoding: chunked', 'Content-Length: N'],
  ['Content-Length: N', 'Content-Length: 0'],
  ['Content-Length: 0', 'Content-Length: N'],
  ['Content-Length: N, 0'],
  ['Content-Length: +N'],
  ['Content-Length: -1'],
  ['Content-Length: -0'],
  ['Content-Length: 0x10'],
  ['Content-Length: 1 0'],
  ['Content-Length: 0;'],
  ['Content-Length: 0.0'],
  ['Content-Length: 0e0'],
  ['Content-Length: "0"'],
  ['Content-Length: 18446744073709551616'],
  ['Content-Length: 99999999999999999999999999'],
  ['Content-Length: zero'],
  ['Content-Length : 0'],
  ['Content-Length\0: 0'],
  ['Content-Length:\0 0'],
  ['Content-Length: 0\0'],
  ['Content-Length: 0\r'],
  ['Content-Length: \u000b0'],
  ['Transfer-Encoding: identity'],
  ['Transfer-Encoding: xchunked'],
  ['Transfer-Encoding: chunkedx'],
  ['Transfer-Encoding: chunked, identity'],
  ['Transfer-Encoding: chunked, gzip'],
  ['Transfer-Encoding: chunked;q=1'],
  ['Transfer-Encoding: "chunked"'],
  ['Transfer-Encoding: chun ked'],
  ['Transfer-Encoding: chunked\0'],
  ['Transfer-Encoding: \u000bchunked'],
  ['Transfer-Encoding : chunked'],
  ['Transfer-Encoding\0: chunked'],
  ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
  ['Transfer-Encoding: identity', 'Content-Length: N'],
  ['Transfer-Encoding:', 'Content-Length: N'],
  ['X: y\rTransfer-Encoding: chunked', 'Content-Length: N'],
  ['X: y\rContent-Length: 0', 'Transfer-Encoding: chunked'],
]

const METHODS = ['PUT', 'POST', 'GET', 'DELETE', 'HEAD', 'PATCH'] as const

/** Two readings of the same head: never executed, one refusal, connection closed. */
const ambiguousLength: Shape = (random, id, target) => {
  const inner = hidden(random, id, target)
  const body = random.pick([`0\r\n\r\n${inner.text}`, inner.text, `5\r\nhello\r\n0\r\n\r\n${inner.text}`])
  const method = random.pick(METHODS)
  const headers = random.pick(AMBIGUOUS).map((header) => header.replace('N', String(body.length)))
  if (random.chance(0.3)) headers.splice(random.between(0, headers.length), 0, 'X-Between: 1')
  const path = ownPath(target.stores.final, id)
  const outer = request(target, { method, path, headers }).toString('latin1')
  return {
    steps: [raw(outer + body)],
    answers: 1,
    expect: [400],
    forbidden: inner.forbidden,
    head: method === 'HEAD',
  }
}

/** Chunk sizes and line ends that are not a chunk. The text after the broken place is the hidden request. */
const CHUNK_BREAKS: readonly string[] = [
  'g\r\n',
  '-1\r\n',
  '+5\r\nhello\r\n',
  '0x5\r\nhello\r\n',
  ' 5\r\nhello\r\n',
  '\r\n',
  '5\nhello\n0\n\n',
  '5\r\nhello0\r\n\r\n',
  '5\r\nhello\n0\r\n\r\n',
  '5\r\nhelloXX0\r\n\r\n',
  'ffffffffffffffffff\r\n',
  '10000000000000000\r\n',
  '5;ext\n\r\nhello\r\n0\r\n\r\n',
  '5;ext="\r\n\r\nhello\r\n0\r\n\r\n',
  '5;\rext\r\nhello\r\n0\r\n\r\n',
  '5;\0\r\nhello\r\n0\r\n\r\n',
  '5\0\r\nhello\r\n0\r\n\r\n',
  '5\r\nhello\r\n0\n\n',
  '5\r\nhello\r\n0\r\nnot a trailer\r\n\r\n',
  '5\r\nhello\r\n0\r\n\rX',
]

const brokenChunks: Shape = (random, id, target) => {
  const inner = hidden(random, id, target)
  const path = ownPath(target.stores.final, id)
  const method = random.pick(['PUT', 'POST', 'DELETE'] as const)
  const headers = [`Transfer-Encoding: ${random.anyCase('chunked')}`]
  const outer = request(target, { method, path, headers }).toString('latin1')
  const body = random.pick(CHUNK_BREAKS)
  return { steps: [raw(outer + body + inner.text)], answers: 1, forbidden: inner.forbidden }
}

/** An inner request that lies wholly inside a well-framed body, under every kind of answer to the outer one. */
const wholeInBody: Shape = (random, id, target) => {
  const inner = hidden(random, id, target)
  const method = random.pick([...METHODS, 'OPTIONS', 'TRACE'] as const)
  const { final, reusable } = target.stores
  const path = random.pick([
    ownPath(final, id),
    ownPath(reusable, id),
    '/nowhere',
    `${ownPath(final, id)}?q`,
    '/healthz',
  ])
  const headers = random.pick<string[]>([
    [],
    ['Expect: 100-continue'],
    ['Upgrade: websocket', 'Connection: Upgrade'],
    ['Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
    ['If-None-Match: *'],
    ['Holdfast-TTL: never'],
    ['Content-Type: message/http'],
  ])
  const parts = random.chance(0.5)
    ? { body: inner.text, headers }
    : { headers: [...headers, 'Transfer-Encoding: chunked'], body: chunked(inner.text, random.between(1, 400)) }
  const bytes = request(target, { method, path, ...parts })
  const expect = [200, 201, 204, 400, 404, 405, 412]
  return { steps: [bytes], answers: 1, expect, forbidden: inner.forbidden, head: method === 'HEAD' }
}

/** Refused before its body is read (too large, or an expectation that will fail): the body must not become a request. */
const refusedThenBody: Shape = (random, id, target) => {
  const inner = hidden(random, id, target)
  const large = target.limits.large + random.between(1, 1_000_000)
  const [path, headers, expect] = random.pick<readonly [string, string[], number[]]>([
    [ownPath(target.stores.large, id), [`Content-Length: ${large}`], [413]],
    [ownPath(target.stores.large, id), [`Content-Length: ${large}`, 'Expect: 100-continue'], [413]],
    [ownPath(target.stores.final, id), [`Content-Length: ${large}`], [413]],
    ['/nowhere/v1/key', [`Content-Length: ${large}`, 'Expect: 100-continue'], [404]],
    [ownPath(target.stores.final, id), [`Content-Length: ${inner.text.length}`, 'Expect: something-else'], [400, 417]],
    [`${ownPath(target.stores.final, id)}?x`, [`Content-Length: ${inner.text.length}`, 'Expect: 100-continue'], [400]],
  ])
  const outer = request(target, { method: 'PUT', path, headers })
  const steps = random.chance(0.5)
    ? [outer, 'answer' as const, raw(inner.text)]
    : [Buffer.concat([outer, raw(inner.text)])]
  return { steps, answers: 1, expect, forbidden: inner.forbidden }
}

/** Trailers are not headers and not requests. */
const trailers: Shape = (random, id, target) => {
  const inner = hidden(random, id, target)
  const path = ownPath(target.stores.final, id)
  const headers = ['Transfer-Encoding: chunked', 'Trailer: X-End']
  const outer = request(target, { method: 'PUT', path, headers }).toString('latin1')
  const trailer = random.pick([
    'Content-Length: 40',
    'Transfer-Encoding: chunked',
    'Host: other.example',
    'If-None-Match: *',
    'Authorization: Basic eDp5',
    inner.text.trimEnd().replaceAll('\r\n', '\r\nX-'),
  ])
  const body = `5\r\nhello\r\n0\r\n${trailer}\r\n\r\n`
  return { steps: [raw(outer + body)], answers: 1, expect: [201, 400], forbidden: inner.forbidden }
}

/** The connection is not ours to switch: CONNECT, upgrades and the preface of HTTP/2, with a request right behind. */
const takeovers: Shape = (random, id, target) => {
  const inner = hidden(random, id, target)
  const first = random.pick([
    `CONNECT ${target.authority} HTTP/1.1\r\nHost: ${target.authority}\r\n\r\n`,
    `CONNECT / HTTP/1.1\r\nHost: ${target.authority}\r\nContent-Length: ${inner.text.length}\r\n\r\n`,
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ])
  return { steps: [raw(first + inner.text)], answers: 1, forbidden: inner.forbidden }
}

/** Control of the whole search: honest pipelining, both written, both found at the end. */
const pipelined: Shape = (_random, id, target) => {
  const keys = ['first-', 'second-'].map((part) => `${part}${canary('key', id)}`)
  const path = (part: string) => ownPath(target.stores.reusable, id, part)
  const puts = ['first-', 'second-'].map((part) =>
    request(target, { method: 'PUT', path: path(part), body: ownValue(id) }),
  )
  return { steps: [Buffer.concat(puts)], answers: 2, expect: [201], tidy: true, written: keys }
}

export const smuggling = {
  ambiguousLength,
  brokenChunks,
  wholeInBody,
  refusedThenBody,
  trailers,
  takeovers,
  pipelined,
} satisfies Record<string, Shape>
