/**
 * What a plain client never notices: TTLs, conditions, takes, final stores. Time, many clients at once and what the
 * engine is spared are in tests of their own.
 */
import type { Case, Step } from './case.ts'
import { FINAL, gone, holds, PLAIN, put, REUSABLE, refused, TAKE } from './steps.ts'

export const TTL_TABLE: readonly Case[] = [
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

export const CONDITION_TABLE: readonly Case[] = [
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

export const END_TABLE: readonly Case[] = [
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
