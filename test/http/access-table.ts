/** Who is answered at all: request ids, expectations, heads, grants by operation, secrets. */
import type { Case, Step } from './case.ts'
import { FINAL, gone, holds, put, REUSABLE, refused, TAKE } from './steps.ts'

const UUID = '8e03978e-40d5-43e8-bc93-6894a57f9324'

export const REQUEST_TABLE: readonly Case[] = [
  {
    title: 'X-Request-ID comes back if it is a UUID',
    steps: [UUID, UUID.toUpperCase(), 'mine', `${UUID}0`, `{${UUID}}`, UUID.replaceAll('-', '')].flatMap((id): Step[] =>
      [
        put(REUSABLE, 'value'),
        holds(REUSABLE, 'value'),
        gone(FINAL),
        { send: `DELETE ${REUSABLE}`, status: 204 } as const,
        { send: 'GET /nothing/v1/{key}', status: 404, code: 'no-such-path' } as const,
      ].map((step) => ({ ...step, headers: { 'X-Request-ID': id } })),
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
export const GRANT_TABLE: readonly Case[] = (
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
      { send: 'GET /nothing/v1/{key}', as, status: 404, code: 'no-such-path' },
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
        { send: 'GET /nothing/v1/{key}', as: 'basic', headers: right, status: 404, code: 'no-such-path' },
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
