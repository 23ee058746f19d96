import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { DEPENDENCIES_PAGE, directDependencies, renewedPage, runtimePackages } from './dependencies.ts'

test('no runtime package has an install script', () => {
  assert.deepEqual(
    runtimePackages().filter((p) => p.hasInstallScript),
    [],
  )
})

test('the runtime tree is the one on the page', () => {
  assert.equal(readFileSync(DEPENDENCIES_PAGE, 'utf8'), renewedPage(), 'run: node scripts/dependencies.ts')
})

test('every direct dependency has its reason on the page, and the page names no other', () => {
  const page = readFileSync(DEPENDENCIES_PAGE, 'utf8')
  const reasons = [...page.matchAll(/^### `([^`]+)`$/gm)].map((match) => match[1]!)
  assert.deepEqual(
    reasons.sort(),
    directDependencies()
      .map((p) => p.name)
      .sort(),
  )
})

test('npm sees the same runtime tree as the page', () => {
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--json', '-w', 'packages/server'], {
    cwd: resolve(import.meta.dirname, '..'),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 64 << 20,
  })
  interface Tree {
    version?: string
    dependencies?: Record<string, Tree>
  }
  const names = new Set<string>()
  const visit = (tree: Tree) => {
    for (const [name, child] of Object.entries(tree.dependencies ?? {})) {
      if (name !== 'holdfast' && !name.startsWith('@holdfast/') && child.version !== undefined) {
        names.add(`${name}@${child.version}`)
      }
      visit(child)
    }
  }
  const server = (JSON.parse(listed) as Tree).dependencies?.holdfast
  assert.ok(server, 'npm ls names the server')
  visit(server)
  assert.deepEqual(
    [...names].sort(),
    runtimePackages()
      .map((p) => `${p.name}@${p.version}`)
      .sort(),
  )
})
