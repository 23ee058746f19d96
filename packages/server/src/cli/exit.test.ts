import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineRefused } from '@holdfast/engine'
import { ConfigError } from '../config/problems.ts'
import { KeysetMismatch } from '../records/index.ts'
import { explain, withoutSecrets } from './exit.ts'

const SECRET = 'enwiki:MWSession:s3cr3t'

test('each kind of failure has its exit code', () => {
  assert.equal(explain(new ConfigError(['holdfast.yaml:3: ttl: no'])).code, 2)
  assert.equal(explain(new EngineRefused('foreign file', 'name another')).code, 3)
  assert.equal(explain(new KeysetMismatch('wrong keyset', 'bring the right one')).code, 3)
  assert.equal(explain(Object.assign(new Error('listen'), { code: 'EADDRINUSE' })).code, 1)
  assert.equal(explain(Object.assign(new Error('open'), { code: 'EACCES' })).code, 3)
  assert.equal(explain(new Error('whatever')).code, 1)
  assert.equal(explain('thrown text').code, 1)
})

test('an error made to be read is told with what to do', () => {
  assert.equal(explain(new EngineRefused('foreign file', 'name another')).text, 'foreign file\n  name another')
})

test('an unknown error is told without its message, wherever the message stands', () => {
  const shapes = [
    new Error(SECRET),
    new TypeError(`Invalid value\n    at ${SECRET} (x)\n${SECRET}`),
    Object.assign(new Error(SECRET), { code: 'ERR_INVALID_ARG_VALUE' }),
    new Error('outer', { cause: new Error(SECRET) }),
    Object.assign(new Error('x'), { stack: `Error: x\n    at place (file.ts:1:1)\n${SECRET}` }),
    SECRET,
  ]
  for (const shape of shapes) {
    assert.ok(!JSON.stringify(withoutSecrets(shape)).includes(SECRET))
    assert.ok(!explain(shape).text.includes(SECRET))
  }
})

test('its name, its code and its places are kept', () => {
  const told = withoutSecrets(Object.assign(new RangeError('x'), { code: 'ERR_OUT_OF_RANGE' }))
  assert.equal(told.type, 'RangeError')
  assert.equal(told.code, 'ERR_OUT_OF_RANGE')
  assert.match(told.places, /^ {4}at .*exit\.test\.ts/)
})
