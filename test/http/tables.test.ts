/**
 * The tables, against the real server from the real command line: Kask's requests, keys, extras and refusals, sent by
 * undici and by curl over TLS, each answer checked to its last byte, and found in the API's own description.
 */
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { PROBLEM_CODES, type ProblemCode } from '../../packages/server/src/common/problems.ts'
import { Site } from '../support/site.ts'
import { basicTable, GRANT_TABLE, REQUEST_TABLE } from './access-table.ts'
import type { Case, Step } from './case.ts'
import { Described } from './described.ts'
import { type Answer, type Ask, curl, type Driver, missing, raw, undici } from './drivers.ts'
import { check } from './expect.ts'
import { CONDITION_TABLE, END_TABLE, TTL_TABLE } from './extras-table.ts'
import { KASK_TABLE, REST_BAG_TABLE } from './kask-table.ts'
import { KEY_TABLE } from './key-table.ts'

const site = await Site.make()
const server = await site.start()
after(async () => {
  await server.stop()
  site.remove()
})
const drivers = { undici: undici(server), curl: curl(server), raw: raw(server) }
const described = new Described(JSON.parse((await server.client().get('/openapi.json')).body.toString()))
const secret = Buffer.from(`legacy:${site.basicSecret}`).toString('base64')
const TABLES: Readonly<Record<string, readonly Case[]>> = {
  Kask: KASK_TABLE,
  RESTBagOStuff: REST_BAG_TABLE,
  keys: KEY_TABLE,
  TTL: TTL_TABLE,
  conditions: CONDITION_TABLE,
  ends: END_TABLE,
  requests: REQUEST_TABLE,
  grants: GRANT_TABLE,
  basic: basicTable(`Basic ${secret}`),
}

let serial = 0

async function run(driver: Driver, { steps }: Case): Promise<void> {
  const key = `key-${driver.name}-${++serial}`
  let [etag, old] = ['', '']
  const filled = (text: string) => text.replaceAll('{key}', key).replaceAll('{etag}', etag).replaceAll('{old}', old)
  for (const [index, step] of steps.entries()) {
    const [method, target] = filled(step.send).split(' ') as [string, string]
    const headers = Object.fromEntries(Object.entries(step.headers ?? {}).map(([name, value]) => [name, filled(value)]))
    const body = step.body === undefined ? undefined : Buffer.from(step.body as string, 'latin1')
    const ask: Ask = { method, target, headers, body, chunked: step.chunked ?? false, as: step.as ?? 'all' }
    let answer: Answer
    try {
      answer = await driver.ask(ask)
      check(answer, withTags(step, filled), ask)
      described.expect(ask, answer)
    } catch (cause) {
      throw new Error(`step ${index + 1}: ${step.send.slice(0, 200)}`, { cause })
    }
    if (answer.headers.etag !== undefined && answer.headers.etag !== etag) [old, etag] = [etag, answer.headers.etag]
  }
}

function withTags(step: Step, filled: (text: string) => string): Step {
  const { answered = {} } = step
  const entries = Object.entries(answered).map(([name, value]) => [
    name,
    typeof value === 'string' ? filled(value) : value,
  ])
  return { ...step, answered: Object.fromEntries(entries) }
}

for (const name of ['undici', 'curl'] as const) {
  describe(name, { skip: missing(name) }, () => {
    for (const [table, cases] of Object.entries(TABLES)) {
      describe(table, () => {
        for (const one of cases) {
          const why = one.cannot?.[name]
          const driver = drivers[why === undefined ? name : 'raw']
          test(why === undefined ? one.title : `${one.title} (by a raw socket: ${name} ${why})`, () => run(driver, one))
        }
      })
    }
  })
}

test('every refusal of the error table was met, but for faults, overload and slowness, which have tests of their own', () => {
  const elsewhere: readonly ProblemCode[] = ['unknown-host', 'request-timeout', 'overloaded', 'logout-pending']
  const faults: readonly ProblemCode[] = ['server_error', 'unreadable', 'unavailable', 'unconfirmed', 'storage-full']
  const codes = new Set([...described.found].map((what) => what.split(' ')[2]).filter((code) => code !== undefined))
  assert.deepEqual([...codes, ...elsewhere, ...faults].sort(), [...PROBLEM_CODES].sort())
})

test('nothing was a fault, and no key is in the log', () => {
  const { stdout, stderr } = server.program
  assert.equal(stderr, '')
  assert.deepEqual(
    server.program.lines().filter((line) => Number(line.level) >= 40),
    [],
  )
  assert.ok(!/key-(undici|curl|raw)-\d/.test(stdout))
})
