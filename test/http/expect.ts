/**
 * What an answer must be, to its last member: beside what its case says, everything that every answer of its kind
 * promises. Kask's four problems are written out here as Kask has them, and not taken from the table of the product.
 */
import assert from 'node:assert/strict'
import { PROBLEMS, type ProblemCode } from '../../packages/server/src/common/problems.ts'
import type { Step } from './case.ts'
import type { Answer, Ask } from './drivers.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** 16 bytes in base64url, quoted. */
const ETAG = /^"[A-Za-z0-9_-]{22}"$/

const kask = (name: string, title: string, detail: string) => ({
  type: `https://www.mediawiki.org/wiki/Kask/errors/${name}`,
  title,
  detail,
})
const BAD_REQUEST = kask('bad_request', 'Bad request', 'The request was incorrect or malformed')
const KASK: Readonly<Partial<Record<ProblemCode, typeof BAD_REQUEST>>> = {
  bad_request: BAD_REQUEST,
  'empty-body': BAD_REQUEST,
  'query-string': BAD_REQUEST,
  not_authorized: kask('not_authorized', 'Not authorized', 'Unable to authorize request'),
  not_found: kask('not_found', 'Not found', 'The value you requested was not found'),
  server_error: kask('server_error', 'Internal server error', 'The server encountered an error with your request'),
}

export function check(answer: Answer, step: Step, ask: Ask): void {
  const { status, headers, body } = answer
  assert.equal(status, step.status, `${status} ${body.subarray(0, 400)}`)
  assert.ok(headers.date !== undefined, 'every answer has a date')
  const id = step.headers?.['X-Request-ID']
  assert.equal(headers['x-request-id'], id !== undefined && UUID.test(id) ? id : undefined)
  if (step.code !== undefined) checkProblem(answer, step.code, ask)
  else if (status === 200) checkValue(answer, step, ask)
  else {
    assert.ok(status === 201 || status === 204, 'a refusal without a code')
    assert.equal(headers['content-length'], status === 201 ? '0' : undefined)
    assert.equal(headers['content-type'], undefined)
    assert.equal(body.length, 0)
    if (status === 201) assert.match(headers.etag!, ETAG)
    else assert.equal(headers.etag, undefined)
  }
  assert.equal(headers.allow, step.status === 405 ? 'GET, HEAD, PUT, POST, DELETE' : undefined)
  assert.equal(headers['www-authenticate'], step.status === 401 ? 'Basic realm="holdfast", charset="UTF-8"' : undefined)
  for (const [name, expected] of Object.entries(step.answered ?? {})) {
    const found = headers[name.toLowerCase()]
    if (expected instanceof RegExp) assert.match(found ?? '', expected, name)
    else assert.equal(found, expected ?? undefined, name)
  }
}

function checkValue({ headers, body }: Answer, { value }: Step, { method }: Ask): void {
  assert.ok(value !== undefined, 'a case says which value it reads')
  const expected = Buffer.from(value as string, 'latin1')
  assert.equal(headers['content-type'], 'application/octet-stream')
  assert.equal(headers['content-length'], String(expected.length))
  assert.equal(headers['cache-control'], 'no-store')
  assert.match(headers.etag!, ETAG)
  assert.match(headers['holdfast-ttl']!, /^[1-9][0-9]*$/)
  assert.equal(headers['preference-applied'], method === 'DELETE' ? 'return=representation' : undefined)
  assert.ok(body.equals(method === 'HEAD' ? Buffer.alloc(0) : expected), 'the value, byte for byte')
}

/** Pretty-printed with a newline at its end, members in Kask's order and then ours. */
function checkProblem({ headers, body }: Answer, code: ProblemCode, { method, target, headers: sent }: Ask): void {
  const { status, title, detail, retryAfter } = PROBLEMS[code]
  assert.equal(headers['content-type'], 'application/problem+json')
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['retry-after'], retryAfter?.toString())
  if (method === 'HEAD') {
    assert.equal(body.length, 0)
    assert.ok(Number(headers['content-length']) > 100)
    return
  }
  assert.equal(headers['content-length'], String(body.length))
  const text = body.toString()
  const { instance } = JSON.parse(text) as { instance: string }
  const words = KASK[code] ?? { type: `https://holdfast.dev/errors/${code}`, title, detail }
  assert.equal(text, `${JSON.stringify({ ...words, instance, code, status }, null, 2)}\n`)
  const [prefix, id] = [instance.slice(0, 9), instance.slice(9)]
  assert.equal(prefix, 'urn:uuid:')
  assert.match(id, UUID)
  const given = sent['X-Request-ID']
  if (given !== undefined && UUID.test(given)) assert.equal(id, given)
  else assert.notEqual(id, given)
  const key = target.split('/').at(-1)!.split('?')[0]!
  if (key.length > 8) assert.ok(!text.includes(key), 'a problem never repeats the key')
}
