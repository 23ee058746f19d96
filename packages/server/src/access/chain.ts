/**
 * Whether a certificate still stands, and until when: by the dates and the revocation lists of the authorities that are
 * configured now, up to a root. OpenSSL asks the same at each handshake, with what was configured when it began. It never
 * asks again: this is for connections that were open when that changed, and for the moment at which they end by
 * themselves. It judges certificates whose chain OpenSSL has verified once, and nothing else.
 */
import type { X509Certificate } from 'node:crypto'
import type { Authority } from './authorities.ts'
import type { Rule } from './refusals.ts'
import { serialOf } from './revocation-list.ts'

/** Whether this issuer signed this certificate. */
export function issued(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

export class Chains {
  readonly #authorities: readonly Authority[]
  /** When the authorities' own certificates end, or why they do not stand; never what the clock says of it. */
  readonly #known = new Map<X509Certificate, number | Rule>()

  constructor(authorities: readonly Authority[]) {
    this.#authorities = authorities
  }

  /** Unix ms at which the certificate, or the last chain above it, ends; or the rule by which it stands no longer. */
  until(certificate: X509Certificate, now = Date.now()): number | Rule {
    if (certificate.validToDate.getTime() <= now) return 'expired'
    const end = this.#endOf(certificate)
    return typeof end === 'number' && end <= now ? 'expired' : end
  }

  #endOf(certificate: X509Certificate): number | Rule {
    const end = certificate.validToDate.getTime()
    const serial = serialOf(certificate)
    let best: number | Rule = 'unknown-authority'
    for (const { certificates, revoked } of this.#authorities) {
      for (const issuer of certificates) {
        if (!issued(certificate, issuer)) continue
        if (revoked.get(issuer)?.has(serial)) return 'revoked'
        const above = this.#endOfIssuer(issuer)
        if (typeof above === 'number') best = Math.max(typeof best === 'number' ? best : 0, Math.min(end, above))
        else if (typeof best === 'string') best = above
      }
    }
    return best
  }

  #endOfIssuer(issuer: X509Certificate): number | Rule {
    const known = this.#known.get(issuer)
    if (known !== undefined) return known
    // Whatever stands in a circle does not stand.
    this.#known.set(issuer, 'unknown-authority')
    const found = issued(issuer, issuer) ? issuer.validToDate.getTime() : this.#endOf(issuer)
    this.#known.set(issuer, found)
    return found
  }
}
