/** The record as a crash, a full disk or a damaged disk leaves it. */
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporary } from '../../../test/cli.ts'
import { addLine, readRecord } from './record.ts'

const at = '2026-11-25T00:00:00.000Z'
const issued = (serial: string) =>
  ({
    event: 'issued',
    at,
    serial,
    usage: 'client',
    names: [`dns:${serial}`],
    notBefore: at,
    notAfter: at,
    fingerprint: '',
    request: false,
  }) as const

function make(t: TestContext) {
  const file = join(temporary(t), 'issued.jsonl')
  writeFileSync(file, '')
  const told: string[] = []
  t.mock.method(process.stderr, 'write', (text: string) => told.push(text) > 0)
  return { file, told, state: () => readRecord(file).map(({ serial, revokedAt }) => [serial, revokedAt]) }
}

test('a last line that was cut anywhere was never in force: it is told and passed over, and the next is whole', (t) => {
  const { file, told, state } = make(t)
  addLine(file, issued('a'))
  const whole = readFileSync(file)
  const line = Buffer.from(`${JSON.stringify(issued('b'))}\n`)
  for (const length of [1, 20, line.length - 1]) {
    writeFileSync(file, Buffer.concat([whole, line.subarray(0, length)]))
    assert.deepEqual(state(), [['a', undefined]])
    told.length = 0
    addLine(file, { event: 'revoked', at, serial: 'a' })
    assert.match(told.join(), /issued\.jsonl: its last line was cut off/)
    addLine(file, issued('c'))
    assert.equal(told.length, 1)
    assert.deepEqual(state(), [
      ['a', at],
      ['c', undefined],
    ])
  }
  writeFileSync(file, Buffer.concat([whole, Buffer.alloc(500)]))
  assert.deepEqual(state(), [['a', undefined]], 'as some file systems leave a line that was not flushed')
})

test('a line that another command completes meanwhile is not lost', (t) => {
  const { file, state } = make(t)
  addLine(file, issued('a'))
  const line = `${JSON.stringify({ event: 'revoked', at, serial: 'a' })}\n`
  // What is written when the last line looked cut off, behind the line as it came to be.
  appendFileSync(file, `${line}\n{"event":"cut","at":"${at}"}\n`)
  addLine(file, issued('b'))
  assert.deepEqual(state(), [
    ['a', at],
    ['b', undefined],
  ])
})

test('a line within that cannot be read stops everything: it may have been a revocation', (t) => {
  const { file } = make(t)
  addLine(file, issued('a'))
  const whole = readFileSync(file, 'utf8')
  for (const damaged of ['\n', '{"event":"rev\n', '{"event":"revoked","serial":"b"}\n', '\n{"event":"cut"}\n\n']) {
    writeFileSync(file, `${damaged}${whole}`)
    assert.throws(() => readRecord(file), /issued\.jsonl:[13]: damaged/, damaged)
  }
})
