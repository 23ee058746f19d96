/**
 * The one error table: every refusal and every fault that a client can be told, with its status and its words.
 *
 * Guarantees: no answer of the service has a status outside this table and the successes 200, 201 and 204; a code keeps
 * its meaning for ever. Texts are fixed, so an error cannot carry a key, a value or a name out of the service.
 *
 * Kask's four errors keep its type, title and detail, for clients that compare them; `kask` names them. A row of ours may
 * share one of Kask's (an empty body is Kask's `bad_request`); its `code` is still its own.
 */

export interface ProblemRow {
  readonly status: number
  readonly title: string
  /** What is wrong and how to mend it. */
  readonly detail: string
  /** Kask's error that a client of Kask would have seen; absent where Kask has none. */
  readonly kask?: string
  /** Seconds after which asking again makes sense. */
  readonly retryAfter?: number
}

const badRequest = {
  status: 400,
  title: 'Bad request',
  detail: 'The request was incorrect or malformed',
  kask: 'bad_request',
} as const

const rows = {
  bad_request: badRequest,
  'empty-body': badRequest,
  'query-string': badRequest,
  'malformed-key': {
    status: 400,
    title: 'Malformed key',
    detail: 'A % in the key is not followed by two hexadecimal digits. Percent-encode the key once.',
  },
  'key-too-long': {
    status: 400,
    title: 'Key too long',
    detail: 'The key, percent-decoded, is longer than the limit (4,096 bytes unless configured). Use a shorter key.',
  },
  'bad-ttl': {
    status: 400,
    title: 'Bad TTL',
    detail: "Holdfast-TTL must be a whole number of seconds from 1 to the store's maximum.",
  },
  'bad-condition': {
    status: 400,
    title: 'Bad condition',
    detail: 'A write takes one condition: If-None-Match: *, or If-Match with * or a list of quoted ETags.',
  },
  'condition-on-delete': {
    status: 400,
    title: 'Condition on DELETE',
    detail: 'DELETE takes no condition: an end is never refused. Leave If-Match and If-None-Match out.',
  },
  'not-atomic': {
    status: 400,
    title: 'Store is not atomic',
    detail: 'Conditions and takes need a store that is configured as atomic.',
  },
  'bad-expectation': {
    status: 400,
    title: 'Unknown expectation',
    detail: 'The only expectation served is Expect: 100-continue.',
  },
  not_authorized: {
    status: 401,
    title: 'Not authorized',
    detail: 'Unable to authorize request',
    kask: 'not_authorized',
  },
  forbidden: {
    status: 403,
    title: 'Forbidden',
    detail: 'No grant gives this caller, on this network, this operation on this store.',
  },
  'unknown-host': {
    status: 403,
    title: 'Unknown host',
    detail: 'This listener answers only for the host names it is configured with. Ask for one of those.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    detail: 'The value you requested was not found',
    kask: 'not_found',
  },
  'no-such-path': {
    status: 404,
    title: 'No such path',
    detail: 'Nothing is served at this path. For a store, compare its name and the base with holdfast.yaml.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    detail: 'The Allow header lists the methods that are served here.',
  },
  'request-timeout': {
    status: 408,
    title: 'Request timeout',
    detail: 'The request did not arrive in time. Send head and body without pauses.',
  },
  ended: {
    status: 409,
    title: 'Ended',
    detail: 'This key was ended and stays ended. Use a new key.',
  },
  'precondition-failed': {
    status: 412,
    title: 'Precondition failed',
    detail: 'The value is not the one that the condition names. Read it again.',
  },
  'value-too-large': {
    status: 413,
    title: 'Value too large',
    detail: "The body is larger than the store's limit.",
  },
  'head-too-large': {
    status: 431,
    title: 'Request head too large',
    detail: 'Request line and headers are larger than the limit (16 KiB unless configured).',
  },
  server_error: {
    status: 500,
    title: 'Internal server error',
    detail: 'The server encountered an error with your request',
    kask: 'server_error',
  },
  unreadable: {
    status: 500,
    title: 'Record unreadable',
    detail:
      'There is a record, but it does not open: it was altered, moved, or sealed with a key that is not loaded here.',
  },
  unavailable: {
    status: 503,
    title: 'Storage unavailable',
    detail: 'Nothing was done. Ask again.',
    retryAfter: 1,
  },
  unconfirmed: {
    status: 503,
    title: 'Unconfirmed',
    detail: 'The change may or may not have happened. Ask again to be sure.',
    retryAfter: 1,
  },
  'storage-full': {
    status: 503,
    title: 'Storage full',
    detail: 'There is no room for this write. Nothing was done.',
    retryAfter: 60,
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    detail: 'More is asked than can be served in time. Nothing was done. Ask again later, or ask less at once.',
    retryAfter: 1,
  },
  'logout-pending': {
    status: 503,
    title: 'Logout pending',
    detail: 'The key is ended here, and a datacenter could not confirm it yet. The service sees it through by itself.',
    retryAfter: 5,
  },
} as const satisfies Record<string, ProblemRow>

export type ProblemCode = keyof typeof rows

/** The table, by code. */
export const PROBLEMS: Readonly<Record<ProblemCode, ProblemRow>> = rows

/** All codes, in the order of the table. */
export const PROBLEM_CODES = Object.keys(rows) as readonly ProblemCode[]

/** The `type` of a problem: Kask's page where Kask has one, else the page of our documentation. */
export function problemType(code: ProblemCode): string {
  const { kask } = PROBLEMS[code]
  return kask === undefined
    ? `https://holdfast.dev/errors/${code}`
    : `https://www.mediawiki.org/wiki/Kask/errors/${kask}`
}
