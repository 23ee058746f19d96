import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { referencePages } from './reference.ts'

test('docs/reference is what the code says (else run: npm run docs)', async () => {
  const folder = resolve(import.meta.dirname, '../docs/reference')
  const pages = await referencePages()
  assert.deepEqual(readdirSync(folder).sort(), [...pages.keys()].sort())
  for (const [file, text] of pages) assert.equal(readFileSync(resolve(folder, file), 'utf8'), text, file)
})
