/**
 * Durations and sizes as people write them: `500ms`, `10s`, `5m`, `12h`, `30d`, `1y`; `512B`, `16KiB`, `4MiB`, `1GiB`.
 * A plain whole number is seconds or bytes. One unit a value (`90m`, never `1h30m`), no fractions, no `KB` or `MB`: what
 * they mean differs from place to place, and a limit must not.
 */

/** Milliseconds; a year is 365 days. */
const DURATIONS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  y: 365 * 86_400_000,
}
const SIZES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }

/** Units that a schema may name: what the number in the finished configuration counts. */
export type Unit = 'seconds' | 'milliseconds' | 'bytes'

const UNITS: Readonly<
  Record<Unit, { table: Readonly<Record<string, number>>; plain: number; one: number; form: string }>
> = {
  seconds: { table: DURATIONS, plain: 1000, one: 1000, form: 'a duration such as 30s, 5m, 12h, 7d or 1y' },
  milliseconds: { table: DURATIONS, plain: 1000, one: 1, form: 'a duration such as 500ms, 10s or 5m' },
  bytes: { table: SIZES, plain: 1, one: 1, form: 'a size such as 512B, 16KiB, 4MiB or 1GiB' },
}

/** What a value of this unit looks like, for an error or a reference. */
export const formOf = (unit: Unit): string => UNITS[unit].form

/** The number that `text` means, counted in `unit`, or undefined if it is not of the unit's form or not whole in it. */
export function parseUnit(text: string | number, unit: Unit): number | undefined {
  const { table, plain, one } = UNITS[unit]
  const match = /^(\d{1,15})([A-Za-z]*)$/.exec(String(text))
  if (match === null) return undefined
  const factor = match[2] === '' ? plain : Object.hasOwn(table, match[2]!) ? table[match[2]!]! : undefined
  if (factor === undefined) return undefined
  const value = (Number(match[1]) * factor) / one
  return Number.isSafeInteger(value) ? value : undefined
}

/** The shortest text that {@link parseUnit} reads back as the same number. */
export function formatUnit(value: number, unit: Unit): string {
  const { table, one } = UNITS[unit]
  const total = value * one
  const largest = Object.entries(table).findLast(([, factor]) => total % factor === 0 && total >= factor)
  return largest === undefined ? '0' : `${total / largest[1]}${largest[0]}`
}
