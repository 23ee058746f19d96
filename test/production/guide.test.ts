/** The guides to production, certificates and keys, followed word by word. `holdfast` is this repository's. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { follow } from '../support/follow.ts'
import { stepsOf } from '../support/guide.ts'
import { MAIN, ROOT } from '../support/process.ts'

const PAGES = ['production.md', 'certificates.md', 'keys.md']
const MISSING = ['bash', 'curl', 'openssl'].filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0)

for (const page of PAGES) {
  const skip = MISSING.length > 0 && `no ${MISSING.join(', ')}`
  test(`docs/guides/${page} does what it says`, { skip }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-guide-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const path = resolve(ROOT, 'docs/guides', page)
    assert.ok(stepsOf(path).length > 5)
    await follow(path, { folder, commands: { holdfast: `exec '${process.execPath}' '${MAIN}' "$@"` } })
  })
}
