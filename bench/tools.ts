/** The programs that a bench drives: without one of them it ends before it measures anything, and says how to get it. */
import { spawnSync } from 'node:child_process'

/** How each tells its version, and Debian's package. */
const TOOLS = {
  taskset: ['--version', 'util-linux'],
  wrk: ['-v', 'wrk'],
  'redis-server': ['--version', 'redis-server'],
} as const

/** Exits with 2 if one is missing. */
export function needTools(...tools: readonly (keyof typeof TOOLS)[]): void {
  for (const tool of tools) {
    const [flag, from] = TOOLS[tool]
    if (spawnSync(tool, [flag]).error === undefined) continue
    console.error(`${tool} is not installed; on Debian: apt-get install ${from}`)
    process.exit(2)
  }
}
