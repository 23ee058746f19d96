/**
 * The API's description (OpenAPI 3.1): the routes of stores, which our own handler serves, beside those that the router
 * knows. Statuses and codes come from the error table, so a refusal that is not described cannot be answered.
 */
import type { SwaggerOptions } from '@fastify/swagger'
import Type, { type TSchema } from 'typebox'
import { PROBLEM_CODES, PROBLEMS, type ProblemCode } from '../common/problems.ts'

/** Kask's words for what runs here. */
export const HealthSchema = Type.Object(
  {
    version: Type.String(),
    build_date: Type.String(),
    build_host: Type.String(),
    go_version: Type.String({ description: "The runtime's version; the name is Kask's." }),
  },
  { description: 'What runs here' },
)

const ProblemSchema = Type.Object(
  {
    type: Type.String({ format: 'uri', description: 'The page that explains this problem.' }),
    title: Type.String(),
    detail: Type.String({ description: 'What is wrong and how to mend it.' }),
    instance: Type.String({ format: 'uri', description: 'urn:uuid: and the request id.' }),
    code: Type.Unsafe<ProblemCode>({
      type: 'string',
      enum: PROBLEM_CODES,
      description: 'The name of this problem; it keeps its meaning for ever.',
    }),
    status: Type.Integer(),
  },
  { description: 'A problem (RFC 9457)' },
)

const Ttl = Type.Integer({ minimum: 1, description: "Seconds, at most the store's maximum." })
const ETag = Type.String({ description: 'Quoted; another one after every write.' })
const Bytes = Type.String({ format: 'binary', description: 'The value: any bytes.' })

const header = (schema: TSchema, description: string) => ({ schema, description })
const parameter = (name: string, place: 'header' | 'path', schema: TSchema, description: string) => ({
  name,
  in: place,
  required: place === 'path',
  schema,
  description,
})

/** What every request on a store can be answered. */
const ALWAYS: readonly ProblemCode[] = [
  'bad_request',
  'query-string',
  'malformed-key',
  'key-too-long',
  'bad-expectation',
  'not_authorized',
  'forbidden',
  'not_found',
  'no-such-path',
  'method-not-allowed',
  'request-timeout',
  'head-too-large',
  'server_error',
  'unavailable',
  'overloaded',
]

const RETRY_AFTER = { 'Retry-After': header(Type.Integer(), 'Seconds after which asking again makes sense.') }
/** Headers of a problem that a client can act on. */
const HEADERS_OF_CODE: Readonly<Partial<Record<ProblemCode, object>>> = {
  not_authorized: { 'WWW-Authenticate': header(Type.String(), 'How to prove who asks, on the basic listener.') },
  'method-not-allowed': { Allow: header(Type.String(), 'The methods that are served.') },
}

const REPEATED = { 'X-Request-ID': header(Type.String({ format: 'uuid' }), 'That of the request, if it had one.') }

/** Problem answers, the codes of one status together. */
function problems(codes: readonly ProblemCode[]): Record<string, object> {
  const byStatus = Map.groupBy([...ALWAYS, ...codes], (code) => PROBLEMS[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, alike]) => [
      status,
      {
        description: alike.map((code) => `\`${code}\`: ${PROBLEMS[code].detail}`).join('\n\n'),
        headers: Object.assign(
          { ...REPEATED },
          ...alike.map((code) => HEADERS_OF_CODE[code] ?? (PROBLEMS[code].retryAfter === undefined ? {} : RETRY_AFTER)),
        ),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  )
}

const VALUE_HEADERS = {
  ...REPEATED,
  ETag: header(ETag, 'For If-Match.'),
  'Holdfast-TTL': header(Ttl, 'Seconds that remain, rounded up.'),
}
const value = { headers: VALUE_HEADERS, content: { 'application/octet-stream': { schema: Bytes } } }

function write(method: string) {
  return {
    tags: ['stores'],
    summary: `Write the value (${method}; PUT and POST are alike)`,
    parameters: [
      parameter('Holdfast-TTL', 'header', Ttl, "Life of the value; the store's own TTL if absent."),
      parameter('If-None-Match', 'header', Type.Literal('*'), 'Write only if nothing is there. Needs an atomic store.'),
      parameter('If-Match', 'header', Type.String(), 'Write only over one of these ETags, or `*`: over anything.'),
    ],
    requestBody: { required: true, content: { 'application/octet-stream': { schema: Bytes } } },
    responses: {
      201: {
        description: 'Written, and durable',
        headers: { ...REPEATED, ETag: header(ETag, 'Of the value written.') },
      },
      ...problems([
        'empty-body',
        'bad-ttl',
        'bad-condition',
        'not-atomic',
        'ended',
        'precondition-failed',
        'value-too-large',
        'unconfirmed',
        'storage-full',
      ]),
    },
  }
}

const key = {
  parameters: [
    parameter('store', 'path', Type.String(), 'Path of a store.'),
    parameter('key', 'path', Type.String(), 'Any bytes, percent-encoded once; a slash as %2F.'),
    parameter(
      'X-Request-ID',
      'header',
      Type.String({ format: 'uuid' }),
      'A name for this request. The answer repeats it, and log and audit have it. Anything but a UUID is ignored.',
    ),
  ],
  get: {
    tags: ['stores'],
    summary: 'Read the value',
    responses: { 200: { description: 'The value', ...value }, ...problems(['unreadable']) },
  },
  head: {
    tags: ['stores'],
    summary: 'As GET, without the value',
    responses: { 200: { description: 'There is a value', headers: VALUE_HEADERS }, ...problems(['unreadable']) },
  },
  put: write('PUT'),
  post: write('POST'),
  delete: {
    tags: ['stores'],
    summary: 'End the key, whether or not it lives',
    parameters: [
      parameter(
        'Prefer',
        'header',
        Type.Literal('return=representation'),
        'Take: answer the value and end the key, exactly once. Needs an atomic store.',
      ),
    ],
    responses: {
      200: {
        description: 'Taken: the value, which is not there any more',
        ...value,
        headers: { ...VALUE_HEADERS, 'Preference-Applied': header(Type.String(), '`return=representation`') },
      },
      204: { description: 'Ended', headers: REPEATED },
      ...problems(['condition-on-delete', 'not-atomic', 'unreadable', 'unconfirmed', 'storage-full', 'logout-pending']),
    },
  },
}

/** What @fastify/swagger needs to describe the whole API. `base`: path before every store. */
export function openApi(version: string, base: string): SwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Holdfast',
        description: 'A narrow, sealed store for sessions. Clients prove themselves by certificate.',
        version,
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
      tags: [
        { name: 'stores', description: 'Named key-value spaces' },
        { name: 'health', description: 'Whether this instance is ready' },
      ],
      components: {
        schemas: { Problem: ProblemSchema },
        securitySchemes: {
          certificate: { type: 'mutualTLS', description: 'A client certificate whose name has grants.' },
          basic: { type: 'http', scheme: 'basic', description: 'On the basic listener: the name and its secret.' },
        },
      },
      security: [{ certificate: [] }, { basic: [] }],
    } as never,
    transformObject: (document) => {
      if (!('openapiObject' in document)) return {}
      const { openapiObject } = document
      return { ...openapiObject, paths: { [`${base}{store}/v1/{key}`]: key, ...openapiObject.paths } } as never
    },
  }
}
