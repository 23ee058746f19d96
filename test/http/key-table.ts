/**
 * Keys: any bytes, escaped once, never normalised; which targets name one key, which name two, and how long they may be.
 * The stores here are reusable, so that a client that was here before is in nobody's way.
 */
import { ALL_BYTES, type Case } from './case.ts'

const AT = '/echoseen/v1/'
const HEX = (byte: number) => byte.toString(16).padStart(2, '0')
const escaped = (bytes: Buffer) => bytes.toString('hex').replaceAll(/../g, '%$&')

/** What a client may leave unescaped in a path (RFC 3986 section 3.3), all of it. */
const PLAIN = "-._~!$&'()*+,;=:@"

/** A value that says which key it was written to. */
const own = (key: string) => [
  { send: `PUT ${AT}${key}`, body: `at ${key}`, status: 201 },
  { send: `GET ${AT}${key}`, status: 200, value: `at ${key}` },
]

/** Targets that all name one key. */
const same = (title: string, [first, ...others]: readonly string[]): Case => ({
  title,
  steps: [
    { send: `PUT ${AT}${first}`, body: title, status: 201 },
    ...[first, ...others].map((key) => ({ send: `GET ${AT}${key}`, status: 200, value: title })),
    { send: `DELETE ${AT}${others.at(-1)}`, status: 204 },
    { send: `GET ${AT}${first}`, status: 404, code: 'not_found' },
  ],
})

/** Targets that name a key each: every one is written before any is read. */
const different = (title: string, keys: readonly string[]): Case => ({
  title,
  steps: [
    ...keys.map((key) => ({ send: `PUT ${AT}${key}`, body: `at ${key}`, status: 201 })),
    ...keys.map((key) => ({ send: `GET ${AT}${key}`, status: 200, value: `at ${key}` })),
  ],
})

export const KEY_TABLE: readonly Case[] = [
  same('a slash, whatever the case of its digits', ['{key}%2Fb', '{key}%2fb', '{key}%2F%62']),
  same('escaped or not', ['{key}a-z~', '{key}%61-%7A%7E', '{key}%61%2D%7a%7e']),
  same('UTF-8', ['{key}%C3%A9%E2%82%AC', '{key}%c3%a9%e2%82%ac']),
  same('signs that need no escape', [`{key}${PLAIN}`, `{key}${escaped(Buffer.from(PLAIN))}`]),
  same('a dot', ['.', '%2e', '%2E']),
  same('two dots', ['..', '.%2e', '%2E.', '%2e%2E']),
  same('all 256 bytes', [`{key}${escaped(ALL_BYTES)}`, `{key}${escaped(ALL_BYTES).toUpperCase()}`]),
  ...['%2F', '%00', '%ff', '%FF%FE', '%0d%0a', '%20', '+', '%2B', '%3F', '%23', '%25', '#', '...', '%2e%2e%2f'].map(
    (key) => ({ title: `the key ${key}`, steps: own(key) }),
  ),
  different('one byte each is a key each', [
    '{key}',
    '{key}%00',
    '{key}%20',
    '{key}+',
    '{key}.',
    '{key}%2F',
    '{key}%5C',
  ]),
  different('an escaped escape is not the escape', ['{key}%2F', '{key}%252F', '{key}%25252F']),
  different('latin1 is not UTF-8, and nothing is normalised', ['{key}%E9', '{key}%C3%A9', '{key}e%CC%81']),
  different('letters have a case', ['{key}a', '{key}A']),
  different('a question mark that is escaped is no query', ['{key}%3Fa=b', '{key}%3F']),
  different('a number sign is a byte: targets have no fragments', ['{key}', '{key}#', '{key}#a']),
  different('dots at the end are bytes', ['{key}', '{key}.', '{key}..']),
  ...['%', 'a%', '%4', 'a%4', '%zz', '%4z', '%z4', '%-1', '%%41', 'a%u0041'].map((key) => ({
    title: `a malformed escape: ${key}`,
    steps: ['GET', 'PUT', 'DELETE'].map((method) => ({
      send: `${method} ${AT}${key}`,
      ...(method === 'PUT' && { body: 'x' }),
      status: 400,
      code: 'malformed-key' as const,
    })),
  })),
  ...(
    [
      ['plain', (length: number) => 'k'.repeat(length)],
      ['all escaped', (length: number) => '%6b'.repeat(length)],
      ['all escaped, not text', (length: number) => `%${HEX(0xff)}`.repeat(length)],
      ['half escaped', (length: number) => `%2F${'k'.repeat(length - 1)}`],
    ] as const
  ).map(
    ([how, make]): Case => ({
      title: `4,096 bytes and not 4,097: ${how}`,
      steps: [
        ...own(make(4096)),
        ...['GET', 'PUT', 'DELETE'].map((method) => ({
          send: `${method} ${AT}${make(4097)}`,
          ...(method === 'PUT' && { body: 'x' }),
          status: 400,
          code: 'key-too-long' as const,
        })),
        { send: `DELETE ${AT}${make(4096)}`, status: 204 },
      ],
    }),
  ),
  {
    title: 'bytes that no target may have unescaped',
    cannot: { undici: 'refuses them, or encodes them as UTF-8', curl: 'refuses them, or passes on UTF-8' },
    steps: ['\x00', '\x7f', '\x80', '\xff'].map((byte) => ({
      send: `GET ${AT}{key}${byte}`,
      status: 400,
      code: 'bad_request' as const,
      answered: { connection: 'close' },
    })),
  },
]
