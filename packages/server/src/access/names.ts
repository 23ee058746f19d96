/**
 * The names of callers, and which of them an authority may put into a certificate.
 *
 * A name is typed and exact: `spiffe://domain/path`, `dns:host` or `basic:name`. There is one spelling for each, so names
 * can be compared as text: whatever is not in that spelling is refused, never mended (except that DNS names in
 * certificates are lowered, since DNS ignores case). Patterns exist only where an authority is limited, never in a grant.
 *
 * Rules of SPIFFE ids: the SPIFFE standard, "The SPIFFE Identity and Verifiable Identity Document", section 2.
 */

/** Bytes of the longest SPIFFE id. */
const MAX_SPIFFE = 2048

const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/
const SEGMENT = /^[A-Za-z0-9._-]+$/
const HOST =
  /^(?=.{1,253}$)(?!.*\.\d+$)(?!\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/
const BASIC = /^[a-z0-9][a-z0-9_-]{0,63}$/

/** What is wrong with a caller's name, or nothing. */
export function problemWithName(name: string): string | undefined {
  if (name.startsWith('spiffe://')) return problemWithSpiffe(name)
  if (name.startsWith('dns:')) return HOST.test(name.slice(4)) ? undefined : 'not a host name in lower case'
  if (name.startsWith('basic:'))
    return BASIC.test(name.slice(6)) ? undefined : 'not 1-64 characters of a-z, 0-9, _ and -'
  return 'not a name that begins with spiffe://, dns: or basic:'
}

/** What is wrong with an entry of `vouchesFor`, or nothing. */
export function problemWithVouching(entry: string): string | undefined {
  if (entry.startsWith('dns:*.')) return problemWithName(`dns:${entry.slice(6)}`)
  if (/^spiffe:\/\/[^/]*$/.test(entry)) {
    return TRUST_DOMAIN.test(entry.slice(9)) ? undefined : 'not a trust domain of a-z, 0-9, ., _ and -'
  }
  return entry.startsWith('basic:') ? 'an authority cannot vouch for secrets' : problemWithName(entry)
}

/** The names that an authority may vouch for, from entries that {@link problemWithVouching} has nothing against. */
export class Vouching {
  readonly #entries: ReadonlySet<string>

  constructor(entries: readonly string[]) {
    this.#entries = new Set(entries)
  }

  covers(name: string): boolean {
    if (this.#entries.has(name)) return true
    if (name.startsWith('spiffe://')) return this.#entries.has(name.slice(0, name.indexOf('/', 9)))
    const dot = name.indexOf('.')
    return name.startsWith('dns:') && dot > 0 && this.#entries.has(`dns:*${name.slice(dot)}`)
  }
}

function problemWithSpiffe(name: string): string | undefined {
  if (name.length > MAX_SPIFFE) return `longer than ${MAX_SPIFFE} bytes`
  const [domain, ...segments] = name.slice(9).split('/')
  if (!TRUST_DOMAIN.test(domain!)) return 'its trust domain is not of a-z, 0-9, ., _ and -'
  if (segments.length === 0) return 'it names a whole trust domain: a caller has a path'
  for (const segment of segments) {
    if (!SEGMENT.test(segment) || segment === '.' || segment === '..') {
      return 'a part of its path is empty, is a dot, or has a character outside A-Z, a-z, 0-9, ., _ and -'
    }
  }
  return undefined
}
