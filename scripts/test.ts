/**
 * `npm test [-- PATTERN...]`: runs every `*.test.ts` of the packages and of test/ with node's own runner. A pattern is a
 * part of a path: `npm test -- records`. Tests whose tool is missing skip by name; HOLDFAST_NO_SKIPS=1 (as in CI) makes
 * a skip a failure.
 *
 * `npm run test:cassandra [-- PATTERN...]`: those that need a real Cassandra instead, and so Java, memory and minutes: the
 * `*.test.ts` of test/cluster/ and every `*.cassandra.ts`, one after another.
 */
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'

const root = resolve(import.meta.dirname, '..')
const { values, positionals: patterns } = parseArgs({
  options: { cassandra: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const CLUSTER = 'test/cluster/'
const globs = values.cassandra
  ? [`${CLUSTER}*.test.ts`, 'packages/*/{src,test}/**/*.cassandra.ts', 'test/**/*.cassandra.ts']
  : ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts', 'scripts/*.test.ts', 'test/**/*.test.ts']
const files = globSync(globs, { cwd: root, exclude: (path) => path.includes('node_modules') })
  .filter((file) => values.cassandra || !file.startsWith(CLUSTER))
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .sort()
if (files.length === 0) {
  console.error(`no test file matches ${patterns.join(' ')}`)
  process.exit(2)
}

/** They measure, or load the machine, so nothing else may run meanwhile. */
const ALONE = /^test\/(overload|fuzz|durability|reload|faults\/load|bench-smoke)/
const alone = files.filter((file) => values.cassandra || ALONE.test(file))
const skipped: string[] = []
const tally = { passed: 0, failed: 0 }

await runAll(
  files.filter((file) => !alone.includes(file)),
  availableParallelism(),
)
await runAll(alone, 1)
if (skipped.length > 0) console.error(`\nskipped:\n  ${skipped.join('\n  ')}`)
if (skipped.length > 0 && process.env.HOLDFAST_NO_SKIPS === '1') process.exitCode = 1
console.log(`\n${tally.passed} passed, ${tally.failed} failed`)

async function runAll(some: readonly string[], concurrency: number): Promise<void> {
  if (some.length === 0) return
  const stream = run({ files: some.map((file) => resolve(root, file)), concurrency, cwd: root })
  stream.on('test:fail', ({ details }) => {
    process.exitCode = 1
    if (details.type !== 'suite') tally.failed++
  })
  stream.on('test:pass', ({ details, name, skip }) => {
    if (details.type !== 'suite') tally.passed++
    if (skip !== undefined) skipped.push(`${name}: ${skip}`)
  })
  for await (const text of stream.compose(spec)) process.stdout.write(text)
}
