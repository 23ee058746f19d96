/**
 * Words that must turn up nowhere but where they belong. Every key and value of a run carries one, with the number of
 * the request that owns it, so a stray one names the request it leaked from. Logs are also searched for the ways in which
 * Node prints a Buffer (decimal JSON, hex) and for base64 in its three alignments.
 */

const WORD = 'canary'
const PATTERN = new RegExp(`${WORD}-(key|value)-([0-9a-z]+)-end`, 'g')

export type CanaryKind = 'key' | 'value'

export const canary = (kind: CanaryKind, owner: number): string => `${WORD}-${kind}-${owner.toString(36)}-end`

export interface Sighting {
  kind: CanaryKind
  owner: number
}

/** Every canary in the text. A latin1 reading of the bytes is enough: canaries are ASCII. */
export function sightings(text: string): Sighting[] {
  if (!text.includes(WORD)) return []
  return [...text.matchAll(PATTERN)].map((match) => ({
    kind: match[1] as CanaryKind,
    owner: Number.parseInt(match[2] as string, 36),
  }))
}

/** The word in every dress: as it is, hex, the decimals of a printed Buffer, base64 at each alignment. */
const DRESSES: readonly string[] = [
  WORD,
  Buffer.from(WORD).toString('hex'),
  [...Buffer.from(WORD)].join(','),
  [...Buffer.from(WORD)].map((byte) => byte.toString(16)).join(' '),
  // Only the characters that do not depend on neighbouring bytes.
  Buffer.from(WORD).toString('base64'),
  Buffer.from(`?${WORD}`).toString('base64').slice(2, 9),
  Buffer.from(`??${WORD}`).toString('base64').slice(3, 10),
]

/** The first line that holds a canary in any dress. */
export function lineWithCanary(lines: readonly string[]): string | undefined {
  return lines.find((line) => DRESSES.some((dress) => line.includes(dress)))
}
