import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { exposedBy, optionsIn } from './openings.ts'

test('NODE_OPTIONS has the words that Node finds in it', () => {
  for (const [text, words] of [
    ['', []],
    ['  --a  --b=c ', ['--a', '--b=c']],
    ['"--a" --"b"=c', ['--a', '--b=c']],
    ['--title="a --b" --c', ['--title=a --b', '--c']],
    ['"--a\\" --b" --c\\"d e"', ['--a" --b', '--c\\d e']],
    ['"--a\\\\b" "--c', ['--a\\b', '--c']],
    ['"" ""', []],
    ['--a\t--b', ['--a\t--b']],
  ] as const) {
    assert.deepEqual(optionsIn(text), words, text)
  }
})

test('and those that Node obeys are found by it, however they are written', () => {
  for (const text of ['"--stack-trace-limit=3"', '--stack-"trace"-limit=3', '"--stack_trace\\-limit=3"']) {
    const env = { ...process.env, NODE_OPTIONS: text }
    const limit = execFileSync(process.execPath, ['-p', 'Error.stackTraceLimit'], { env, encoding: 'utf8' })
    assert.equal(limit, '3\n', text)
    assert.deepEqual(
      optionsIn(text).map((word) => word.replaceAll('_', '-')),
      ['--stack-trace-limit=3'],
    )
  }
})

test('options are known by both spellings, those of V8 also with one dash', () => {
  const spellings = ['--abort-on-uncaught-exception', '-abort_on_uncaught_exception', '--inspect=0', '--tls_keylog=x']
  const options = ['--abort-on-uncaught-exception', '--abort-on-uncaught-exception', '--inspect', '--tls-keylog']
  assert.deepEqual(
    exposedBy(spellings).map(({ option }) => option),
    options,
  )
  assert.deepEqual(exposedBy(['--no-warnings', '-r', 'x', '--inspection', 'inspect']), [])
})
