/**
 * Well-framed requests with something wrong, odd or extreme in them: escapes, methods, conditions, sizes. Where the
 * documented answer follows from the pieces, it is demanded; an oracle of the key rules is written out here for that.
 */
import { type Attack, chunked, ownPath, ownValue, request, type Shape, type Target } from './attack.ts'
import { canary } from './canary.ts'
import type { Random } from './random.ts'

/** Pieces of keys. The number is the count of key bytes, or why the target is refused. */
const KEY_PIECES: readonly (readonly [string, number | 'escape' | 'query' | 'slash' | 'unclear'])[] = [
  ['a', 1],
  ['%00', 1],
  ['%ff', 1],
  ['%fF%Fe', 2],
  ['%2F', 1],
  ['%2f..%2f', 4],
  ['..', 2],
  ['.', 1],
  ['%2e%2E', 2],
  ['%25', 1],
  ['%2525', 3],
  ['%0d%0aX-Injected:%201', 15],
  ['%0a', 1],
  ['%3F', 1],
  ['%23', 1],
  ['%c0%af', 2],
  ['%e0%80%af', 3],
  ['%f0%80%80%af', 4],
  ['%ed%a0%80', 3],
  ['%20', 1],
  ['+', 1],
  [';v=1', 4],
  [':@!$&()*,=~', 11],
  ["'", 1],
  ['%', 'escape'],
  ['%z', 'escape'],
  ['%zz', 'escape'],
  ['%0', 'escape'],
  ['%u0041', 'escape'],
  ['%%', 'escape'],
  ['%-1', 'escape'],
  ['% 1', 'unclear'],
  ['?', 'query'],
  ['?a=b', 'query'],
  ['/', 'slash'],
  ['//', 'slash'],
  ['/../', 'slash'],
  ['/./', 'slash'],
  ['#', 'unclear'],
  ['\\', 'unclear'],
  ['"<>|^`{}', 'unclear'],
  ['\u0080\u00ff', 'unclear'],
]

/** Keys made of odd pieces. A query, a malformed escape or a further segment spoils the target; else the key is looked up. */
const escapes: Shape = (random, id, target) => {
  const pieces = Array.from({ length: random.between(1, 6) }, () => random.pick(KEY_PIECES))
  const kinds = new Set(pieces.map(([, kind]) => kind))
  const method = random.pick(['GET', 'PUT', 'DELETE', 'HEAD'] as const)
  // The dash keeps a lone % from being completed by what follows it.
  const path = `${ownPath(target.stores.final, id)}${pieces.map(([text]) => text).join('-')}`
  const fine = { GET: 404, HEAD: 404, PUT: 201, DELETE: 204 }[method]
  const faults = [...(kinds.has('escape') || kinds.has('query') ? [400] : []), ...(kinds.has('slash') ? [404] : [])]
  const steps = [request(target, { method, path, ...(method === 'PUT' ? { body: ownValue(id) } : {}) })]
  const head = method === 'HEAD'
  if (kinds.has('unclear')) return { steps, answers: 1, head }
  return { steps, answers: 1, head, tidy: true, expect: faults.length > 0 ? faults : [fine] }
}

/** Keys around 4,096 bytes, counted after unescaping; and targets far beyond any key. */
const keySize: Shape = (random, id, target) => {
  const own = canary('key', id)
  const limit = target.limits.keyBytes
  const size = limit + random.pick([-1, 0, 1, 2, 500])
  const escaped = random.chance(0.4)
  const path = `/${target.stores.final}/v1/${own}${(escaped ? '%ff' : 'k').repeat(size - own.length)}`
  const method = random.pick(['GET', 'PUT'] as const)
  const body = method === 'PUT' ? { body: ownValue(id) } : {}
  const fine = method === 'PUT' ? 201 : 404
  return {
    steps: [request(target, { method, path, ...body })],
    answers: 1,
    tidy: true,
    expect: [size > limit ? 400 : fine],
  }
}

const hugeTarget: Shape = (random, id, target) => {
  const unit = random.pick(['k', '%ff', '/', '../', '%', '?', ';'])
  const size = random.pick([17_000, 64 * 1024, 200_000])
  const path = `${ownPath(target.stores.final, id)}${unit.repeat(Math.ceil(size / unit.length))}`
  return { steps: [request(target, { path })], answers: 1, expect: [400, 414, 431] }
}

/** Targets that are not the path of a key: absolute form, asterisk, authority, other routes, near misses. */
const targets: Shape = (random, id, target) => {
  const own = canary('key', id)
  const { final } = target.stores
  const path = random.pick([
    '*',
    target.authority,
    `https://${target.authority}/${final}/v1/${own}`,
    `http://other.example/${final}/v1/${own}`,
    `HTTPS://${target.authority}`,
    `https://user:pass@${target.authority}/${final}/v1/${own}`,
    `ftp://x/${final}/v1/${own}`,
    `//${target.authority}/${final}/v1/${own}`,
    `/${final}/v1`,
    `/${final}/v1/`,
    `/${final}/v1//`,
    `/${final}/v2/${own}`,
    `/${final}/V1/${own}`,
    `/${final.toUpperCase()}/v1/${own}`,
    `/${final}%2Fv1/${own}`,
    `/${final}/./v1/${own}`,
    `/nowhere/v1/${own}`,
    `/nowhere/../${final}/v1/${own}`,
    `/%${own}`,
    '/',
    '//',
    '/..',
    `/docs/${own}`,
    '/docs/../../../../etc/passwd',
    '/docs/..%2f..%2f..%2fetc%2fpasswd',
    '/openapi.json?x',
    '/healthz/',
    `/${own}?${own}`,
    '/metrics',
    '/livez',
    '/__proto__/v1/x',
    '/constructor/v1/x',
    `/${final}/v1/__proto__`,
    `/${final}/v1/.`,
    `/${final}/v1/..`,
    `/${final}/v1/%2e%2e`,
    'relative',
    '?',
    '%',
  ])
  const method = random.pick(['GET', 'GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'] as const)
  return { steps: [request(target, { method, path, ...(method === 'PUT' ? { body: 'x' } : {}) })], answers: 1 }
}

/** Methods that nobody offers. */
const methods: Shape = (random, id, target) => {
  const known = ['OPTIONS', 'TRACE', 'PATCH', 'PROPFIND', 'LINK', 'M-SEARCH', 'SUBSCRIBE', 'QUERY', 'PURGE'] as const
  const path = random.chance(0.8)
    ? ownPath(target.stores.final, id)
    : random.pick(['/', '/healthz', '/nowhere/v1/x', '*'])
  if (random.chance(0.5)) return { steps: [request(target, { method: random.pick(known), path })], answers: 1 }
  const odd = [
    'FOO',
    'get',
    'GETT',
    'G',
    'PUTT',
    'DELETE\u00ff',
    '__PROTO__',
    'constructor',
    'X'.repeat(9_000),
    'GET/1',
  ]
  return { steps: [request(target, { method: random.pick(odd), path })], answers: 1, expect: [400, 404, 405, 431, 501] }
}

function sized(random: Random, id: number, target: Target, store: string, limit: number): Omit<Attack, 'shape'> {
  const size = random.pick([0, 1, limit - 1, limit, limit + 1])
  const head = ownValue(id).slice(0, size)
  const body = head + 'v'.repeat(size - head.length)
  const inChunks = random.chance(0.5)
  const path = ownPath(store, id)
  const bytes = inChunks
    ? request(target, { method: 'PUT', path, headers: ['Transfer-Encoding: chunked'], body: chunked(body, 16_000) })
    : request(target, { method: 'PUT', path, body })
  return { steps: [bytes], answers: 1, expect: [size === 0 ? 400 : size > limit ? 413 : 201] }
}

/** Values at the limit of their store, one byte less and one more; by length and in chunks. */
const valueSize: Shape = (random, id, target) => sized(random, id, target, target.stores.final, target.limits.small)
const largeValue: Shape = (random, id, target) => sized(random, id, target, target.stores.large, target.limits.large)

export const requests = {
  escapes,
  keySize,
  hugeTarget,
  targets,
  methods,
  valueSize,
  largeValue,
} satisfies Record<string, Shape>
