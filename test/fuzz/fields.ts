/** Fields that mean something to the server, with values that mean nothing to it; alone, together and repeated. */
import { ownPath, ownValue, request, type Shape } from './attack.ts'
import { canary } from './canary.ts'
import type { Random } from './random.ts'

const TTLS = [
  '',
  '0',
  '-1',
  '+5',
  '1.5',
  '1e3',
  '0x10',
  'abc',
  '1 2',
  '1,2',
  '\u00b2',
  'NaN',
  'Infinity',
  '99999999999',
  '1'.repeat(400),
]
const TAGS = [
  '',
  '""',
  '"',
  'x',
  '*x',
  'W/',
  '"a","b"',
  '"\u00ff"',
  `"${'A'.repeat(22)}"`,
  '*, "x"',
  'null',
  '"'.repeat(3_000),
  'W/""',
]
const PREFERS = [
  '',
  'return',
  'return=',
  'return=minimal',
  '=',
  ';;;',
  'return=representation;x',
  ','.repeat(2_000),
  '\u00ff',
]
const EXPECTS = [
  '',
  '100-continue',
  '100',
  '100-continu',
  '100-continue, 100-continue',
  '200-ok',
  'x'.repeat(3_000),
  '100-continue;q=1',
  '\u00ff',
]

function nonsense(random: Random): string {
  const field = (name: string, values: readonly string[]) => `${name}: ${random.pick(values)}`
  return random.pick([
    () => field('Holdfast-TTL', TTLS),
    () => field('If-Match', TAGS),
    () => field('If-None-Match', TAGS),
    () => field('Prefer', PREFERS),
    () => field('Expect', EXPECTS),
    () =>
      field('X-Request-ID', [
        '',
        'x',
        '0'.repeat(36),
        '\u00ff',
        `${'a'.repeat(8)}-x`,
        'a\tb',
        '{"a":1}',
        'y'.repeat(5_000),
      ]),
    () =>
      field('Authorization', ['Basic', 'Basic ', 'Basic !!!', 'Bearer x', `Basic ${'QQ'.repeat(2_000)}`, 'Basic eDp5']),
    () => field('Content-Encoding', ['gzip', 'br', 'x', '']),
    () => field('Content-Type', ['', 'a/b/c', 'multipart/form-data', 'text/plain; charset=\u00ff']),
    () => field('Range', ['bytes=0-0', 'bytes=9-1', 'x']),
    () => field('X-Forwarded-For', ['127.0.0.1', 'x'.repeat(100)]),
    () => field('X-HTTP-Method-Override', ['DELETE', 'PUT']),
    () => field('Connection', ['close', 'keep-alive', 'Holdfast-TTL', 'Upgrade', 'x,'.repeat(500)]),
    () => field('Date', ['Thu, 01 Jan 1970 00:00:00 GMT', 'x']),
  ])()
}

/** Any of them on any request: answered by the rules that hold for every answer. */
const nonsenseFields: Shape = (random, id, target) => {
  const headers = Array.from({ length: random.between(1, 4) }, () => nonsense(random))
  const method = random.pick(['GET', 'PUT', 'POST', 'DELETE', 'HEAD'] as const)
  const store = random.pick([target.stores.final, target.stores.reusable])
  const body = method === 'PUT' || method === 'POST' ? { body: ownValue(id) } : {}
  const bytes = request(target, { method, path: ownPath(store, id), headers, ...body })
  return { steps: [bytes], answers: 1, head: method === 'HEAD', tidy: true }
}

/** A lifetime that is not a whole number within the store's limits is refused, and nothing is written. */
const lifetimes: Shape = (random, id, target) => {
  const headers = [`Holdfast-TTL: ${random.pick(TTLS)}`]
  const path = ownPath(target.stores.reusable, id, 'hidden-')
  const steps = [request(target, { method: 'PUT', path, headers, body: ownValue(id) })]
  return { steps, answers: 1, expect: [400], tidy: true, forbidden: [`hidden-${canary('key', id)}`] }
}

export const fields = { nonsenseFields, lifetimes } satisfies Record<string, Shape>
