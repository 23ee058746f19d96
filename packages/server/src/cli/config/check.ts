/**
 * `holdfast config check`: whatever a start looks at before it opens the storage and listens, and all that is wrong at
 * once. A start may still fail: by a port that is taken, or a keyset that is not that of the data.
 */
import { loadConfig } from '../../config/load.ts'
import { ConfigError } from '../../config/problems.ts'
import { cautions } from '../../config/rules.ts'
import type { Config } from '../../config/schema.ts'
import { EXIT, explain } from '../exit.ts'
import { examine } from './examine.ts'

/** Exit code. */
export async function checkConfig(file: string, json: boolean): Promise<number> {
  const { problems, warnings } = await look(file)
  const ok = problems.length === 0
  if (json) process.stdout.write(`${JSON.stringify({ ok, problems, warnings }, null, 2)}\n`)
  else {
    for (const warning of warnings) process.stderr.write(`holdfast: warning: ${warning}\n`)
    for (const problem of problems) process.stderr.write(`holdfast: ${problem}\n`)
    if (ok) process.stdout.write(`${file}: good\n`)
  }
  return ok ? EXIT.stopped : EXIT.usage
}

/** One text each: what a start would refuse, with what to do about it, and what it would warn of. */
async function look(file: string): Promise<{ problems: readonly string[]; warnings: readonly string[] }> {
  let config: Config
  try {
    config = loadConfig(file)
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems, warnings: [] }
    throw error
  }
  const { refused } = await examine(config)
  return { problems: refused.map((error) => explain(error).text), warnings: cautions(config) }
}
