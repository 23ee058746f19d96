/**
 * Every request that Kask knows, and what a client of Kask sees here. Where an answer differs from Kask's on purpose, the
 * title says what Kask does.
 */
import type { ProblemCode } from '../../packages/server/src/common/problems.ts'
import { ALL_BYTES, type Case } from './case.ts'

const MIB = 1024 * 1024
const KEY = '/sessions/v1/{key}'
/** Not the same byte twice in a row, and nothing that could be taken for text. */
const big = (length: number) => Buffer.alloc(length, ALL_BYTES)

/** Targets that name no key of a store. Kask redirects some of them; nothing is ever redirected here. */
const NOWHERE = [
  '/',
  '/sessions',
  '/sessions/',
  '/sessions/v1',
  '/sessions/v1/',
  '/sessions/v1/?a',
  '/sessions/v1x/key',
  '/sessions/v2/key',
  '/sessions/v1//key',
  '/sessions/v1/key/',
  '/sessions/v1/key/other',
  '/sessions/v1/./key',
  '/sessions/v1/../key',
  '/sessions/v1/../../sessions/v1/key',
  '//sessions/v1/key',
  '/./sessions/v1/key',
  '/x/../sessions/v1/key',
  '/sessions/./v1/key',
  '/sessions//v1/key',
  '/Sessions/v1/key',
  '/session%73/v1/key',
  '/sessions%2Fv1%2Fkey',
  '/sessions/%76%31/key',
  '/unknown/v1/key',
  '/v1/key',
]
/** In a store it is Kask's answer; outside, Kask's would be no problem at all. */
const nothingAt = (target: string): ProblemCode => (target.startsWith('/sessions/v1/') ? 'not_found' : 'no-such-path')

export const KASK_TABLE: readonly Case[] = [
  {
    title: 'POST writes, GET reads the same bytes, DELETE ends, GET finds nothing',
    steps: [
      { send: `GET ${KEY}`, status: 404, code: 'not_found' },
      { send: `POST ${KEY}`, body: 'value', status: 201 },
      { send: `GET ${KEY}`, status: 200, value: 'value' },
      { send: `DELETE ${KEY}`, status: 204 },
      { send: `GET ${KEY}`, status: 404, code: 'not_found' },
    ],
  },
  {
    title: 'PUT is POST (Kask: 400)',
    steps: [
      { send: `PUT ${KEY}`, body: 'value', status: 201 },
      { send: `GET ${KEY}`, status: 200, value: 'value' },
    ],
  },
  {
    title: 'a second write replaces the first',
    steps: [
      { send: `POST ${KEY}`, body: 'first', status: 201 },
      { send: `PUT ${KEY}`, body: 'second', status: 201 },
      { send: `GET ${KEY}`, status: 200, value: 'second' },
      { send: `POST ${KEY}`, body: '3', status: 201 },
      { send: `GET ${KEY}`, status: 200, value: '3' },
    ],
  },
  {
    title: 'DELETE of a key that never was, and again',
    steps: [
      { send: `DELETE ${KEY}`, status: 204 },
      { send: `DELETE ${KEY}`, status: 204 },
    ],
  },
  {
    title: 'HEAD is GET without the value (Kask: 400)',
    steps: [
      { send: `HEAD ${KEY}`, status: 404, code: 'not_found' },
      { send: `POST ${KEY}`, body: 'value', status: 201 },
      { send: `HEAD ${KEY}`, status: 200, value: 'value' },
    ],
  },
  ...['PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'LOCK'].map((method) => ({
    title: `${method} is not served (Kask: 400)`,
    steps: [
      { send: `POST ${KEY}`, body: 'value', status: 201 },
      { send: `${method} ${KEY}`, status: 405, code: 'method-not-allowed' as const },
      { send: `GET ${KEY}`, status: 200, value: 'value' },
    ],
  })),
  {
    title: 'a method that HTTP does not know is broken framing (Kask: 400)',
    steps: [{ send: `FOO ${KEY}`, status: 400, code: 'bad_request', answered: { connection: 'close' } }],
  },
  ...['POST', 'PUT'].map((method) => ({
    title: `${method} without a value`,
    steps: [
      { send: `${method} ${KEY}`, body: '', status: 400, code: 'empty-body' as const },
      { send: `${method} ${KEY}`, status: 400, code: 'empty-body' as const },
      { send: `GET ${KEY}`, status: 404, code: 'not_found' as const },
    ],
  })),
  {
    title: 'an empty value in chunks',
    cannot: { undici: 'sends the length of a body that it has' },
    steps: [{ send: `POST ${KEY}`, body: '', chunked: true, status: 400, code: 'empty-body' }],
  },
  {
    title: 'a value in chunks',
    cannot: { undici: 'sends the length of a body that it has' },
    steps: [
      { send: `POST ${KEY}`, body: ALL_BYTES, chunked: true, status: 201 },
      { send: `GET ${KEY}`, status: 200, value: ALL_BYTES },
    ],
  },
  {
    title: 'any query string, also an empty one, changes nothing',
    steps: [
      { send: `POST ${KEY}`, body: 'value', status: 201 },
      ...['?', '?a', '?a=b', '??', '?a/b'].flatMap((query) => [
        { send: `GET ${KEY}${query}`, status: 400, code: 'query-string' as const },
        { send: `POST ${KEY}${query}`, body: 'other', status: 400, code: 'query-string' as const },
        { send: `DELETE ${KEY}${query}`, status: 400, code: 'query-string' as const },
      ]),
      { send: `HEAD ${KEY}?a`, status: 400, code: 'query-string' },
      { send: `GET ${KEY}`, status: 200, value: 'value' },
    ],
  },
  ...NOWHERE.map((target) => ({
    title: `nothing is at ${target}`,
    steps: [
      { send: `GET ${target}`, status: 404, code: nothingAt(target) },
      { send: `POST ${target}`, body: 'x', status: 404, code: nothingAt(target) },
    ],
  })),
  {
    title: 'nothing is at *',
    cannot: { undici: 'takes a path or a URL' },
    steps: [{ send: 'OPTIONS *', status: 404, code: 'no-such-path' }],
  },
  {
    title: 'a target that is a whole URL is its path',
    steps: [
      { send: `POST ${KEY}`, body: 'value', status: 201 },
      { send: `GET https://elsewhere.example:1${KEY}`, status: 200, value: 'value' },
      { send: 'GET https://elsewhere.example', status: 404, code: 'no-such-path' },
    ],
  },
  {
    title: 'a value of all 256 bytes, whatever the type it is sent with',
    steps: ['application/octet-stream', 'application/json', 'text/plain; charset=utf-16', 'nonsense'].flatMap(
      (type) => [
        {
          send: `PUT ${KEY}`,
          body: Buffer.from([...ALL_BYTES, ...Buffer.from(type)]),
          headers: { 'Content-Type': type },
          status: 201,
        },
        { send: `GET ${KEY}`, status: 200, value: Buffer.from([...ALL_BYTES, ...Buffer.from(type)]) },
      ],
    ),
  },
  {
    title: 'a value of one byte, also NUL',
    steps: [
      { send: `PUT ${KEY}`, body: '\0', status: 201 },
      { send: `GET ${KEY}`, status: 200, value: '\0' },
    ],
  },
  {
    title: 'values are not decoded: gzip by its header is bytes like any other',
    steps: [
      { send: `PUT ${KEY}`, body: 'not gzip', headers: { 'Content-Encoding': 'gzip' }, status: 201 },
      {
        send: `GET ${KEY}`,
        status: 200,
        value: 'not gzip',
        headers: { 'Accept-Encoding': 'gzip' },
        answered: { 'content-encoding': null },
      },
    ],
  },
  {
    title: 'GET has no ranges and no conditions: the whole value, always 200',
    steps: [
      { send: `PUT ${KEY}`, body: 'value', status: 201 },
      { send: `GET ${KEY}`, headers: { Range: 'bytes=0-1' }, status: 200, value: 'value' },
      { send: `GET ${KEY}`, headers: { 'If-None-Match': '{etag}' }, status: 200, value: 'value' },
      { send: `GET ${KEY}`, headers: { 'If-Match': '"other"' }, status: 200, value: 'value' },
      { send: `GET ${KEY}`, headers: { Accept: 'text/html' }, status: 200, value: 'value' },
    ],
  },
  {
    title: 'a value of 4 MiB, and not of a byte more (Kask: no limit)',
    steps: [
      { send: `PUT ${KEY}`, body: big(4 * MIB), status: 201 },
      { send: `GET ${KEY}`, status: 200, value: big(4 * MIB) },
      { send: `PUT ${KEY}`, body: big(4 * MIB + 1), status: 413, code: 'value-too-large' },
      { send: `POST ${KEY}`, body: big(4 * MIB + 1), status: 413, code: 'value-too-large' },
      { send: `GET ${KEY}`, status: 200, value: big(4 * MIB) },
    ],
  },
  {
    title: 'nor in chunks',
    cannot: { undici: 'sends the length of a body that it has' },
    steps: [
      { send: `PUT ${KEY}`, body: big(4 * MIB), chunked: true, status: 201 },
      { send: `PUT ${KEY}`, body: big(4 * MIB + 1), chunked: true, status: 413, code: 'value-too-large' },
      { send: `GET ${KEY}`, status: 200, value: big(4 * MIB) },
    ],
  },
]

/** What MediaWiki's RESTBagOStuff sends, as seen on the wire. */
export const REST_BAG_TABLE: readonly Case[] = [
  {
    title: "RESTBagOStuff's set, get and delete",
    cannot: { undici: 'sends neither Expect nor the length of no body' },
    steps: [
      {
        send: 'GET /sessions/v1/enwiki%3AMWSession%3A{key}',
        headers: bag({ 'Content-Length': '0' }),
        status: 404,
        code: 'not_found',
      },
      {
        send: 'PUT /sessions/v1/enwiki%3AMWSession%3A{key}',
        headers: bag({ Expect: '100-continue' }),
        body: 'JSON..{"a":1}',
        status: 201,
      },
      {
        send: 'GET /sessions/v1/enwiki%3AMWSession%3A{key}',
        headers: bag({ 'Content-Length': '0' }),
        status: 200,
        value: 'JSON..{"a":1}',
        answered: { connection: 'keep-alive' },
      },
      {
        send: 'DELETE /sessions/v1/enwiki%3AMWSession%3A{key}',
        headers: bag({ 'Content-Length': '0' }),
        status: 204,
        answered: { connection: 'keep-alive' },
      },
      { send: 'DELETE /sessions/v1/enwiki%3AMWSession%3A{key}', headers: bag({ 'Content-Length': '0' }), status: 204 },
      {
        send: 'GET /sessions/v1/enwiki%3AMWSession%3A{key}',
        headers: bag({ 'Content-Length': '0' }),
        status: 404,
        code: 'not_found',
      },
    ],
  },
  {
    title: 'its POST of a signed PHP value, as Wikimedia configures it, and keys whose parts were escaped before',
    steps: [
      {
        send: 'POST /sessions/v1/global%3Asession%3Acentral%2520auth%3A{key}%2Fa%C3%A9',
        headers: bag({ 'Content-Type': 'application/octet-stream' }),
        body: 'PHP.3q2+7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=.a:1:{s:4:"data";s:1:"\0";}',
        status: 201,
      },
      {
        send: 'GET /sessions/v1/global%3Asession%3Acentral%2520auth%3A{key}%2Fa%C3%A9',
        headers: bag({}),
        status: 200,
        value: 'PHP.3q2+7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=.a:1:{s:4:"data";s:1:"\0";}',
      },
      {
        send: 'GET /sessions/v1/global%3Asession%3Acentral%20auth%3A{key}%2Fa%C3%A9',
        headers: bag({}),
        status: 404,
        code: 'not_found',
      },
    ],
  },
]

function bag(headers: Record<string, string>) {
  return { Accept: '*/*', 'User-Agent': 'wikimedia/multi-http-client v1.0', ...headers }
}
