/**
 * The frameworks of this folder, for its tests and for the bench. They are a package of their own (and Next one more, for
 * its size), installed on first use from its lock file with scripts off, so that whoever clones the repository to run
 * Holdfast does not get them.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { lock } from '../support/cache.ts'

const INSTALL_MS = 300_000

export function installFrameworks(folder: string = import.meta.dirname): void {
  if (installed(folder)) return
  using _ = lock('frameworks', 2 * INSTALL_MS)
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
