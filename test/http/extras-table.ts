/**
 * What a plain client never notices: TTLs, conditions, takes, final stores, request ids, grants by operation. Time, many
 * clients at once and what the engine is spared are in tests of their own.
 */
import type { Case, Step } from './case.ts'

const FINAL = '/sessions/v1/{key}'
const REUSABLE = '/echoseen/v1/{key}'
const PLAIN = '/plain/v1/{key}'
const UUID = '8e03978e-40d5-43e8-bc93-6894a57f9324'
const TAKE = { Prefer: 'return=representation' }

const put = (at: string, body: string, headers: Record<string, string> = {}): Step => ({
  send: `PUT ${at}`,
  body,
  headers,
  status: 201,
})
const refused = (at: string, headers: Record<string, string>, status: number, code: Step['code'] & string): Step => ({
  send: `PUT ${at}`,
  body: 'refused',
  headers,
  status,
  code,
})
const holds = (at: string, value: string, answered: NonNullable<Step['answered']> = {}): Step => ({
  send: `GET ${at}`,
  status: 200,
  value,
  answered,
})
const gone = (at: string): Step => ({ send: `GET ${at}`, status: 404, code: 'not_found' })

const TTL_TABLE: readonly Case[] = [
  {
    title: 'a TTL that is asked for is told by GET and HEAD, and a later write sets its own',
    steps: [
      put(FINAL, 'value', { 'Holdfast-TTL': '60' }),
      holds(FINAL, 'value', { 'holdfast-ttl': /^(60|5[5-9])$/ }),
      { send: `HEAD ${FINAL}`, status: 200, value: 'value', answered: { 'holdfast-ttl': /^(60|5[5-9])$/ } },
      put(FINAL, 'other', { 'Holdfast-TTL': '600' }),
      holds(FINAL, 'other', { 'holdfast-ttl': /^(600|59\d)$/ }),
      put(FINAL, 'third'),
      holds(FINAL, 'third', { 'holdfast-ttl': /^(86400|863\d\d)$/ }),
    ],
  },
  {
    title: "the store's own TTL if none is asked for, and its maximum",
    steps: [
      put(PLAIN, 'value'),
      holds(PLAIN, 'value', { 'holdfast-ttl': /^(3600|35\d\d)$/ }),
      put(PLAIN, 'longer', { 'Holdfast-TTL': '86400' }),
      holds(PLAIN, 'longer', { 'holdfast-ttl': /^(86400|863\d\d)$/ }),
      refused(PLAIN, { 'Holdfast-TTL': '86401' }, 400, 'bad-ttl'),
    ],
  },
  {
    title: 'a TTL outside 1 to the maximum changes nothing',
    steps: [
      put(FINAL, 'value', { 'Holdfast-TTL': '1000' }),
      ...[
        '0',
        '86401',
        '-1',
        '+1',
        '01',
        '1.5',
        '1e2',
        '0x10',
        '1d',
        'forever',
        '',
        '60, 60',
        '99999999999999999999',
      ].map((ttl) => refused(FINAL, { 'Holdfast-TTL': ttl }, 400, 'bad-ttl')),
      holds(FINAL, 'value', { 'holdfast-ttl': /^(1000|9\d\d)$/ }),
    ],
  },
]

const CONDITION_TABLE: readonly Case[] = [
  {
    title: 'If-None-Match: * writes only where nothing is',
    steps: [
      put(REUSABLE, 'first', { 'If-None-Match': '*' }),
      refused(REUSABLE, { 'If-None-Match': '*' }, 412, 'precondition-failed'),
      holds(REUSABLE, 'first'),
      { send: `DELETE ${REUSABLE}`, status: 204 },
      { send: `POST ${REUSABLE}`, body: 'again', headers: { 'If-None-Match': '*' }, status: 201 },
      holds(REUSABLE, 'again'),
    ],
  },
  {
    title: 'writes answer the new ETag, and GET and HEAD the same; another value has another',
    steps: [
      put(FINAL, 'first'),
      holds(FINAL, 'first', { etag: '{etag}' }),
      { send: `HEAD ${FINAL}`, status: 200, value: 'first', answered: { etag: '{etag}' } },
      put(FINAL, 'second'),
      holds(FINAL, 'second', { etag: '{etag}' }),
      refused(FINAL, { 'If-Match': '{old}' }, 412, 'precondition-failed'),
    ],
  },
  {
    title: 'If-Match writes over the value that it names, and over no other',
    steps: [
      put(FINAL, 'first'),
      put(FINAL, 'second', { 'If-Match': '{etag}' }),
      refused(FINAL, { 'If-Match': '{old}' }, 412, 'precondition-failed'),
      refused(FINAL, { 'If-Match': '"AAAAAAAAAAAAAAAAAAAAAA"' }, 412, 'precondition-failed'),
      holds(FINAL, 'second'),
      { send: `POST ${FINAL}`, body: 'third', headers: { 'If-Match': '{etag}' }, status: 201 },
      holds(FINAL, 'third'),
    ],
  },
  {
    title: 'If-Match takes a list, and compares strongly: a weak tag never matches',
    steps: [
      put(FINAL, 'first'),
      refused(FINAL, { 'If-Match': 'W/{etag}' }, 412, 'precondition-failed'),
      refused(FINAL, { 'If-Match': '"a", W/{etag}, "b"' }, 412, 'precondition-failed'),
      put(FINAL, 'second', { 'If-Match': '"a",W/{etag} ,{etag}' }),
      put(FINAL, 'third', { 'If-Match': '{old}, {etag}' }),
      holds(FINAL, 'third'),
    ],
  },
  {
    title: 'If-Match: * writes only where something is',
    steps: [
      refused(REUSABLE, { 'If-Match': '*' }, 412, 'precondition-failed'),
      gone(REUSABLE),
      put(REUSABLE, 'first'),
      put(REUSABLE, 'second', { 'If-Match': '*' }),
      holds(REUSABLE, 'second'),
      { send: `DELETE ${REUSABLE}`, status: 204 },
      refused(REUSABLE, { 'If-Match': '*' }, 412, 'precondition-failed'),
      gone(REUSABLE),
    ],
  },
  {
    title: 'a condition that is not understood changes nothing',
    steps: [
      put(FINAL, 'value'),
      ...['no quotes', '"open', '"a" "b"', ',', '"a",', '*, "a"', ''].map((tags) =>
        refused(FINAL, { 'If-Match': tags }, 400, 'bad-condition'),
      ),
      ...['"a"', 'x', '**', ''].map((tags) => refused(FINAL, { 'If-None-Match': tags }, 400, 'bad-condition')),
      refused(FINAL, { 'If-Match': '{etag}', 'If-None-Match': '*' }, 400, 'bad-condition'),
      holds(FINAL, 'value'),
    ],
  },
  {
    title: 'a store that is not atomic takes no condition, and no take',
    steps: [
      put(PLAIN, 'value'),
      refused(PLAIN, { 'If-None-Match': '*' }, 400, 'not-atomic'),
      refused(PLAIN, { 'If-Match': '*' }, 400, 'not-atomic'),
      refused(PLAIN, { 'If-Match': '{etag}' }, 400, 'not-atomic'),
      { send: `DELETE ${PLAIN}`, headers: TAKE, status: 400, code: 'not-atomic' },
      holds(PLAIN, 'value'),
    ],
  },
  {
    title: 'DELETE takes no condition: an end is never refused by one, and never done by mistake',
    steps: [
      put(FINAL, 'value'),
      ...[
        { 'If-Match': '{etag}' },
        { 'If-Match': '*' },
        { 'If-None-Match': '*' },
        { 'If-Match': '{etag}', ...TAKE },
      ].map(
        (headers): Step => ({
          send: `DELETE ${FINAL}`,
          headers: headers as Record<string, string>,
          status: 400,
          code: 'condition-on-delete',
        }),
      ),
      holds(FINAL, 'value'),
    ],
  },
]

const END_TABLE: readonly Case[] = [
  {
    title: 'in a final store an ended key stays ended, and 409 wins over 412',
    steps: [
      put(FINAL, 'value'),
      { send: `DELETE ${FINAL}`, status: 204 },
      { send: `POST ${FINAL}`, body: 'late', status: 409, code: 'ended' },
      { send: `PUT ${FINAL}`, body: 'value', status: 409, code: 'ended' },
      refused(FINAL, { 'If-None-Match': '*' }, 409, 'ended'),
      refused(FINAL, { 'If-Match': '*' }, 409, 'ended'),
      refused(FINAL, { 'If-Match': '{etag}' }, 409, 'ended'),
      gone(FINAL),
      { send: `HEAD ${FINAL}`, status: 404, code: 'not_found' },
      { send: `DELETE ${FINAL}`, status: 204 },
    ],
  },
  {
    title: 'a key that never was can be ended in a final store',
    steps: [
      { send: `DELETE ${FINAL}`, status: 204 },
      { send: `POST ${FINAL}`, body: 'late', status: 409, code: 'ended' },
    ],
  },
  {
    title: 'in a reusable store it may be written again',
    steps: [
      put(REUSABLE, 'first'),
      { send: `DELETE ${REUSABLE}`, status: 204 },
      gone(REUSABLE),
      { send: `POST ${REUSABLE}`, body: 'first', status: 201 },
      holds(REUSABLE, 'first'),
    ],
  },
  {
    title: 'take answers the value once, and ends the key',
    steps: [
      put(FINAL, 'once'),
      { send: `DELETE ${FINAL}`, headers: TAKE, status: 200, value: 'once', answered: { etag: '{etag}' } },
      { send: `DELETE ${FINAL}`, headers: TAKE, status: 404, code: 'not_found' },
      gone(FINAL),
      { send: `PUT ${FINAL}`, body: 'late', status: 409, code: 'ended' },
    ],
  },
  {
    title: 'take in a reusable store, again and again',
    steps: ['first', 'second'].flatMap((value): Step[] => [
      { send: `DELETE ${REUSABLE}`, headers: TAKE, status: 404, code: 'not_found' },
      put(REUSABLE, value),
      {
        send: `DELETE ${REUSABLE}`,
        headers: { Prefer: 'respond-async, return="representation"; a=b' },
        status: 200,
        value,
      },
    ]),
  },
  {
    title: 'other preferences are no take',
    steps: ['return=minimal', 'representation', 'handling=strict', 'return'].flatMap((preference): Step[] => [
      put(REUSABLE, 'value'),
      { send: `DELETE ${REUSABLE}`, headers: { Prefer: preference }, status: 204 },
      gone(REUSABLE),
    ]),
  },
  {
    title: 'one key in two stores is two keys',
    steps: [
      put(FINAL, 'a session'),
      gone(REUSABLE),
      gone(PLAIN),
      put(REUSABLE, 'something else'),
      { send: `DELETE ${FINAL}`, status: 204 },
      holds(REUSABLE, 'something else'),
      put(PLAIN, 'a third'),
      { send: `DELETE ${REUSABLE}`, headers: TAKE, status: 200, value: 'something else' },
      holds(PLAIN, 'a third'),
    ],
  },
]

const REQUEST_TABLE: readonly Case[] = [
  {
    title: 'X-Request-ID comes back in a problem if it is a UUID',
    steps: [UUID, UUID.toUpperCase(), 'mine', `${UUID}0`, `{${UUID}}`, UUID.replaceAll('-', '')].map(
      (id): Step => ({
        ...gone(FINAL),
        headers: { 'X-Request-ID': id },
      }),
    ),
  },
  {
    title: 'an expectation that nobody knows',
    cannot: { undici: 'sends no Expect' },
    steps: [{ ...refused(FINAL, { Expect: 'the-impossible' }, 400, 'bad-expectation') }, gone(FINAL)],
  },
  {
    title: 'Expect: 100-continue, whether the write will be done or not',
    cannot: { undici: 'sends no Expect' },
    steps: [
      put(REUSABLE, 'value', { Expect: '100-continue' }),
      refused(REUSABLE, { Expect: '100-continue', 'Holdfast-TTL': '0' }, 400, 'bad-ttl'),
      refused(REUSABLE, { Expect: '100-continue', 'If-None-Match': '*' }, 412, 'precondition-failed'),
      {
        send: `PUT ${REUSABLE}`,
        as: 'stranger',
        body: 'x',
        headers: { Expect: '100-continue' },
        status: 403,
        code: 'forbidden',
      },
      holds(REUSABLE, 'value'),
    ],
  },
  {
    title: 'a head of 16 KiB, and not of more',
    steps: [
      put(FINAL, 'value', { 'X-Filler': 'x'.repeat(15_000) }),
      {
        ...refused(FINAL, { 'X-Filler': 'x'.repeat(17_000) }, 431, 'head-too-large'),
        answered: { connection: 'close' },
      },
      holds(FINAL, 'value'),
    ],
  },
]

/** Who may do what; see the callers of the site. Operations that a header adds to are among them. */
const GRANT_TABLE: readonly Case[] = (
  [
    ['reader', ['GET', 'HEAD'], ['PUT', 'POST', 'DELETE', 'take', 'condition']],
    ['writer', ['PUT', 'POST'], ['GET', 'HEAD', 'DELETE', 'take', 'condition']],
    ['faraway', [], ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'take', 'condition']],
    ['stranger', [], ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'take', 'condition']],
  ] as const
).map(([as, may, mayNot]): Case => {
  const act = (what: string): { send: string; headers?: Record<string, string>; body?: string } => {
    if (what === 'take') return { send: `DELETE ${FINAL}`, headers: TAKE }
    if (what === 'condition') return { send: `PUT ${FINAL}`, headers: { 'If-Match': '*' }, body: 'mine' }
    return { send: `${what} ${FINAL}`, ...(what.startsWith('P') && { body: 'value' }) }
  }
  return {
    title: `${as} may ${may.join(', ') || 'nothing'} and is refused the rest, which changes nothing`,
    steps: [
      put(FINAL, 'value'),
      ...may.map(
        (what): Step =>
          what.startsWith('P') ? { ...act(what), as, status: 201 } : { ...act(what), as, status: 200, value: 'value' },
      ),
      ...mayNot.map((what): Step => ({ ...act(what), as, status: 403, code: 'forbidden' })),
      { send: 'GET /echoseen/v1/{key}', as, status: 403, code: 'forbidden' },
      { send: 'GET /nothing/v1/{key}', as, status: 404, code: 'not_found' },
      {
        send: `GET ${FINAL}?a`,
        as,
        status: as === 'reader' ? 400 : 403,
        code: as === 'reader' ? 'query-string' : 'forbidden',
      },
      { send: `PATCH ${FINAL}`, as, status: 405, code: 'method-not-allowed' },
      holds(FINAL, 'value'),
    ],
  }
})

export const EXTRAS_TABLE = {
  TTL: TTL_TABLE,
  conditions: CONDITION_TABLE,
  ends: END_TABLE,
  requests: REQUEST_TABLE,
  grants: GRANT_TABLE,
}

/** Callers that prove themselves by a secret; `Authorization` is what they send, the right one if not said. */
export function basicTable(authorization: string): readonly Case[] {
  const right = { Authorization: authorization }
  const wrong = ['', 'Basic', 'Basic !', `Basic ${btoa('legacy:wrong')}`, `Bearer ${authorization.slice(6)}`]
  return [
    {
      title: 'the right secret does all that its grants say',
      steps: [
        { send: `PUT ${FINAL}`, as: 'basic', headers: right, body: 'value', status: 201 },
        { send: `GET ${FINAL}`, as: 'basic', headers: right, status: 200, value: 'value' },
        { send: `PUT ${FINAL}`, as: 'basic', headers: { ...right, 'If-Match': '{etag}' }, body: 'other', status: 201 },
        { send: `HEAD ${FINAL}`, as: 'basic', headers: right, status: 200, value: 'other' },
        { send: `DELETE ${FINAL}`, as: 'basic', headers: { ...right, ...TAKE }, status: 200, value: 'other' },
        { send: `GET ${REUSABLE}`, as: 'basic', headers: right, status: 403, code: 'forbidden' },
        { send: 'GET /nothing/v1/{key}', as: 'basic', headers: right, status: 404, code: 'not_found' },
      ],
    },
    {
      title: 'no secret and wrong ones get 401 and the way to ask, wherever they ask, and change nothing',
      steps: [
        put(FINAL, 'value'),
        ...['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH'].map(
          (method): Step => ({
            send: `${method} ${FINAL}`,
            as: 'basic',
            ...(method === 'PUT' && { body: 'x' }),
            status: 401,
            code: 'not_authorized',
          }),
        ),
        ...wrong.map(
          (sent): Step => ({
            send: `DELETE ${FINAL}`,
            as: 'basic',
            headers: { Authorization: sent },
            status: 401,
            code: 'not_authorized',
          }),
        ),
        { send: 'GET /nothing/v1/{key}', as: 'basic', status: 401, code: 'not_authorized' },
        { send: 'GET /healthz', as: 'basic', status: 401, code: 'not_authorized' },
        holds(FINAL, 'value'),
      ],
    },
  ]
}
