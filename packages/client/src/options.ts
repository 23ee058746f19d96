/** Options as they are given: one that is wrong is told by its name, and nothing is made of it. */
import { RequestError } from './errors.ts'

export function wholeNumber(name: string, value: number, from: number, to: number): number {
  if (Number.isInteger(value) && value >= from && value <= to) return value
  throw new RequestError('options', `${name}: a whole number from ${from} to ${to}`)
}

/** What is left of the options once the known ones are taken: misspelt, or in the wrong place, and never ignored. */
export function refuseUnknown(rest: object, within = ''): void {
  const [name] = Object.keys(rest)
  if (name !== undefined) throw new RequestError('options', `${within}${name}: there is no such option`)
}
