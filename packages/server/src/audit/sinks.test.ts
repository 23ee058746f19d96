import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { AuditFile, AuditFileRefused } from './sinks.ts'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-audit-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

test('the file is made for its owner alone, whatever the umask, and is appended to', (t) => {
  const path = join(folder(t), 'audit.jsonl')
  const before = process.umask(0)
  t.after(() => process.umask(before))
  const first = new AuditFile(path)
  first.write('one\n')
  first.close()
  const second = new AuditFile(path)
  second.write('two\n')
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\n', 'in the file before the call returns')
  second.close()
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('a file that others can read, a folder, a link and a missing folder are refused with the way to mend it', (t) => {
  const base = folder(t)
  const open = join(base, 'open')
  writeFileSync(open, '')
  chmodSync(open, 0o640)
  assert.throws(() => new AuditFile(open), {
    name: 'AuditFileRefused',
    message: /mode 640/,
    hint: `run: chmod 600 ${open}`,
  })
  assert.throws(() => new AuditFile(base), AuditFileRefused)
  const link = join(base, 'link')
  symlinkSync(open, link)
  assert.throws(() => new AuditFile(link), /ELOOP/)
  assert.throws(() => new AuditFile(join(base, 'none', 'audit.jsonl')), /ENOENT/)
})

test('a line torn by a crash is closed before the next one', (t) => {
  const path = join(folder(t), 'audit.jsonl')
  writeFileSync(path, '{"whole":1}\n{"torn', { mode: 0o600 })
  const file = new AuditFile(path)
  file.write('{"next":1}\n')
  file.write('{"last":1}\n')
  file.close()
  assert.equal(readFileSync(path, 'utf8'), '{"whole":1}\n{"torn\n{"next":1}\n{"last":1}\n')
})

test('after a rotation the file is opened anew; while that fails the old one is kept', (t) => {
  const path = join(folder(t), 'audit.jsonl')
  const file = new AuditFile(path)
  t.after(() => file.close())
  file.write('one\n')
  renameSync(path, `${path}.1`)
  file.reopen()
  file.write('two\n')
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'one\n')
  assert.equal(readFileSync(path, 'utf8'), 'two\n')
  chmodSync(path, 0o644)
  assert.throws(() => file.reopen(), AuditFileRefused)
  file.write('three\n')
  assert.equal(readFileSync(path, 'utf8'), 'two\nthree\n')
})
