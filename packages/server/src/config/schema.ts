/**
 * Every key of the configuration file: its type, its default, its range and what it means. The reader, the commented
 * `holdfast.yaml` of `holdfast init`, and docs/reference/configuration.md all come from here. What one key alone cannot
 * say (a grant names a store that exists, a TTL fits its maximum) is in ./rules.ts; where records live, in ./engine-schema.ts.
 *
 * Defaults are the safe choice: TLS 1.3, admin on loopback, nobody granted anything, everything bounded.
 */
import Type, { type Static } from 'typebox'
import { Engine } from './engine-schema.ts'
import { choice, count, duration, type Field, file, seconds, share, size, text } from './fields.ts'

const NAME = '^[a-z0-9][a-z0-9_-]{0,63}$'
const NAME_FORM = '1-64 characters of a-z, 0-9, _ and -, beginning with a letter or a digit'

const MINIMUM_VERSION = choice(['TLSv1.3', 'TLSv1.2'], {
  description: 'Oldest TLS version accepted. TLSv1.2 only for clients that cannot do better.',
  default: 'TLSv1.3',
})
const port = (description: string, fallback: number) =>
  count({ description: `${description} 0 lets the system choose.`, default: fallback, minimum: 0, maximum: 65_535 })

const tls = {
  certificate: file({ description: "The server's certificate and its chain, PEM.", sample: 'tls/server.pem' }),
  key: file({ description: 'Its private key, PEM.', sample: 'tls/server-key.pem' }),
  minVersion: MINIMUM_VERSION,
}
const host = Type.String({ description: 'Address to listen on. 0.0.0.0 is every IPv4 address.', default: '0.0.0.0' })

const Listen = Type.Object(
  { host, port: port('Port of the listener.', 8443), ...tls },
  { description: 'The public listener. Clients prove who they are by certificate; without one the handshake fails.' },
)

const BasicListen = Type.Object(
  { host, port: port('Port of the listener.', 8445), ...tls },
  {
    description:
      'A second listener, for clients that cannot hold a certificate: they send a secret from `basic` in the ' +
      'Authorization header. Never certificate-optional on one port.',
  },
)

const Admin = Type.Object(
  {
    host: Type.String({
      description: 'Address to listen on. Anywhere but loopback, `certificate` and `key` are required.',
      default: '127.0.0.1',
    }),
    port: port('Port of the listener.', 8444),
    hosts: Type.Array(text({ description: 'A host name, without port.' }), {
      description:
        'Host names that a request may ask for, exactly. This stops a page in a browser from reading the listener.',
      default: ['localhost', '127.0.0.1', '[::1]'],
    }),
    certificate: Type.Optional(
      file({ description: 'Certificate of the admin listener, PEM.', sample: 'tls/server.pem' }),
    ),
    key: Type.Optional(file({ description: 'Its private key, PEM.', sample: 'tls/server-key.pem' })),
  },
  { description: 'Probes and metrics: /livez, /readyz, /metrics. GET only, no data.', default: {} },
)

const Authority = Type.Object(
  {
    name: text({ description: 'A name for logs and metrics.', pattern: NAME, form: NAME_FORM, sample: 'internal' }),
    certificate: file({ description: "The authority's certificate, PEM.", sample: 'tls/ca.pem' }),
    crl: Type.Optional(
      file({
        description:
          'Its list of revoked certificates, PEM; without one a revoked certificate is good until its end. Either every authority has one or none has.',
        sample: 'tls/ca.crl',
        shown: true,
      }),
    ),
    vouchesFor: Type.Array(
      text({
        description:
          'spiffe://domain (a whole trust domain), spiffe://domain/path, dns:host, or dns:*.host (one label).',
      }),
      {
        description: 'Names this authority may put into a certificate. Any other name from it is refused.',
        minItems: 1,
        sample: ['spiffe://example.org'],
      },
    ),
  },
  { description: 'Authorities that issue client certificates.' },
)

const Basic = Type.Object(
  {
    name: text({
      description: 'The caller is basic:NAME; the client sends NAME as its user name.',
      pattern: NAME,
      form: NAME_FORM,
      sample: 'legacy-wiki',
    }),
    secretSha256: text({
      description: 'SHA-256 of the secret, hex. The secret is 32 random bytes in base64url, not a password of people.',
      pattern: '^[0-9a-f]{64}$',
      form: '64 hex digits, lower case',
      hidden: true,
      sample: '0000000000000000000000000000000000000000000000000000000000000000',
    }),
  },
  { description: 'Callers with a secret, for `basicListen`.' },
)

const Grant = Type.Object(
  {
    callers: Type.Array(
      text({
        description: 'spiffe://…, dns:NAME or basic:NAME.',
      }),
      { description: 'Who: exact names, no patterns.', minItems: 1, sample: ['spiffe://example.org/mediawiki'] },
    ),
    stores: Type.Array(text({ description: 'Path of a store.' }), {
      description: 'Where: paths of stores.',
      minItems: 1,
      sample: ['sessions'],
    }),
    operations: Type.Array(
      choice(['read', 'write', 'end'], { description: 'read = GET and HEAD, write = PUT and POST, end = DELETE.' }),
      {
        description: 'What. Conditions and take (DELETE that returns the value) also need `read`.',
        minItems: 1,
        sample: ['read', 'write', 'end'],
      },
    ),
    networks: Type.Optional(
      Type.Array(text({ description: 'A network (10.0.0.0/8) or an address.' }), {
        description:
          "From where, by the connection's peer address. Absent = anywhere. Forwarded headers are never read.",
        minItems: 1,
        sample: ['10.0.0.0/8'],
      }),
    ),
  },
  { description: 'Who may do what, where. No grant, no answer.' },
)

const Store = Type.Object(
  {
    path: text({
      description: "The store's name, and its place in the URL: /PATH/v1/KEY.",
      pattern: NAME,
      form: NAME_FORM,
      sample: 'sessions',
    }),
    final: Type.Boolean({
      description: 'An ended key stays ended: no late write brings it back. False = the key may be written again.',
      default: true,
    }),
    atomic: choice(['no', 'datacenter', 'global'], {
      description: 'How exact conditions and takes are; `no` refuses them. The embedded engine is exact either way.',
      default: 'datacenter',
    }),
    ttl: seconds({ description: 'Life of a value that asks for none.', default: '1d', from: '1s', to: '10y' }),
    maxTtl: seconds({ description: 'Longest life that a write may ask for.', default: '1d', from: '1s', to: '10y' }),
    maxValue: size({ description: 'Largest value.', default: '4MiB', from: '1B', to: '64MiB' }),
    logout: choice(['everywhere', 'local'], {
      description:
        'everywhere: DELETE succeeds only when a quorum of every datacenter holds it. local: this datacenter is enough.',
      default: 'everywhere',
    }),
    skipUnchanged: share({
      description:
        'Writing the value that is already there is skipped while more than this share of its TTL remains. 1 = never skip.',
      default: 0.9,
      minimum: 0,
      maximum: 1,
    }),
  },
  { description: 'The stores.' },
)

const Keys = Type.Object(
  {
    stores: Type.Object(
      {
        file: file({
          description: 'The keyset file. Back it up, apart from the database.',
          sample: 'keys/stores.json',
        }),
        passphraseFile: Type.Optional(
          file({
            description: 'File with the passphrase that wraps it, for its owner alone.',
            sample: 'passphrase',
            shown: true,
          }),
        ),
        passphraseCredential: Type.Optional(
          text({
            description: 'Or: name of a systemd credential with the passphrase, a file in $CREDENTIALS_DIRECTORY.',
            pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}$',
            form: 'a file name of A-Z, a-z, 0-9, ., _ and -',
            sample: 'holdfast-passphrase',
          }),
        ),
        passphraseCommand: Type.Optional(
          Type.Array(text({ description: 'The absolute path of a program, then its arguments.' }), {
            description: 'Or: a command that prints the passphrase, run without a shell, for at most 30 s.',
            minItems: 1,
            sample: ['/usr/local/bin/unwrap-passphrase', '/etc/holdfast/passphrase.blob'],
          }),
        ),
      },
      {
        description:
          'The keyset that seals every store, and exactly one place from which the passphrase that wraps it comes.',
      },
    ),
  },
  { description: 'Keysets. Without them nothing that is stored can be read again, by anybody.' },
)

const Limits = Type.Object(
  {
    keyBytes: size({ description: 'Longest key, unescaped.', default: '4KiB', from: '1B', to: '16KiB' }),
    headBytes: size({ description: 'Largest head of a request.', default: '16KiB', from: '8KiB', to: '64KiB' }),
    requests: count({ description: 'Requests in flight, in all.', default: 1024, minimum: 1, maximum: 1_000_000 }),
    requestsPerCaller: count({
      description: 'Requests in flight of one caller.',
      default: 512,
      minimum: 1,
      maximum: 1_000_000,
    }),
    requestsSaturated: count({
      description:
        'Requests in flight, in all, while more is asked than can be served; shared among callers and one newcomer.',
      default: 32,
      minimum: 1,
      maximum: 1_000_000,
    }),
    connections: count({ description: 'Connections, in all.', default: 4096, minimum: 1, maximum: 1_000_000 }),
    connectionsPerCaller: count({
      description: 'Connections of one caller.',
      default: 2048,
      minimum: 1,
      maximum: 1_000_000,
    }),
    bodyBytes: size({
      description: 'Bodies in flight, in all: each by its declared length, or by its buffer, which grows by doubling.',
      default: '256MiB',
      from: '1KiB',
      to: '64GiB',
    }),
    bodyBytesPerCaller: size({
      description: 'Bodies in flight of one caller.',
      default: '128MiB',
      from: '1KiB',
      to: '64GiB',
    }),
    handshakes: count({
      description:
        'TLS handshakes in progress and, where callers have secrets, connections on which none came yet; one address may hold half of them.',
      default: 512,
      minimum: 1,
      maximum: 65_536,
    }),
  },
  { description: 'Bounds. Past those in flight the answer is 503 `overloaded` at once, never a wait.', default: {} },
)

const Timeouts = Type.Object(
  {
    handshake: duration({ description: 'For the TLS handshake.', default: '5s', from: '100ms', to: '1m' }),
    head: duration({ description: 'For the whole head of a request.', default: '10s', from: '100ms', to: '5m' }),
    request: duration({
      description: 'For the whole request, with its body.',
      default: '30s',
      from: '100ms',
      to: '1h',
    }),
    keepAlive: duration({ description: 'Idle time of a connection.', default: '5m', from: '1s', to: '1d' }),
    read: duration({ description: 'For the engine to read.', default: '2s', from: '10ms', to: '1m' }),
    write: duration({ description: 'For the engine to write.', default: '2s', from: '10ms', to: '1m' }),
    end: duration({ description: 'For the engine to end a key.', default: '1s', from: '10ms', to: '1m' }),
    drain: duration({ description: 'For requests in flight when stopping.', default: '5s', from: '0', to: '1m' }),
  },
  { description: 'How long anything may take.', default: {} },
)

const Log = Type.Object(
  {
    level: choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], {
      description: 'Least level written.',
      default: 'info',
    }),
  },
  { description: 'JSON lines on standard output. Never a key, a value, a header or a URL.', default: {} },
)

const Audit = Type.Object(
  {
    file: Type.Optional(
      file({ description: 'A file of its own, append only. Absent = standard output.', sample: 'audit.jsonl' }),
    ),
  },
  { description: 'The record of what was ended and what was refused: JSON lines with "audit":true.', default: {} },
)

/** The whole file. */
const ConfigSchema = Type.Object({
  listen: Listen,
  basicListen: Type.Optional(BasicListen),
  admin: Admin,
  authorities: Type.Array(Authority, {
    description: 'Who issues client certificates, and for which names.',
    minItems: 1,
  }),
  basic: Type.Array(Basic, { description: 'Callers with a secret instead of a certificate.', default: [] }),
  grants: Type.Array(Grant, { description: 'Who may do what. Deny by default.', minItems: 1 }),
  base: text({
    description: 'Path before every store: with /kv/ a key is at /kv/PATH/v1/KEY.',
    pattern: '^/([A-Za-z0-9._~-]+/)*$',
    form: 'a path that begins and ends with /',
    default: '/',
  }),
  stores: Type.Array(Store, { description: 'Named key-value spaces, each with its own rules.', minItems: 1 }),
  keys: Keys,
  engine: Engine,
  limits: Limits,
  timeouts: Timeouts,
  log: Log,
  audit: Audit,
})

/** A checked configuration: defaults filled in, durations and sizes as numbers, files as absolute paths. */
export type Config = Static<typeof ConfigSchema>

/** The same schema, as the reader, the sample and the reference walk it. */
export const configFields = ConfigSchema as unknown as Field
