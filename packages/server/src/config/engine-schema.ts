/**
 * The part of ./schema.ts that says where records live: one engine, with what it needs. Which of its keys go together is in
 * ./rules.ts and ./cassandra-rules.ts.
 */
import Type from 'typebox'
import { choice, file, size, text } from './fields.ts'

/** What a start on Cassandra refuses unless it is accepted; the same words as in @holdfast/engine-cassandra. */
export const CASSANDRA_RISKS = [
  'plaintext',
  'superuser',
  'no-authentication',
  'no-authorization',
  'simple-strategy',
  'datacenter-without-replicas',
  'auth-replication',
  'periodic-commitlog',
  'paxos-v1',
  'unread-settings',
] as const

const floor = (what: string, share: string, fallback: string) =>
  size({
    description: `Free space below which ${what} are refused. Without \`minFree\`: at most ${share} of the disk.`,
    ...{ from: '0', to: '1048576GiB', default: fallback },
  })

const Cassandra = Type.Object(
  {
    contactPoints: Type.Array(
      text({
        description: 'HOST or HOST:PORT.',
        pattern: '^[A-Za-z0-9._:[\\]-]{1,260}$',
        form: 'a host, or host:port',
      }),
      {
        description: 'A few nodes of this datacenter; the others are learnt from them.',
        minItems: 1,
        sample: ['10.0.0.11', '10.0.0.12'],
      },
    ),
    datacenter: text({
      description: 'The datacenter in which this instance runs, as Cassandra names it.',
      pattern: '^[A-Za-z0-9._-]{1,64}$',
      form: '1-64 characters of A-Z, a-z, 0-9, ., _ and -',
      sample: 'dc1',
    }),
    keyspace: text({
      description: 'Its keyspace; `holdfast cassandra schema` makes it.',
      pattern: '^[a-z][a-z0-9_]{0,47}$',
      form: '1-48 characters of a-z, 0-9 and _, beginning with a letter',
      default: 'holdfast',
    }),
    username: Type.Optional(
      text({
        description: 'The role that it logs in as: one of its own, no superuser.',
        pattern: '^[A-Za-z0-9._@-]{1,64}$',
        form: '1-64 characters of A-Z, a-z, 0-9, ., _, @ and -',
        sample: 'holdfast_app',
      }),
    ),
    passwordFile: Type.Optional(
      file({ description: 'File with its password, for its owner alone.', sample: 'cassandra-password' }),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          ca: file({ description: "The authorities of the nodes' certificates, PEM.", sample: 'tls/cassandra-ca.pem' }),
          certificate: Type.Optional(
            file({ description: 'The certificate that it shows to them, PEM.', sample: 'tls/cassandra-client.pem' }),
          ),
          key: Type.Optional(file({ description: 'Its private key, PEM.', sample: 'tls/cassandra-client-key.pem' })),
          names: Type.Optional(
            Type.Array(text({ description: 'dns:NAME or spiffe://….' }), {
              description:
                "Names of which a node's certificate must have one. Absent: it must be for the node's IP address.",
              minItems: 1,
              sample: ['dns:cassandra.example.org'],
            }),
          ),
        },
        { description: 'TLS to the nodes, whose certificates are always verified.' },
      ),
    ),
    accept: Type.Array(choice(CASSANDRA_RISKS, { description: 'See docs/guides/cassandra.md.' }), {
      description: 'What a start refuses by itself, and accepts if it is listed here. Each takes a promise away.',
      default: [],
    }),
  },
  { description: 'Apache Cassandra, in one datacenter or several; needs the package @holdfast/engine-cassandra.' },
)

export const Engine = Type.Object(
  {
    embedded: Type.Optional(
      Type.Object(
        {
          file: file({ description: 'The database file; its folder must exist.', sample: 'db/holdfast.sqlite' }),
          minFree: Type.Optional(
            Type.Object(
              { writes: floor('writes', '5 %', '1GiB'), ends: floor('ends, too,', '1 %', '256MiB') },
              {
                description:
                  'Free-space floors. Absent: the smaller of 1GiB and 5 % of the disk, and of 256MiB and 1 %.',
              },
            ),
          ),
        },
        { description: 'SQLite inside this process, on a local disk.', shown: true },
      ),
    ),
    cassandra: Type.Optional(Cassandra),
    memory: Type.Optional(
      Type.Object(
        {},
        { description: 'Keeps nothing: all is lost at a restart. Development mode only.', developmentOnly: true },
      ),
    ),
  },
  { description: 'Where records live: exactly one of the engines.' },
)
