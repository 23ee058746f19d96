/**
 * The request headers that a store understands, parsed strictly: a header that is there and is not understood is an
 * error, because a condition or a TTL that was silently ignored would change what the client believes.
 */

/** `match: '*'` = the key must exist. */
export type Precondition = { readonly absent: true } | { readonly match: '*' | readonly string[] }

const TTL = /^[1-9][0-9]{0,9}$/

/** Seconds from `Holdfast-TTL`, `fallback` if it is absent. */
export function parseTtl(header: string | undefined, fallback: number, most: number): number | 'bad-ttl' {
  if (header === undefined) return fallback
  if (!TTL.test(header)) return 'bad-ttl'
  const ttl = Number(header)
  return ttl <= most ? ttl : 'bad-ttl'
}

/** One entity tag (RFC 9110 section 8.8.3) and what may follow it in a list. */
const ENTITY_TAG = /[ \t]*(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)/y

/**
 * The condition of a write; `undefined` if it has none. Weak tags are dropped from a list, since If-Match compares
 * strongly and they can never match; what remains may be empty, and then nothing matches.
 */
export function parsePrecondition(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
): Precondition | undefined | 'bad-condition' {
  if (ifNoneMatch !== undefined)
    return ifNoneMatch === '*' && ifMatch === undefined ? { absent: true } : 'bad-condition'
  if (ifMatch === undefined) return undefined
  if (ifMatch === '*') return { match: '*' }
  const tags: string[] = []
  ENTITY_TAG.lastIndex = 0
  while (ENTITY_TAG.lastIndex < ifMatch.length) {
    const found = ENTITY_TAG.exec(ifMatch)
    if (found === null) return 'bad-condition'
    if (found[1] === undefined) tags.push(found[2]!)
  }
  return ifMatch.trim() === '' || ifMatch.trimEnd().endsWith(',') ? 'bad-condition' : { match: tags }
}

/**
 * Whether `Prefer` (RFC 7240) asks for the representation. Preferences that are unknown or malformed are ignored, as the
 * RFC demands; of a repeated one the first counts.
 */
export function prefersRepresentation(header: string | undefined): boolean {
  if (header === undefined) return false
  for (const preference of header.split(',')) {
    const [name, value] = preference.split(';', 1)[0]!.split('=', 2)
    if (name!.trim().toLowerCase() !== 'return') continue
    const token = (value ?? '').trim()
    return token === 'representation' || token === '"representation"'
  }
  return false
}
