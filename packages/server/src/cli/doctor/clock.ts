/**
 * Whether the clock can be believed: expiry is judged by it. Whether it is kept in step is asked of who keeps it (systemd
 * tells the kernel's own flag, else chrony); where nobody answers, as in a container, that is said. Files and keys from the
 * future show a clock that is behind, or was ahead.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { readFilesOf } from '../../service/files.ts'
import type { Facts } from './facts.ts'
import { type Finding, ok, warning } from './finding.ts'

const PATIENCE_MS = 2_000
/** What clocks may differ by; records refuse what is further in the future. */
const TOLERANCE_MS = 60_000

/** Each answers yes, no, or nothing. */
const KEEPERS: readonly [command: string, args: readonly string[], yes: RegExp, no: RegExp][] = [
  ['timedatectl', ['show', '--property=NTPSynchronized', '--value'], /^yes$/m, /^no$/m],
  ['chronyc', ['-n', 'tracking'], /^Leap status +: (Normal|Insert|Delete)/m, /^Leap status +: Not/m],
]

export function clock({ config, file, keyset, now }: Facts): Finding[] {
  const database = config.engine.embedded?.file
  const files = [file, ...readFilesOf(config), ...(database === undefined ? [] : [database, `${database}-wal`])]
  const times: [what: string, at: number][] = files.filter(existsSync).map((path) => [path, statSync(path).mtimeMs])
  for (const { id, createdAt } of keyset?.keys ?? []) times.push([`key ${id} of the keyset`, createdAt])
  const future = times.filter(([, at]) => at > now + TOLERANCE_MS)
  return [kept(), ...future.map(([what, at]) => early(what, at))]
}

function early(what: string, at: number): Finding {
  const says = `${what} is of ${new Date(at).toISOString()}, which is in the future: this clock is behind, or was ahead`
  return warning(says, 'date --utc; chronyc makestep')
}

function kept(): Finding {
  for (const [command, args, yes, no] of KEEPERS) {
    const { stdout } = spawnSync(command, args, { encoding: 'utf8', timeout: PATIENCE_MS })
    if (yes.test(stdout ?? '')) return ok('the clock is kept in step')
    if (no.test(stdout ?? '')) return warning('nothing keeps the clock in step', 'timedatectl set-ntp true')
  }
  const says = 'whether the clock is kept in step is not known: neither systemd nor chrony answers here'
  return warning(
    says,
    'where the clock is kept (of a container, on its host): timedatectl show --property=NTPSynchronized',
  )
}
