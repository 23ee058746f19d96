import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PROBLEM_CODES, PROBLEMS, type ProblemCode, problemType } from '../common/problems.ts'
import { problemBody, problemHeaders, rawProblem } from './problems.ts'

const ID = '8e03978e-40d5-43e8-bc93-6894a57f9324'

describe('the error table', () => {
  it("keeps Kask's four errors, type, title and detail", () => {
    const rows: [ProblemCode, string, string][] = [
      ['bad_request', 'Bad request', 'The request was incorrect or malformed'],
      ['not_authorized', 'Not authorized', 'Unable to authorize request'],
      ['not_found', 'Not found', 'The value you requested was not found'],
      ['server_error', 'Internal server error', 'The server encountered an error with your request'],
    ]
    for (const [code, title, detail] of rows) {
      assert.equal(problemType(code), `https://www.mediawiki.org/wiki/Kask/errors/${code}`)
      assert.deepEqual([PROBLEMS[code].title, PROBLEMS[code].detail], [title, detail])
    }
  })

  it('has plain texts, known statuses, and a time to come back for every 503', () => {
    const statuses = new Set([400, 401, 403, 404, 405, 408, 409, 412, 413, 431, 500, 503])
    for (const code of PROBLEM_CODES) {
      const { status, title, detail, retryAfter } = PROBLEMS[code]
      assert.ok(statuses.has(status), code)
      assert.match(title + detail, /^[\x20-\x7e]+$/, code)
      assert.equal(status === 503, retryAfter !== undefined, code)
      if (PROBLEMS[code].kask === undefined) assert.equal(problemType(code), `https://holdfast.dev/errors/${code}`)
    }
  })

  it('is rendered with its length, members in order, two spaces and a line feed', () => {
    for (const code of PROBLEM_CODES) {
      const body = problemBody(code, ID)
      const parsed = JSON.parse(body)
      assert.equal(body, `${JSON.stringify(parsed, null, 2)}\n`)
      assert.deepEqual(Object.keys(parsed), ['type', 'title', 'detail', 'instance', 'code', 'status'])
      assert.equal(parsed.instance, `urn:uuid:${ID}`)
      const headers = problemHeaders(code)
      assert.equal(headers[headers.indexOf('Content-Length') + 1], String(Buffer.byteLength(body)))
      assert.equal(headers.includes('Retry-After'), PROBLEMS[code].retryAfter !== undefined)
    }
  })

  it('makes a whole answer where there is no request', () => {
    const [head, body] = rawProblem('head-too-large', ID).split('\r\n\r\n') as [string, string]
    assert.match(head, /^HTTP\/1\.1 431 Request Header Fields Too Large\r\nDate: .* GMT\r\n/)
    assert.match(head, /\r\nConnection: close$/)
    assert.equal(body, problemBody('head-too-large', ID))
  })
})
