/** The fuzzer's judge finds what it is there to find: each fault planted once, in an answer that is right otherwise. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AnswerReader, Malformed } from './answers.ts'
import type { Attack } from './attack.ts'
import { canary, lineWithCanary } from './canary.ts'
import { judge } from './judge.ts'

const ID = 7
const attack: Attack = { shape: 'planted', steps: [], answers: 1, expect: [404] }

const problem = {
  type: 'https://www.mediawiki.org/wiki/Kask/errors/not_found',
  title: 'Not found',
  detail: 'The value you requested was not found',
  instance: 'urn:uuid:0b5f2b4e-7d2c-4c59-9f3e-0a4f6d1c2b3a',
  code: 'not_found',
  status: 404,
}

function answer(status: number, body: string, headers = 'Content-Type: application/problem+json'): string {
  return `HTTP/1.1 ${status} Some Reason\r\n${headers}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

function faultsOf(received: string, of: Attack = attack): string[] {
  const reader = new AnswerReader(of.head)
  reader.push(Buffer.from(received, 'latin1'))
  return judge(of, ID, { reader, received, ended: 'closed' })
}

const right = answer(404, JSON.stringify(problem))

describe('the judge', () => {
  it('passes an answer that is as documented', () => {
    assert.deepEqual(faultsOf(right), [])
    const value = answer(200, canary('value', ID), 'ETag: "x"')
    assert.deepEqual(faultsOf(value, { ...attack, expect: [200] }), [])
  })

  const planted: readonly (readonly [string, string, RegExp])[] = [
    ['a second answer', right + right, /2 answers where 1/],
    ['another status than the one due', answer(405, '{}'), /405 instead of 404/],
    ['a status that is not documented', answer(418, '{}'), /418 is not documented/],
    ['a problem of another type', answer(404, JSON.stringify(problem), 'Content-Type: text/html'), /not a problem/],
    ['a code of another status', answer(404, JSON.stringify({ ...problem, code: 'ended' })), /404 with code ended/],
    ['words of its own', answer(404, JSON.stringify({ ...problem, detail: 'no such key' })), /words of its own/],
    ['the path as instance', answer(404, JSON.stringify({ ...problem, instance: '/sessions/v1/x' })), /with instance/],
    ['one member more', answer(404, JSON.stringify({ ...problem, stack: '' })), /with members/],
    ['a key', answer(404, JSON.stringify(problem), `X-Key: ${canary('key', ID)}`), /the key of request 7/],
    ['a value of another', answer(200, canary('value', 8)), /the value of request 8/],
    ['its own value in an error', answer(404, `{"value":"${canary('value', ID)}"}`), /its own value outside/],
    ['a stack trace', answer(404, 'Error\n    at handle (x.js:1:1)'), /insides of the server/],
    ['a fault of the program', answer(500, JSON.stringify({ ...problem, code: 'server_error' })), /^500/],
    ['nothing', '', /no answer/],
  ]
  for (const [what, received, fault] of planted) {
    it(`finds ${what}`, () => {
      const faults = faultsOf(received)
      assert.ok(
        faults.some((found) => fault.test(found)),
        String(faults),
      )
    })
  }

  it('finds a server that hangs', () => {
    const reader = new AnswerReader()
    assert.match(String(judge(attack, ID, { reader, received: '', ended: 'timeout' })), /neither answered nor closed/)
  })

  it('reads answers strictly', () => {
    for (const text of [
      'HTTP/1.0 200 OK\r\n\r\n',
      'HTTP/1.1 200 OK\r\n\r\n',
      'HTTP/1.1 200 OK\r\na b: c\r\n\r\n',
      'x\r\n\r\n',
    ]) {
      assert.throws(() => new AnswerReader().push(Buffer.from(text)), Malformed)
    }
  })

  it('finds canaries in a log in any dress', () => {
    const word = canary('value', 3)
    for (const dressed of [
      word,
      Buffer.from(word).toString('hex'),
      JSON.stringify(Buffer.from(word)),
      ...['', 'a', 'ab'].map((before) => Buffer.from(before + word).toString('base64')),
    ]) {
      assert.ok(lineWithCanary(['fine', `{"msg":${dressed}}`]), dressed)
    }
    assert.equal(lineWithCanary(['fine']), undefined)
  })
})
