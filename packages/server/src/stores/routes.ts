/**
 * A store over HTTP: GET and HEAD read, PUT and POST write, DELETE ends. A client of Kask sees what it saw there; the
 * extras (TTL, conditions, ETags, take) need headers that such a client never sends.
 *
 * The order of refusals is fixed: method (405), grant (403), malformed (400), too large (413). Only then is the body
 * read, so that a request which will be refused costs nothing, and only then the engine is asked.
 */

import type { Reply, StoreAnswer, StoreRequest } from './exchange.ts'
import { parsePrecondition, parseTtl, prefersRepresentation } from './headers.ts'
import { decodeKey } from './key.ts'
import type { Store } from './service.ts'

/** The value of `Allow`. */
export const STORE_METHODS = 'GET, HEAD, PUT, POST, DELETE'

/** Answers one request on one store. `keyLimit` is in bytes, decoded. */
export async function answer(store: Store, request: StoreRequest, keyLimit: number): Promise<StoreAnswer> {
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return read(store, request, keyLimit)
    case 'PUT':
    case 'POST':
      return write(store, request, keyLimit)
    case 'DELETE':
      return end(store, request, keyLimit)
    default:
      return 'method-not-allowed'
  }
}

async function read(store: Store, request: StoreRequest, keyLimit: number): Promise<StoreAnswer> {
  if (!store.allows(request, 'read')) return 'forbidden'
  const key = keyOf(request, keyLimit)
  if (typeof key === 'string') return key
  const found = await store.get(request, key)
  return typeof found === 'string' ? found : value(found)
}

async function write(store: Store, request: StoreRequest, keyLimit: number): Promise<StoreAnswer> {
  const ifMatch = request.header('if-match')
  const ifNoneMatch = request.header('if-none-match')
  const conditional = ifMatch !== undefined || ifNoneMatch !== undefined
  if (!store.allows(request, 'write') || (conditional && !store.allows(request, 'read'))) return 'forbidden'
  const key = keyOf(request, keyLimit)
  if (typeof key === 'string') return key
  const ttl = parseTtl(request.header('holdfast-ttl'), store.rules.ttl, store.rules.maxTtl)
  if (ttl === 'bad-ttl') return ttl
  if (conditional && store.rules.atomic === 'no') return 'not-atomic'
  const condition = parsePrecondition(ifMatch, ifNoneMatch)
  if (condition === 'bad-condition') return condition
  const body = await request.body(store.rules.maxValue)
  if (typeof body === 'string') return body
  if (body.length === 0) return 'empty-body'
  const written = await store.put(request, key, body, { ttl, condition })
  if (typeof written === 'string') return written
  const headers = ['Content-Length', '0', 'ETag', written.etag]
  return { status: 201, headers, body: undefined, outcome: written.unchanged ? 'unchanged' : 'ok' }
}

async function end(store: Store, request: StoreRequest, keyLimit: number): Promise<StoreAnswer> {
  const take = prefersRepresentation(request.header('prefer'))
  if (!store.allows(request, 'end') || (take && !store.allows(request, 'read'))) return 'forbidden'
  const key = keyOf(request, keyLimit)
  if (typeof key === 'string') return key
  if (request.header('if-match') !== undefined || request.header('if-none-match') !== undefined) {
    return 'condition-on-delete'
  }
  if (!take) {
    const problem = await store.end(request, key)
    return problem ?? { status: 204, headers: [], body: undefined, outcome: 'ok' }
  }
  if (store.rules.atomic === 'no') return 'not-atomic'
  const found = await store.take(request, key)
  if (typeof found === 'string') return found
  const reply = value(found)
  reply.headers.push('Preference-Applied', 'return=representation')
  return reply
}

function keyOf({ rawKey }: StoreRequest, keyLimit: number) {
  return rawKey.includes('?') ? 'query-string' : decodeKey(rawKey, keyLimit)
}

/** Rounds what remains up, so that a value that is there never says 0. */
function value(found: { value: Buffer; etag: string; expiresAt: number }): Reply {
  const remaining = Math.ceil((found.expiresAt - Date.now()) / 1000)
  const headers = [
    'Content-Type',
    'application/octet-stream',
    'Content-Length',
    String(found.value.length),
    'ETag',
    found.etag,
    'Holdfast-TTL',
    String(Math.max(1, remaining)),
    'Cache-Control',
    'no-store',
  ]
  return { status: 200, headers, body: found.value, outcome: 'ok' }
}
