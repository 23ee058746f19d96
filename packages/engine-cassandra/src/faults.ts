/**
 * What went wrong, typed by what a caller may conclude. The rule is DESIGN's: never infer from the answer of one call what
 * its replicas did. A write is `EngineUnavailable` only where it is certain that no replica was asked; whatever else
 * happened to it, it may have been done. A read that failed is `EngineUnavailable`, never "absent".
 *
 * Codes are those of the native protocol (v5, section 9). Messages name Cassandra's trouble and never an address.
 */
import { EngineRefused, EngineUnavailable, EngineUnconfirmed } from '@holdfast/engine'
import cassandra from 'cassandra-driver'

const { responseErrorCodes } = cassandra.types
const {
  ArgumentError,
  AuthenticationError,
  NoHostAvailableError,
  BusyConnectionError,
  OperationTimedOutError,
  ResponseError,
} = cassandra.errors

/**
 * The coordinator refused before it asked a replica. Time-outs and failures are not among them; nor is "overloaded", which
 * a coordinator may also answer when it has asked some of the replicas and cannot keep hints for the others.
 */
const REFUSED_BEFORE: ReadonlySet<number> = new Set([
  responseErrorCodes.unavailableException,
  responseErrorCodes.isBootstrapping,
  responseErrorCodes.unauthorized,
  responseErrorCodes.syntaxError,
  responseErrorCodes.invalid,
  responseErrorCodes.unprepared,
])

/** This role may not. */
export function isForbidden(error: unknown): boolean {
  if (error instanceof NoHostAvailableError) return Object.values(error.innerErrors ?? {}).some(isForbidden)
  return error instanceof ResponseError && error.code === responseErrorCodes.unauthorized
}

/** There is no such thing, or it cannot be asked so. */
export function isInvalid(error: unknown): boolean {
  return error instanceof ResponseError && error.code === responseErrorCodes.invalid
}

/** Replicas that were needed do not answer, as far as can be told: asking for something else now is no use either. */
export function isAway(error: unknown): boolean {
  if (error instanceof ResponseError) {
    return error.code === responseErrorCodes.unavailableException || error.code === responseErrorCodes.writeTimeout
  }
  return error instanceof EngineUnconfirmed || nothingRan(error)
}

/** Certain that nothing of a plain statement ran. */
export function nothingRan(error: unknown): boolean {
  if (error instanceof EngineUnavailable || error instanceof BusyConnectionError) return true
  if (error instanceof ResponseError) return REFUSED_BEFORE.has(error.code)
  // Each host that was tried is listed with why it was given up; none listed: none was connected.
  if (error instanceof NoHostAvailableError) return Object.values(error.innerErrors ?? {}).every(nothingRan)
  return false
}

export function readFault(error: unknown): EngineUnavailable {
  return error instanceof EngineUnavailable
    ? error
    : new EngineUnavailable(`Cassandra: ${tell(error)}`, { cause: error })
}

export function writeFault(error: unknown): EngineUnavailable | EngineUnconfirmed {
  if (error instanceof EngineUnconfirmed) return error
  if (nothingRan(error)) return readFault(error)
  return new EngineUnconfirmed(`Cassandra: ${tell(error)}`, { cause: error })
}

/**
 * Of a conditional statement or a batch, which have several steps: any of them may be refused after another was done, so
 * only what was never sent is certain not to have run.
 */
export function stepsFault(error: unknown): EngineUnavailable | EngineUnconfirmed {
  if (error instanceof ResponseError && error.code !== responseErrorCodes.unauthorized) {
    return new EngineUnconfirmed(`Cassandra: ${tell(error)}`, { cause: error })
  }
  return writeFault(error)
}

/** Of a start: what asking again cannot mend is refused, with what to do. */
export function connectFault(error: unknown): EngineRefused | EngineUnavailable {
  const inner = error instanceof NoHostAvailableError ? Object.values(error.innerErrors ?? {}) : [error]
  if (inner.some((one) => one instanceof AuthenticationError)) {
    return new EngineRefused(
      'Cassandra does not take this user name and password',
      'give the role a password, or mend the file that holds it',
    )
  }
  // The driver's own words name the datacenters that there are.
  const wrong = inner.find((one) => one instanceof ArgumentError)
  if (wrong !== undefined)
    return new EngineRefused((wrong as Error).message, 'name the datacenter in which this instance runs')
  const tls = inner.map((one) => tlsTrouble((one as NodeJS.ErrnoException).code))
  // Another node may be down, and be the one that is as it should be.
  if (tls.length > 0 && tls.every((one) => one !== undefined)) return new EngineRefused(...tls[0]!)
  return new EngineUnavailable(`Cassandra cannot be reached: ${tell(error)}`, { cause: error })
}

/** What a handshake failed on, and what mends it. */
const TLS_TROUBLE: readonly [codes: RegExp, what: string, mend: string][] = [
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "the nodes' certificates are for other names",
    'engine.cassandra.tls.names, if they are for names that you trust; else certificates for the addresses of the nodes',
  ],
  [
    /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_SIGNATURE_|CERT_UNTRUSTED|INVALID_CA)/,
    "the nodes' certificates are of an authority that is not in tls.ca",
    'check that it is the authority of the nodes, whole; and that nobody sits in between',
  ],
  [
    /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    "the nodes' certificates are not of this time",
    'renew them, or set the clock',
  ],
  [
    /^ERR_SSL_.*ALERT/,
    'the nodes do not take the certificate that is shown to them, or ask for one and are shown none',
    'engine.cassandra.tls.certificate and key, of an authority in their truststore',
  ],
  [
    /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/,
    'the nodes speak no TLS on this port',
    'client_encryption_options: { enabled: true, … } in cassandra.yaml of every node',
  ],
]

function tlsTrouble(code: string | undefined): [what: string, mend: string] | undefined {
  const found = TLS_TROUBLE.find(([codes]) => codes.test(code ?? ''))
  return found && [`${found[1]} (${code})`, found[2]]
}

/** In a few words, without what was asked: the driver's own messages may quote the statement's parameters. */
export function tell(error: unknown): string {
  if (error instanceof ResponseError) {
    const name = Object.entries(responseErrorCodes).find(([, code]) => code === error.code)?.[0] ?? 'unknown'
    return `${name} (0x${error.code.toString(16)})`
  }
  if (error instanceof NoHostAvailableError) {
    const inner = Object.values(error.innerErrors ?? {}).map(tell)
    return inner.length === 0 ? 'no node can be reached' : `no node answered: ${[...new Set(inner)].join(', ')}`
  }
  if (error instanceof OperationTimedOutError) return 'no answer in time'
  const { code, name } = error as NodeJS.ErrnoException
  return code === undefined || typeof code !== 'string' ? (name ?? 'unknown fault') : `${name} ${code}`
}
