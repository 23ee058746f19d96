import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { checkLayers } from './layers.ts'

function houseOf(files: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'layers-'))
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true })
      writeFileSync(join(root, name), text)
    }
    return checkLayers(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('the server imports downwards only', () => {
  assert.deepEqual(checkLayers(resolve(import.meta.dirname, '../packages/server/src')), [])
})

test('an import that points down is fine', () => {
  assert.deepEqual(houseOf({ 'stores/a.ts': "import { b } from '../records/b.ts'", 'records/b.ts': '' }), [])
})

test('an import that points up is named', () => {
  assert.match(houseOf({ 'records/a.ts': "import type { B } from '../stores/b.ts'" })[0]!, /"records" imports "stores"/)
})

test('a dynamic import and a re-export count too', () => {
  assert.equal(houseOf({ 'audit/a.ts': "export * from '../http/b.ts'\nawait import('../cli/c.ts')" }).length, 2)
})

test('a folder that no layer knows is named', () => {
  assert.match(houseOf({ 'misc/a.ts': '' })[0]!, /in no layer/)
})

test('a test may import from anywhere', () => {
  assert.deepEqual(houseOf({ 'records/a.test.ts': "import { b } from '../http/b.ts'" }), [])
})
