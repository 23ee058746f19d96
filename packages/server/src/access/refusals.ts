/**
 * Every rule by which a connection or a request is refused before anybody looks at what it asks: one table, for the
 * audit log and for its reference page. The peer learns less: a refused handshake is closed, a refused request gets 401
 * or 403.
 */

export const REFUSALS = {
  'plain-http': 'The peer speaks plain HTTP to a TLS port.',
  'old-protocol': 'The peer offers no TLS version that this listener accepts.',
  'no-cipher': 'The peer offers no cipher suite, group or signature algorithm that this listener accepts.',
  timeout: 'The handshake took longer than `timeouts.handshake`.',
  'too-many-handshakes':
    "More connections were nobody's yet than `limits.handshakes`, or more than half of it from one address.",
  'peer-refused': "The peer refused this server's certificate; `detail` is its alert.",
  'bad-handshake': 'The handshake failed otherwise; `detail` is the code of the TLS library.',
  'no-certificate': 'The peer showed no certificate.',
  'unknown-authority': 'No configured authority issued the certificate, whatever issuer it names.',
  'unlisted-issuer': "The certificate's issuer is below a configured authority but not in its file.",
  expired: 'The certificate, or one above it, is past its end.',
  'not-yet-valid': 'The certificate, or one above it, begins later.',
  revoked: 'The certificate, or one above it, is on a revocation list.',
  'no-revocation-list': 'A certificate of the chain has no revocation list, and lists are configured.',
  'stale-revocation-list': 'A revocation list is past its next update, or begins later.',
  'bad-certificate': 'The certificate does not verify for another reason; `detail` is the code of the TLS library.',
  'no-client-auth': 'The certificate is not for clients: its extended key usage lacks clientAuth.',
  'authority-certificate':
    'The certificate is that of an authority (it may sign others); those never identify a caller.',
  'no-name': 'The certificate has no URI name and no DNS name. A common name identifies nobody.',
  'several-names': 'The certificate has more than one URI name, or no URI name and more than one DNS name.',
  'bad-name':
    'The name is not a SPIFFE id with a path, or not a host name; or a name of the certificate, of whatever kind, has a comma, a quote, a backslash or a control character.',
  'not-vouched': 'The authority that issued the certificate may not vouch for this name.',
  resumed: 'The peer resumed a TLS session, which this server never offers.',
  'no-secret': 'The request has no basic secret.',
  'bad-secret': 'The basic secret is wrong, or is of nobody here.',
  'no-grant': 'No grant gives this caller this operation on this store.',
  'wrong-network': "A grant does, but not from the peer's network.",
} as const satisfies Record<string, string>

export type Rule = keyof typeof REFUSALS

/** Why somebody is nobody. */
export interface Refusal {
  readonly refused: Rule
  /** SHA-256 of the certificate, if one was shown. */
  readonly fingerprint?: string
  /** The TLS library's code, where the rule says less. */
  readonly detail?: string
}

/** Codes of OpenSSL's verification, as Node puts them into `authorizationError`. */
const CHAIN: Readonly<Record<string, Rule>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not-yet-valid',
  CERT_REVOKED: 'revoked',
  CERT_SIGNATURE_FAILURE: 'unknown-authority',
  UNABLE_TO_GET_CRL: 'no-revocation-list',
  CRL_HAS_EXPIRED: 'stale-revocation-list',
  CRL_NOT_YET_VALID: 'stale-revocation-list',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'unknown-authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown-authority',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown-authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown-authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown-authority',
  INVALID_PURPOSE: 'no-client-auth',
}

/** Codes of a handshake that failed, as 'tlsClientError' has them. */
const HANDSHAKE: Readonly<Record<string, Rule>> = {
  ERR_SSL_HTTP_REQUEST: 'plain-http',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'old-protocol',
  ERR_SSL_WRONG_VERSION_NUMBER: 'old-protocol',
  ERR_SSL_VERSION_TOO_LOW: 'old-protocol',
  ERR_SSL_NO_SHARED_CIPHER: 'no-cipher',
  ERR_SSL_NO_SHARED_GROUP: 'no-cipher',
  ERR_SSL_NO_SUITABLE_KEY_SHARE: 'no-cipher',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'no-cipher',
  ERR_SSL_NO_SHARED_SIGNATURE_ALGORITHMS: 'no-cipher',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'timeout',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'no-certificate',
}

/** The refusal of a certificate whose chain does not verify. */
export function chainRefusal(code: string, fingerprint: string): Refusal {
  const rule = CHAIN[code]
  return rule === undefined ? { refused: 'bad-certificate', fingerprint, detail: code } : { refused: rule, fingerprint }
}

/** The refusal of a handshake that failed. */
export function handshakeRefusal(code: string): Refusal {
  const rule = HANDSHAKE[code]
  if (rule !== undefined) return { refused: rule }
  return { refused: /ALERT/.test(code) ? 'peer-refused' : 'bad-handshake', detail: code }
}
