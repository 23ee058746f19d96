/**
 * From a client's certificate to its one name. The TLS library has already checked the chain; what it does not check is
 * here: that the certificate is a leaf, is for clients, carries exactly one name, and was issued by an authority that may
 * vouch for it. Leaf and name rules: the X.509-SVID standard of SPIFFE, sections 2, 4 and 5.
 *
 * A URI name decides where there is one, and must then be a SPIFFE id; else the DNS name. Common names are ignored.
 */
import type { X509Certificate } from 'node:crypto'
import type { Authority } from './authorities.ts'
import { type CertificateFacts, certificateFacts } from './der.ts'
import { problemWithName } from './names.ts'
import type { Refusal, Rule } from './refusals.ts'

/** The typed name that the certificate proves, or why it proves none. Only for certificates whose chain verified. */
export function nameOf(certificate: X509Certificate, authorities: readonly Authority[]): string | Refusal {
  const refuse = (refused: Rule): Refusal => ({ refused, fingerprint: certificate.fingerprint256 })
  let facts: CertificateFacts
  try {
    facts = certificateFacts(certificate.raw)
  } catch {
    return { ...refuse('bad-certificate'), detail: 'DER' }
  }
  if (certificate.ca || facts.signs) return refuse('authority-certificate')
  if (!facts.clientAuth) return refuse('no-client-auth')
  const { uris, dns } = facts
  if (uris.length > 1 || (uris.length === 0 && dns.length > 1)) return refuse('several-names')
  if (uris.length + dns.length === 0) return refuse('no-name')
  const name = uris[0] ?? `dns:${dns[0]!.toLowerCase()}`
  if (uris.length === 1 && !name.startsWith('spiffe://')) return refuse('bad-name')
  if (problemWithName(name) !== undefined) return refuse('bad-name')
  const issuers = authorities.filter(({ certificates }) => certificates.some((issuer) => issued(certificate, issuer)))
  if (issuers.length === 0) return refuse('unlisted-issuer')
  return issuers.every(({ vouching }) => vouching.covers(name)) ? name : refuse('not-vouched')
}

function issued(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
