/**
 * `npm test [-- PATTERN...]`: runs every `*.test.ts` of the packages and of test/ with node's own runner. A pattern is a
 * part of a path: `npm test -- records`. Tests whose tool is missing skip by name; HOLDFAST_NO_SKIPS=1 (as in CI) makes
 * a skip a failure.
 */
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const root = resolve(import.meta.dirname, '..')
const patterns = process.argv.slice(2)
const files = globSync(
  ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'scripts/*.test.ts', 'test/**/*.test.ts'],
  {
    cwd: root,
    exclude: (path) => path.includes('node_modules'),
  },
)
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .sort()
if (files.length === 0) {
  console.error(`no test file matches ${patterns.join(' ')}`)
  process.exit(2)
}

const skipped: string[] = []
const stream = run({
  files: files.map((file) => resolve(root, file)),
  concurrency: Math.max(1, availableParallelism() - 1),
  cwd: root,
})
stream.on('test:fail', () => {
  process.exitCode = 1
})
stream.on('test:pass', (event) => {
  if (event.skip !== undefined) skipped.push(`${event.name}: ${event.skip}`)
})
stream.on('end', () => {
  if (skipped.length > 0) console.error(`\nskipped:\n  ${skipped.join('\n  ')}`)
  if (skipped.length > 0 && process.env.HOLDFAST_NO_SKIPS === '1') process.exitCode = 1
})
stream.compose(spec).pipe(process.stdout)
