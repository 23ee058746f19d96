/** Which class each of the server's refusals becomes, and what a web framework would answer for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PROBLEM_CODES, PROBLEMS } from '../../server/src/common/problems.ts'
import {
  ConditionError,
  DeniedError,
  EndedError,
  errorOf,
  HoldfastError,
  LogoutPendingError,
  RequestError,
  UnavailableError,
  UnconfirmedError,
} from './errors.ts'

const BY_STATUS: Readonly<Record<number, typeof HoldfastError>> = {
  400: RequestError,
  401: DeniedError,
  403: DeniedError,
  404: RequestError,
  405: RequestError,
  408: UnavailableError,
  409: EndedError,
  412: ConditionError,
  413: RequestError,
  431: RequestError,
  500: HoldfastError,
  503: UnavailableError,
}
const BY_CODE: Readonly<Record<string, typeof HoldfastError>> = {
  unconfirmed: UnconfirmedError,
  'logout-pending': LogoutPendingError,
}

test('every problem of the server is an error of the class that says what to do about it', () => {
  for (const code of PROBLEM_CODES.filter((each) => each !== 'not_found')) {
    const { status, detail } = PROBLEMS[code]
    const error = errorOf(status, undefined, Buffer.from(JSON.stringify({ code, detail })), false)
    assert.equal(error.constructor, BY_CODE[code] ?? BY_STATUS[status], code)
    assert.equal(error.code, code)
    assert.equal(error.answered, status)
  }
})

test("a framework that answers with an error's status says 503 where later may be better, and never what Holdfast said", () => {
  const later = [UnavailableError, UnconfirmedError, LogoutPendingError]
  const never = [HoldfastError, RequestError, DeniedError, EndedError, ConditionError]
  for (const Class of later) assert.equal(new Class('code', 'message', { answered: 403 }).status, 503)
  for (const Class of never) assert.equal(new Class('code', 'message', { answered: 403 }).status, 500)
})
