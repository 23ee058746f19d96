/** What every noun of the command line shares: how a command ends, how its help begins, how its words are read. */
import { type Command, InvalidArgumentError } from 'commander'
import { formOf, parseUnit } from '../config/units.ts'

/** Actions end by setting `code`, one of EXIT. */
export interface Outcome {
  code: number
}

/** Each noun's folder exports one of these; ./program.ts lists them in the order of the help. */
export type AddCommands = (program: Command, outcome: Outcome) => void

/** Life of a certificate: a quarter, so that a forgotten one is no heirloom, and at most 13 months. */
export const CERTIFICATE_DAYS = { fallback: 90, most: 397 }

/** Help begins with these: a whole command line, and what it does. */
export function examples(command: Command, rows: readonly [line: string, what: string][]): void {
  const width = Math.max(...rows.map(([line]) => line.length))
  const lines = rows.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`.trimEnd())
  command.addHelpText('beforeAll', (context) => (context.command === command ? `Examples:\n${lines.join('\n')}\n` : ''))
}

export function toPort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.')
  return port
}

/** Reads a whole number of days within a range. */
export function toDays(most: number): (text: string) => number {
  return (text) => {
    const days = Number(text)
    if (/^[1-9]\d{0,4}$/.test(text) && days <= most) return days
    throw new InvalidArgumentError(`A whole number of days, from 1 to ${most}.`)
  }
}

/** A duration such as 12h or 30d, in ms. Who writes 30 alone may mean days, so it takes a unit. */
export function toDuration(text: string): number {
  const ms = parseUnit(text, 'milliseconds')
  if (/^\d+$/.test(text)) throw new InvalidArgumentError(`Give its unit: ${text}d, ${text}h, ${text}m or ${text}s.`)
  if (ms === undefined) throw new InvalidArgumentError(`Expected ${formOf('seconds')}.`)
  return ms
}
