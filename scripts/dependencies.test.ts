import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import {
  DEPENDENCIES_PAGE,
  directDependencies,
  renewedPage,
  runtimePackages,
  TREES,
  type Tree,
} from './dependencies.ts'

const ALL = Object.keys(TREES) as Tree[]

test('no runtime package has an install script', () => {
  const packages = ALL.flatMap((tree) => runtimePackages(tree))
  assert.deepEqual(
    packages.filter((p) => p.hasInstallScript),
    [],
  )
})

test('the runtime trees are those on the page', () => {
  assert.equal(readFileSync(DEPENDENCIES_PAGE, 'utf8'), renewedPage(), 'run: node scripts/dependencies.ts')
})

test('every direct dependency has its reason on the page, and the page names no other', () => {
  const page = readFileSync(DEPENDENCIES_PAGE, 'utf8')
  const reasons = [...page.matchAll(/^### `([^`]+)`$/gm)].map((match) => match[1]!)
  assert.deepEqual(reasons.sort(), ALL.flatMap((tree) => directDependencies(tree).map((p) => p.name)).sort())
})

test('who uses the embedded engine installs nothing of Cassandra', () => {
  const names = runtimePackages('server').map(({ name }) => name)
  assert.deepEqual(
    runtimePackages('cassandra').filter(({ name }) => names.includes(name)),
    [],
  )
})

for (const [tree, folder] of Object.entries(TREES) as [Tree, string][]) {
  test(`npm sees the same runtime tree of the ${tree} as the page`, () => {
    const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--json', '-w', folder], {
      cwd: resolve(import.meta.dirname, '..'),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 << 20,
    })
    const names = new Set<string>()
    const visit = (node: Listed) => {
      for (const [name, child] of Object.entries(node.dependencies ?? {})) {
        // The server's optional peer, which npm lists because the workspace has it.
        if (tree === 'server' && name === '@holdfast/engine-cassandra') continue
        if (name !== 'holdfast' && !name.startsWith('@holdfast/') && child.version !== undefined) {
          names.add(`${name}@${child.version}`)
        }
        visit(child)
      }
    }
    const [root] = Object.values((JSON.parse(listed) as Listed).dependencies ?? {})
    assert.ok(root, 'npm ls names the package')
    visit(root)
    assert.deepEqual(
      [...names].sort(),
      runtimePackages(tree)
        .map((p) => `${p.name}@${p.version}`)
        .sort(),
    )
  })
}

/** As `npm ls --json` tells. */
interface Listed {
  readonly version?: string
  readonly dependencies?: Record<string, Listed>
}
