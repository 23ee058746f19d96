/**
 * `holdfast doctor`: looks at everything a server depends on and says what is wrong, each with the line that mends it. It
 * changes nothing, prints no secret, needs no server, and goes on where it may not look.
 */
import { styleText } from 'node:util'
import { ConfigError } from '../../config/problems.ts'
import { EXIT, withoutSecrets } from '../exit.ts'
import { CHECKS } from './checks.ts'
import { type Facts, gather } from './facts.ts'
import { checkLine, doctorLine, type Finding, isForbidden, problem, warning } from './finding.ts'

export interface DoctorOptions {
  readonly config: string
  readonly names?: readonly string[]
  readonly strict?: true
  readonly json?: true
}

type Told = Finding & { readonly check: string }

const COLOURS = { ok: 'green', warning: 'yellow', problem: 'red' } as const

/** Exit code. */
export async function doctor({ config: file, names, strict, json }: DoctorOptions): Promise<number> {
  const findings = await findingsOf(file, names)
  const many = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length
  const sick = many('problem') > 0 || (strict === true && many('warning') > 0)
  if (json) {
    const told = findings.map(({ check, level, what, ...rest }) => ({ check, level, what, ...rest }))
    process.stdout.write(`${JSON.stringify({ ok: !sick, findings: told }, null, 2)}\n`)
  } else {
    process.stdout.write(findings.map(line).join(''))
    process.stderr.write(`ok: ${many('ok')}, warnings: ${many('warning')}, problems: ${many('problem')}\n`)
  }
  return sick ? EXIT.found : EXIT.stopped
}

/** All of them, in the order of the checks. */
async function findingsOf(file: string, names: readonly string[] | undefined): Promise<Told[]> {
  let facts: Facts
  try {
    facts = await gather(file, names)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map((what) => ({ check: 'configuration', ...problem(what, checkLine(file)) }))
  }
  const findings: Told[] = []
  for (const [check, look] of Object.entries(CHECKS)) {
    try {
      for (const finding of await look(facts)) findings.push({ check, ...finding })
    } catch (error) {
      findings.push({ check, ...unfinished(error, file) })
    }
  }
  return findings
}

/** A check that could not be finished is told, and the others go on. */
function unfinished(error: unknown, file: string): Finding {
  if (isForbidden(error)) return warning(`not finished: ${(error as Error).message}`, `sudo ${doctorLine(file)}`)
  const { type, code, places } = withoutSecrets(error)
  const where = places.split('\n')[0]?.trim() ?? ''
  return warning(
    `not finished: ${[type, code, where].filter(Boolean).join(' ')}`,
    'report it: this is a fault of holdfast',
  )
}

function line({ check, level, what, ...rest }: Told): string {
  const head = `${styleText(COLOURS[level], level.padEnd(8))} ${check.padEnd(13)}  `
  const mend = 'mend' in rest ? `${' '.repeat(24)}mend: ${rest.mend}\n` : ''
  return `${head}${what}\n${mend}`
}
