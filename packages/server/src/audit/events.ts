/**
 * The events of the audit log and their fields: one table, from which the types, the lines and the reference page come.
 *
 * A field that the table does not list for an event never reaches a line, whatever a caller passes. None of them can hold
 * a key, a value, a secret or a request URL.
 */

type Kind = 'text' | 'number'

/** Every field that an event can have, in the order in which a line shows them. */
export const FIELDS = {
  version: { kind: 'text', says: 'Version of the server.' },
  of: { kind: 'text', says: 'The event whose lines were held back.' },
  count: { kind: 'number', says: 'How many lines were held back.' },
  seconds: { kind: 'number', says: 'Length of the time they were counted over, in seconds.' },
  listener: { kind: 'text', says: 'The listener: `public`, `basic` or `admin`.' },
  caller: { kind: 'text', says: 'The proven name: `spiffe://…`, `dns:…` or `basic:…`.' },
  fingerprint: {
    kind: 'text',
    says: 'SHA-256 of the certificate shown, as `openssl x509 -fingerprint -sha256` prints it.',
  },
  network: {
    kind: 'text',
    says: "The peer's network, /24 for IPv4 and /48 for IPv6, never its whole address.",
  },
  rule: { kind: 'text', says: 'The rule that refused.' },
  detail: { kind: 'text', says: "The TLS library's own code, where it says more than the rule." },
  store: { kind: 'text', says: 'Name of the store.' },
  operation: { kind: 'text', says: 'What was asked for: `read`, `write` or `end`.' },
  cause: { kind: 'text', says: 'Why it happened.' },
  changed: { kind: 'text', says: 'The kinds of what changed, never what it is.' },
  outcome: { kind: 'text', says: 'What the caller was told.' },
  keyId: { kind: 'number', says: 'Id of the sealing key that the record names.' },
  requestId: { kind: 'text', says: 'The request id, which is also in the answer and in the log.' },
} as const satisfies Record<string, { kind: Kind; says: string }>

export type Field = keyof typeof FIELDS

interface EventRule {
  readonly says: string
  /** Fields that every such line has. */
  readonly always: readonly Field[]
  /** Fields that it has where they are known. */
  readonly sometimes: readonly Field[]
  /** Lines beyond a rate are counted instead of written. Endings never are. */
  readonly bounded: boolean
}

export const EVENTS = {
  start: {
    says: 'The server accepts requests.',
    always: ['version'],
    sometimes: [],
    bounded: false,
  },
  stop: {
    says: 'The server stops. `cause` is the signal or the fault.',
    always: ['cause'],
    sometimes: [],
    bounded: false,
  },
  'handshake-refused': {
    says: 'A connection ended before any request: the TLS handshake failed, or the certificate names nobody here.',
    always: ['listener', 'rule'],
    sometimes: ['fingerprint', 'network', 'detail'],
    bounded: true,
  },
  'connection-ended': {
    says: 'An open connection was closed, after the requests that were complete: its caller is nobody here any more, by what was reloaded or because its certificate ended.',
    always: ['listener', 'caller', 'rule'],
    sometimes: ['fingerprint', 'network'],
    bounded: true,
  },
  reload: {
    says: 'Configuration and files were read anew. `cause` is the signal, `files` if they changed, or `retry` some time after a failure; `outcome` is `done`, or `failed`: then the old ones stay in use.',
    always: ['cause', 'outcome'],
    sometimes: ['changed'],
    bounded: false,
  },
  'request-refused': {
    says: 'A request was refused: 401 or 403.',
    always: ['rule'],
    sometimes: ['listener', 'caller', 'network', 'store', 'operation', 'requestId'],
    bounded: true,
  },
  ended: {
    says: 'A record was ended. `cause` is `request`; `outcome` is `done`, `pending` or the fault that was answered.',
    always: ['caller', 'store', 'cause', 'outcome', 'requestId'],
    sometimes: [],
    bounded: false,
  },
  taken: {
    says: 'A record was read and ended in one step; fields as for `ended`.',
    always: ['caller', 'store', 'cause', 'outcome', 'requestId'],
    sometimes: [],
    bounded: false,
  },
  unreadable: {
    says: 'A record does not open: damaged, moved, prolonged, or sealed with a key that this instance does not have. `cause` says which.',
    always: ['store', 'cause'],
    sometimes: ['caller', 'keyId', 'requestId'],
    bounded: true,
  },
  suppressed: {
    says: 'Lines of a bounded event that were counted instead of written, alike in all the fields shown.',
    always: ['of', 'count', 'seconds'],
    sometimes: ['listener', 'caller', 'network', 'rule', 'store', 'operation', 'cause'],
    bounded: false,
  },
} as const satisfies Record<string, EventRule>

export type EventName = keyof typeof EVENTS
type Value<F extends Field> = (typeof FIELDS)[F]['kind'] extends 'number' ? number : string

/** What {@link Audit.record} takes: the fields of the table and no other. */
export type AuditEvent = {
  [E in EventName]: { readonly event: E } & { readonly [F in (typeof EVENTS)[E]['always'][number]]: Value<F> } & {
    readonly [F in (typeof EVENTS)[E]['sometimes'][number]]?: Value<F> | undefined
  }
}[EventName]

/** The fields of an event in the order of {@link FIELDS}. */
export function fieldsOf(event: EventName): readonly Field[] {
  const rule: EventRule = EVENTS[event]
  return (Object.keys(FIELDS) as Field[]).filter(
    (field) => rule.always.includes(field) || rule.sometimes.includes(field),
  )
}
