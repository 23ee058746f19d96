/**
 * `npm run check`: formatting and lint, types, layering, unused exports and dependencies. Prints what failed, and ends
 * with 1 if anything did. Everything runs at once, since together it takes seconds.
 */
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { checkLayers } from './layers.ts'

const root = resolve(import.meta.dirname, '..')
const bin = (name: string) => resolve(root, 'node_modules/.bin', name)

function run(title: string, command: string, args: string[]): Promise<boolean> {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      output += chunk
    })
    child.on('close', (code) => {
      console.log(code === 0 ? `ok    ${title}` : `FAIL  ${title}\n${output}`)
      done(code === 0)
    })
  })
}

const layers = checkLayers(resolve(root, 'packages/server/src'))
console.log(layers.length === 0 ? 'ok    layers' : `FAIL  layers\n${layers.join('\n')}`)

const results = await Promise.all([
  run('format and lint (biome)', bin('biome'), ['check', '--error-on-warnings', '.']),
  run('types (tsc)', bin('tsc'), ['-p', '.']),
  run('unused files, exports, dependencies (knip)', bin('knip'), ['--no-progress']),
])
process.exitCode = results.every(Boolean) && layers.length === 0 ? 0 : 1
