/**
 * What must hold for whatever came back: documented statuses, whole problem documents, no word of another request and
 * none of our own key, nothing of the server's inside.
 */
import { PROBLEMS, type ProblemCode } from '../../packages/server/src/common/problems.ts'
import type { Answer, AnswerReader } from './answers.ts'
import type { Attack } from './attack.ts'
import { sightings } from './canary.ts'

/** Successes that are documented; every other status must come from the error table. */
const SUCCESSES: readonly number[] = [200, 201, 204]

/** A stack trace, a path of the source tree, a name of Node's inside. */
const INSIDES = /\n? {2,}at |node:internal|node_modules|\/packages\/|\.ts:\d|ERR_[A-Z_]{4,}|HPE_[A-Z_]{4,}/

const MEMBERS = 'type,title,detail,instance,code,status'
const INSTANCE = /^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** How a connection ended: by the server, or not at all within the time it had. */
export interface Outcome {
  readonly reader: AnswerReader
  /** Everything received, as latin1. */
  readonly received: string
  readonly ended: 'closed' | 'timeout'
  readonly malformed?: string
}

/** Every fault of one outcome; empty = as it should be. */
export function judge(attack: Attack, id: number, outcome: Outcome): string[] {
  const faults: string[] = []
  const { answers } = outcome.reader
  if (outcome.malformed !== undefined) faults.push(`malformed answer: ${outcome.malformed}`)
  if (outcome.ended === 'timeout') faults.push('the server neither answered nor closed in time')
  if (answers.length > attack.answers) faults.push(`${answers.length} answers where ${attack.answers} were deserved`)
  if (attack.tidy === true && answers.length !== attack.answers && !outcome.reader.closing) {
    faults.push(`${answers.length} answers instead of ${attack.answers}`)
  }
  const [first] = answers
  if (attack.expect !== undefined && first === undefined) faults.push('no answer')
  // 503 can be the answer to anything; campaign.ts bounds how often it is.
  if (attack.expect !== undefined && first !== undefined && ![503, ...attack.expect].includes(first.status)) {
    faults.push(`${first.status} instead of ${attack.expect.join(' or ')}`)
  }
  answers.forEach((answer, index) => {
    faults.push(...judgeAnswer(answer, index === 0 && attack.head === true))
  })
  faults.push(...leaks(outcome, id))
  return faults
}

function judgeAnswer({ status, headers, body }: Answer, headOnly: boolean): string[] {
  if (SUCCESSES.includes(status)) return []
  if (!Object.values(PROBLEMS).some((row) => row.status === status)) return [`status ${status} is not documented`]
  const faults: string[] = status === 500 ? [`500: ${body}`] : []
  if (headers.get('content-type') !== 'application/problem+json') faults.push(`${status} is not a problem`)
  if (status === 503 && !/^[1-9]\d*$/.test(headers.get('retry-after') ?? '')) faults.push('503 without Retry-After')
  if (status === 405 && !headers.has('allow')) faults.push('405 without Allow')
  if (status === 401 && !headers.has('www-authenticate')) faults.push('401 without WWW-Authenticate')
  return headOnly ? faults : [...faults, ...judgeProblem(status, body)]
}

function judgeProblem(status: number, body: string): string[] {
  let problem: Record<string, unknown>
  try {
    problem = JSON.parse(body)
  } catch {
    return [`${status} whose body is no JSON`]
  }
  const row = PROBLEMS[problem.code as ProblemCode]
  if (row?.status !== status || problem.status !== status) return [`${status} with code ${problem.code}`]
  if (Object.keys(problem).join() !== MEMBERS) return [`${status} with members ${Object.keys(problem)}`]
  if (problem.title !== row.title || problem.detail !== row.detail) return [`${status} with words of its own`]
  return INSTANCE.test(String(problem.instance)) ? [] : [`${status} with instance ${problem.instance}`]
}

/** A value may come back to the attack that wrote it, as the body of a 200. Nothing else may come back at all. */
function leaks({ received, reader }: Outcome, id: number): string[] {
  const faults: string[] = []
  const own = reader.answers.filter(({ status }) => status === 200).flatMap(({ body }) => sightings(body))
  const allowed = own.filter(({ kind, owner }) => kind === 'value' && owner === id).length
  const seen = sightings(received)
  const foreign = seen.find(({ kind, owner }) => kind === 'key' || owner !== id)
  if (foreign !== undefined) faults.push(`the ${foreign.kind} of request ${foreign.owner} in an answer`)
  else if (seen.length > allowed) faults.push('its own value outside the body of a 200')
  const insides = INSIDES.exec(received)
  if (insides !== null) faults.push(`insides of the server in an answer: ${JSON.stringify(insides[0])}`)
  return faults
}
