/**
 * What a check of `holdfast doctor` says. A problem: it does not start, does not serve, or gives something away. A warning:
 * it will become one, or one wall less stands. Both name the line that mends it. What cannot be known is said, as a
 * warning where somebody with more rights would know.
 *
 * No finding quotes a secret: names of files, certificates, callers and settings, never what is in a key, a value or the
 * environment.
 */
import { statSync } from 'node:fs'
import { invocation } from '../invocation.ts'
import { shellWord } from '../shell-word.ts'

export type Finding =
  | { readonly level: 'ok'; readonly what: string }
  | {
      readonly level: 'warning' | 'problem'
      readonly what: string
      /** A command to paste or the line to write. */
      readonly mend: string
    }

export const ok = (what: string): Finding => ({ level: 'ok', what })
export const warning = (what: string, mend: string): Finding => ({ level: 'warning', what, mend })
export const problem = (what: string, mend: string): Finding => ({ level: 'problem', what, mend })

/** What this user may not look at. */
export function hidden(what: string, file: string): Finding {
  return warning(`${what} may not be read by this user, so it was not looked at`, `sudo ${doctorLine(file)}`)
}

export const doctorLine = (file: string) => `${invocation} doctor --config ${shellWord(file)}`
export const checkLine = (file: string) => `${invocation} config check --config ${shellWord(file)}`

/** A setting of systemd, for the unit of the server. */
export const inUnit = (setting: string) => `[Service] ${setting}`

export const DAY_MS = 86_400_000
/** Before an end. */
export const SOON_DAYS = 30

export const daysUntil = (end: Date, now: number) => Math.floor((end.getTime() - now) / DAY_MS)
export const dateOf = (time: Date | number) => new Date(time).toISOString().slice(0, 10)

/** Whether there is such a file. Throws where this user may not look. */
export function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

/** Whether the error says that this user may not. */
export function isForbidden(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'EACCES' || code === 'EPERM' || /\((EACCES|EPERM)\)/.test(message)
}
