import assert from 'node:assert/strict'
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { referencePages } from './reference.ts'

test('docs/reference is what the code says (else run: npm run docs)', async () => {
  const folder = resolve(import.meta.dirname, '../docs/reference')
  const pages = await referencePages()
  assert.deepEqual(readdirSync(folder).sort(), [...pages.keys()].sort())
  for (const [file, text] of pages) assert.equal(readFileSync(resolve(folder, file), 'utf8'), text, file)
})

/** Roles of Cassandra, and a figure of its engine, which the reference does not run. */
const OTHERS = ['holdfast_app', 'holdfast_migrate', 'holdfast_engine_nodes_connected']

test('every metric that a page names, a rule of Prometheus too, is there', async () => {
  const root = resolve(import.meta.dirname, '..')
  const there = new Set((await referencePages()).get('metrics.md')!.match(/(?<=^\| `)\w+/gm))
  for (const page of ['README.md', ...globSync('docs/{*,guides/*}.md', { cwd: root })]) {
    const named = readFileSync(resolve(root, page), 'utf8').match(/(?<!%\{)\b(holdfast|http)_[a-z_]+/g) ?? []
    assert.deepEqual(
      named.filter((name) => !there.has(name) && !OTHERS.includes(name)),
      [],
      page,
    )
  }
})
