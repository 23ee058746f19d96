/** Asks a person before something that cannot be undone. Who has no terminal says `--yes`, or it is not done: exit code 2. */
import { createInterface } from 'node:readline/promises'
import { ConfigError } from '../config/problems.ts'

/** Resolves if the answer is yes. `why` it is asked at all; `not` what has not happened if the answer is no. */
export async function confirm(question: string, why: string, not: string): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new ConfigError([`${why}: confirm it by --yes`])
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await asking.question(`${question} [y/N] `)
  asking.close()
  if (!/^y(es)?$/i.test(answer.trim())) throw new ConfigError([not])
}
