/**
 * Request lines, versions, header syntax, line ends and head sizes that no client of good will sends. What is plainly
 * malformed must be refused; what RFC 9112 lets a server forgive may be answered with anything documented.
 */
import { type Attack, ownPath, ownValue, request, type Shape } from './attack.ts'
import { canary } from './canary.ts'

const raw = (text: string): Buffer => Buffer.from(text, 'latin1')
const refused = [400, 431]

/** Whole request lines; KEY stands for a path, and the second column says whether a refusal is certain. */
const LINES: readonly (readonly [string, boolean])[] = [
  ['GET', true],
  ['GET KEY', true],
  ['GET  KEY HTTP/1.1', false],
  ['GET\tKEY\tHTTP/1.1', true],
  ['GET KEY  HTTP/1.1', false],
  ['GET KEY HTTP/1.1 ', false],
  ['GET KEY http/1.1', true],
  ['GET KEY HTTP/1.2', false],
  ['GET KEY HTTP/2.0', false],
  ['GET KEY HTTP/0.9', false],
  ['GET KEY HTTP/3', true],
  ['GET KEY HTTP/11', true],
  ['GET KEY HTTP/1.', true],
  ['GET KEY HTTP/1.10', true],
  ['GET KEY HTTP/-1.1', true],
  ['GET KEY HTTPS/1.1', true],
  ['GET KEY HTTP/1.1 HTTP/1.1', true],
  ['GET KEY extra HTTP/1.1', true],
  ['GET KEY RTSP/1.0', false],
  [' GET KEY HTTP/1.1', true],
  ['G\0ET KEY HTTP/1.1', true],
  ['GET /\0KEY HTTP/1.1', true],
  ['GET\u00a0KEY HTTP/1.1', true],
  ['get KEY HTTP/1.1', true],
  ['GET: KEY HTTP/1.1', true],
  [': KEY HTTP/1.1', true],
  ['PRI * HTTP/2.0', false],
  ['GET http:// HTTP/1.1', false],
  ['GET KEY\u007f HTTP/1.1', false],
  ['SOURCE KEY ICE/1.0', false],
]

const requestLine: Shape = (random, id, target) => {
  const [line, certain] = random.pick(LINES)
  const text = line.replace('KEY', ownPath(target.stores.final, id))
  const steps = [raw(`${text}\r\nHost: ${target.authority}\r\n\r\n`)]
  return certain ? { steps, answers: 1, expect: refused } : { steps, answers: 1 }
}

/** Header lines of which each alone spoils the request, whatever stands around it. */
const SPOILERS: readonly string[] = [
  'no colon here',
  ': no name',
  'two words: x',
  'Name : space before the colon',
  'Na\0me: nul in the name',
  'Name: nul \0 in the value',
  'N\u00e4me: beyond ASCII',
  'Name: bare \r return',
  'Name(): parentheses',
  'Name: bell \u0007',
  'Name: delete \u007f',
  '\u000bName: vertical tab',
  ' Name: folded from the first line',
]

const headerSyntax: Shape = (random, id, target) => {
  const headers = [`Host: ${target.authority}`, 'Accept: */*', `X-Trace: ${canary('value', id)}`]
  // Never first: a space at the start of the first header line is a shape of its own.
  headers.splice(random.between(1, headers.length), 0, random.pick(SPOILERS))
  const path = ownPath(target.stores.final, id)
  return { steps: [request(target, { path, headers })], answers: 1, expect: refused }
}

/** Legal by RFC 9112 or forgivable: folded lines, odd but allowed bytes, repeated or missing Host. */
const hostAndFolding: Shape = (random, id, target) => {
  const path = ownPath(target.stores.final, id)
  const lines = random.pick<readonly [readonly string[], readonly number[] | undefined]>([
    [[], [400]],
    [[`Host: ${target.authority}`, 'Host: other.example'], [400]],
    [['Host: a b'], undefined],
    [['Host: '], undefined],
    [[`Host: ${'h'.repeat(2_000)}`], undefined],
    [['Host: http://x/'], undefined],
    [[`Host: ${target.authority}`, 'X-Folded: one', ' two', '\tthree'], undefined],
    [[`Host: ${target.authority}`, 'X-High: \u00e4\u00ff'], [404]],
    [[`Host: ${target.authority}`, 'X-Empty:', 'X-Tab:\tx\t'], [404]],
    [[`Host: ${target.authority}`, 'Connection: close, keep-alive, Host'], [404]],
    [[`Host: ${target.authority}`, 'Connection: \u00ff'], undefined],
  ])
  const head = [`GET ${path} HTTP/1.1`, ...lines[0], '', ''].join('\r\n')
  return { steps: [raw(head)], answers: 1, ...(lines[1] === undefined ? {} : { expect: lines[1] }) }
}

/** The right request with the wrong line ends. */
const lineEnds: Shape = (random, id, target) => {
  const good = request(target, { path: ownPath(target.stores.final, id), headers: ['Accept: */*'] }).toString('latin1')
  const end = random.pick(['\n', '\r', '\r\r\n', '\n\r', '\0\r\n', '\r\n\r', '\u0085', '\u2028'])
  const text = random.chance(0.5) ? good.replaceAll('\r\n', end) : good.replace('\r\n', end)
  return { steps: [raw(text)], answers: 2 }
}

/**
 * Heads just below, at and far above the limit, in one long line or in thousands of short ones. What counts is the target
 * and the names and values of the fields; colons, spaces and line ends are free.
 */
const headSize: Shape = (random, id, target) => {
  const limit = target.limits.headBytes
  const size = limit + random.pick([-600, -2, -1, 0, 1, 2, 600, 5_000, 50_000, 500_000])
  const path = ownPath(target.stores.final, id)
  const headers = [`Host: ${target.authority}`]
  let room = size - path.length - 'Host'.length - target.authority.length
  for (const short = random.chance(0.5); short && room > 20; room -= 5) headers.push('a: 1234')
  headers.push(`b: ${'x'.repeat(room - 1)}`)
  // Well inside it must be served; well beyond it must be refused; at the edge either will do, but nothing else.
  const expect = size <= limit - 600 ? [404] : size >= limit + 600 ? [431] : [404, 431]
  return { steps: [request(target, { path, headers })], answers: 1, expect }
}

/** A condition behind thousands of headers must not be lost on the way: the guard would be overwritten. */
const buriedCondition: Shape = (random, id, target) => {
  const path = `/${target.stores.reusable}/v1/${random.pick(target.guards)}`
  const headers = Array.from({ length: random.between(900, 2_600) }, () => 'a:b')
  headers.push('If-None-Match: *')
  const bytes = request(target, { method: 'PUT', path, headers, body: ownValue(id) })
  return { steps: [bytes], answers: 1, expect: [412, 431] }
}

/** Blank lines before a request are forgiven by RFC 9112 §2.2; anything else there is not a request. */
const leadingBytes: Shape = (random, id, target): Omit<Attack, 'shape'> => {
  const good = request(target, { path: ownPath(target.stores.final, id) })
  const before = random.pick([
    '\r\n',
    '\r\n\r\n',
    '\n',
    '\0',
    '\ufeff',
    'HTTP/1.1 200 OK\r\n\r\n',
    '\x16\x03\x01',
    '{}\r\n',
  ])
  return { steps: [raw(before.repeat(random.between(1, 3))), good], answers: 1 }
}

/** Nothing but noise. */
const noise: Shape = (random) => ({ steps: [random.bytes(random.between(1, 4_000))], answers: 1 })

export const framing = {
  requestLine,
  headerSyntax,
  hostAndFolding,
  lineEnds,
  headSize,
  buriedCondition,
  leadingBytes,
  noise,
} satisfies Record<string, Shape>
