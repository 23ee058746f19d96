/**
 * Callers with a secret, for clients that cannot hold a certificate (RFC 7617 over TLS).
 *
 * The configuration holds SHA-256 of each secret. That is enough because secrets are 256 random bits, not passwords of
 * people: there is nothing to guess. Comparing takes the same time for a wrong secret and for a name that nobody has, so
 * the time tells nothing.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import type { Rule } from './refusals.ts'

/** One such caller: `basic:NAME`. */
export interface BasicSecret {
  readonly name: string
  /** Hex, lower case. */
  readonly secretSha256: string
}

/** What a name that nobody has is compared with; no secret has this hash that anybody could find. */
const NOBODY = Buffer.alloc(32)

export class BasicSecrets {
  readonly #hashes: ReadonlyMap<string, Buffer>

  constructor(secrets: readonly BasicSecret[]) {
    this.#hashes = new Map(secrets.map(({ name, secretSha256 }) => [name, Buffer.from(secretSha256, 'hex')]))
  }

  /** The typed name that an Authorization header proves, or the rule that refuses it. */
  check(header: string | undefined): { readonly name: string } | Rule {
    if (header === undefined) return 'no-secret'
    const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1]
    if (encoded === undefined) return 'bad-secret'
    const text = Buffer.from(encoded, 'base64').toString('latin1')
    const colon = text.indexOf(':')
    const name = text.slice(0, Math.max(0, colon))
    const known = this.#hashes.get(name)
    const same = timingSafeEqual(hash('sha256', text.slice(colon + 1), 'buffer'), known ?? NOBODY)
    return same && known !== undefined ? { name: `basic:${name}` } : 'bad-secret'
  }
}
