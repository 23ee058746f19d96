/**
 * From a client's certificate to its one name. The TLS library has already checked the chain; what it does not check is
 * here: that the certificate is a leaf, is for clients, carries exactly one name, and was issued by an authority that may
 * vouch for it. Leaf and name rules: the X.509-SVID standard of SPIFFE, sections 2, 4 and 5, but for one: a leaf whose
 * key usage alone allows signing is accepted, since Node does not show key usage. What such a leaf signs is refused, as
 * its issuer is in no authority's file.
 *
 * A URI name decides where there is one, and must then be a SPIFFE id; else the DNS name. Common names are ignored.
 */
import type { X509Certificate } from 'node:crypto'
import type { Authority } from './authorities.ts'
import { issued } from './chain.ts'
import { problemWithName } from './names.ts'
import type { Refusal, Rule } from './refusals.ts'

/** id-kp-clientAuth: RFC 5280, section 4.2.1.12. */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** The typed name that the certificate proves, or why it proves none. Only for certificates whose chain verified. */
export function nameOf(certificate: X509Certificate, authorities: readonly Authority[]): string | Refusal {
  const refuse = (refused: Rule): Refusal => ({ refused, fingerprint: certificate.fingerprint256 })
  if (certificate.ca) return refuse('authority-certificate')
  // In Node, `keyUsage` holds the extended key usages; without that extension it is undefined.
  if (!certificate.keyUsage?.includes(CLIENT_AUTH)) return refuse('no-client-auth')
  const text = certificate.subjectAltName ?? ''
  // Node quotes each name that holds a comma, a quote, a backslash or a control character. No name that is accepted
  // holds one, so a text without quotes splits safely.
  if (text.includes('"')) return refuse('bad-name')
  const entries = text.split(', ')
  const uris = entries.filter((entry) => entry.startsWith('URI:'))
  const dns = entries.filter((entry) => entry.startsWith('DNS:'))
  if (uris.length > 1 || (uris.length === 0 && dns.length > 1)) return refuse('several-names')
  const name = uris[0]?.slice('URI:'.length) ?? dns[0]?.toLowerCase()
  if (name === undefined) return refuse('no-name')
  if (uris.length === 1 && !name.startsWith('spiffe://')) return refuse('bad-name')
  if (problemWithName(name) !== undefined) return refuse('bad-name')
  const issuers = authorities.filter(({ certificates }) => certificates.some((issuer) => issued(certificate, issuer)))
  if (issuers.length === 0) return refuse('unlisted-issuer')
  return issuers.every(({ vouching }) => vouching.covers(name)) ? name : refuse('not-vouched')
}
