/**
 * What an answer means for the one who judges: the one table of statuses. What is not in it is an answer that no sound
 * server gives to that operation, and so a complaint by itself.
 */
import type { Action, Outcome } from '../history/cell.ts'
import type { Answer, Operation, StoreRules } from './events.ts'

/**
 * `pending`: over in the datacenter that was asked, and promised for the others. `nothing`: certainly not done.
 * `unknown`: done or not.
 */
export type Meaning = Outcome | 'pending' | 'nothing'

const REFUSED = ['unavailable', 'overloaded', 'storage-full']

const BY_STATUS: Readonly<Record<Action['kind'], Readonly<Record<number, Meaning>>>> = {
  get: { 404: 'gone' },
  put: { 201: 'written', 409: 'ended', 412: 'failed' },
  take: { 404: 'gone' },
  end: { 204: 'done' },
}

/** Undefined: no sound server answers so. */
export function meaningOf({ action, told }: Operation, rules: StoreRules): Meaning | undefined {
  if ('lost' in told) return action.kind === 'get' ? 'nothing' : 'unknown'
  const { status, code, value } = told
  if (status === 200 && (action.kind === 'get' || action.kind === 'take')) {
    return value === undefined ? undefined : { value }
  }
  if (status === 503) {
    if (REFUSED.includes(code!)) return 'nothing'
    if (code === 'unconfirmed') return action.kind === 'get' ? undefined : 'unknown'
    const mayBePending = action.kind === 'end' && rules.logout === 'everywhere'
    return code === 'logout-pending' && mayBePending ? 'pending' : undefined
  }
  const meaning = BY_STATUS[action.kind][status]
  const conditional = action.kind === 'put' && action.only !== undefined
  if ((meaning === 'failed' && !conditional) || (meaning === 'ended' && !rules.final)) return undefined
  return meaning
}

/** Whether the answer says what happened; the other kinds prove little. */
export function isDefinite(told: Answer): boolean {
  return 'status' in told && told.status < 500
}
