/**
 * The frameworks of this folder, for its tests and for the bench. They are a package of their own (and Next one more, for
 * its size), installed on first use from its lock file with scripts off, so that whoever clones the repository to run
 * Holdfast does not get them. Test files run at once, so whoever comes while another process installs waits for it: the
 * lock is SQLite's, which ends with its process.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const INSTALL_MS = 300_000
const CACHE = resolve(import.meta.dirname, '../../node_modules/.cache')

export function installFrameworks(folder: string = import.meta.dirname): void {
  if (installed(folder)) return
  mkdirSync(CACHE, { recursive: true })
  using lock = new DatabaseSync(join(CACHE, 'frameworks.lock'), { timeout: 2 * INSTALL_MS })
  lock.exec('BEGIN EXCLUSIVE')
  if (installed(folder)) return
  const { status, stderr, error } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    ...{ cwd: folder, encoding: 'utf8', timeout: INSTALL_MS },
  })
  if (status !== 0) throw new Error(`npm ci in ${folder} failed; run it there by hand\n${stderr}${error ?? ''}`)
}

/** npm writes this file last. */
function installed(folder: string): boolean {
  return existsSync(join(folder, 'node_modules/.package-lock.json'))
}

/** A framework by its name, as this folder sees it, for modules that lie elsewhere. */
// biome-ignore lint/suspicious/noExplicitAny: whoever asks knows what it is
export async function framework(name: string): Promise<any> {
  return import(name)
}
