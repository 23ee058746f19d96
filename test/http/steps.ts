/** The steps that most cases are made of, on a key of a final store, of a reusable one, and of one that is not atomic. */
import type { Step } from './case.ts'

export const FINAL = '/sessions/v1/{key}'
export const REUSABLE = '/echoseen/v1/{key}'
export const PLAIN = '/plain/v1/{key}'
export const TAKE = { Prefer: 'return=representation' }

export const put = (at: string, body: string, headers: Record<string, string> = {}): Step => ({
  send: `PUT ${at}`,
  body,
  headers,
  status: 201,
})
export const refused = (
  at: string,
  headers: Record<string, string>,
  status: number,
  code: Step['code'] & string,
): Step => ({
  send: `PUT ${at}`,
  body: 'refused',
  headers,
  status,
  code,
})
export const holds = (at: string, value: string, answered: NonNullable<Step['answered']> = {}): Step => ({
  send: `GET ${at}`,
  status: 200,
  value,
  answered,
})
export const gone = (at: string): Step => ({ send: `GET ${at}`, status: 404, code: 'not_found' })
