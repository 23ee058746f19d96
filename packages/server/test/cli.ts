/** The real program, started with these words in a folder, to its end; and a folder that goes away with its test. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'

export const MAIN = resolve(import.meta.dirname, '../src/cli/main.ts')

/** Why a test that needs a terminal is skipped, or false. */
export const noTerminal =
  spawnSync('script', ['--version']).status === 0 ? false : 'no script(1) here, which makes a terminal'

export interface Told {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export async function run(cwd: string, command: string, ...args: string[]): Promise<Told> {
  const env = { ...process.env, npm_lifecycle_event: '' }
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code, stdout, stderr }
}

export const holdfast = (cwd: string, ...args: string[]): Promise<Told> => run(cwd, process.execPath, MAIN, ...args)

/** Fails the test, with what was told, unless the code is 0. */
export async function must(told: Promise<Told>): Promise<Told> {
  const { code, stdout, stderr } = await told
  if (code !== 0) throw new Error(`ended with ${code}\n${stdout}\n${stderr}`)
  return { code, stdout, stderr }
}

export function temporary(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
