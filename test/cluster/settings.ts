/**
 * What a node is told: cassandra.yaml, its rack, its log. Settings that decide what an acknowledgement means are those that
 * Holdfast asks of an operator: TLS on both sides, passwords, permissions, a commit log that is synced before the answer,
 * Paxos v2. The others keep it small: two cores and half a gigabyte serve a node.
 */
import { join } from 'node:path'

/** Overrides of cassandra.yaml, by its own names. */
export type Yaml = Readonly<Record<string, unknown>>

export interface NodeFacts {
  readonly cluster: string
  readonly host: string
  readonly datacenter: string
  /** Addresses of all nodes. */
  readonly seeds: readonly string[]
  readonly token: string
  /** Address of the node whose place and tokens it takes when it comes up for the first time. */
  readonly replaces?: string | undefined
  /** Until when a node that is down may be told later what it missed; then only a repair does. */
  readonly hintWindowMs: number
  /** Of its pair, and of those that it trusts: PEM. */
  readonly keystore: string
  readonly truststore: string
  /** Whether clients may also come without TLS. */
  readonly plaintextToo: boolean
  readonly yaml: Yaml
}

export const CQL_PORT = 9042
export const STORAGE_PORT = 7000

export function cassandraYaml(node: NodeFacts): Yaml {
  const tls = {
    ssl_context_factory: { class_name: 'org.apache.cassandra.security.PEMBasedSslContextFactory' },
    keystore: node.keystore,
    truststore: node.truststore,
    require_client_auth: true,
  }
  return {
    cluster_name: node.cluster,
    partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
    num_tokens: 1,
    ...(node.replaces === undefined ? { initial_token: node.token } : {}),
    // A new cluster has nothing to stream; a node that takes another's place has.
    auto_bootstrap: node.replaces !== undefined,
    seed_provider: [
      {
        class_name: 'org.apache.cassandra.locator.SimpleSeedProvider',
        parameters: [{ seeds: node.seeds.join(',') }],
      },
    ],
    endpoint_snitch: 'GossipingPropertyFileSnitch',
    listen_address: node.host,
    rpc_address: node.host,
    storage_port: STORAGE_PORT,
    native_transport_port: CQL_PORT,

    authenticator: 'PasswordAuthenticator',
    authorizer: 'CassandraAuthorizer',
    role_manager: 'CassandraRoleManager',
    client_encryption_options: { ...tls, enabled: true, optional: node.plaintextToo },
    server_encryption_options: {
      ...tls,
      internode_encryption: 'all',
      optional: false,
      require_endpoint_verification: true,
    },

    commitlog_sync: 'batch',
    commitlog_segment_size: '32MiB',
    commitlog_total_space: '256MiB',
    paxos_variant: 'v2',
    hinted_handoff_enabled: true,
    max_hint_window: `${node.hintWindowMs}ms`,
    phi_convict_threshold: 5,
    read_request_timeout: '2s',
    write_request_timeout: '2s',

    memtable_heap_space: '96MiB',
    memtable_offheap_space: '96MiB',
    file_cache_size: '32MiB',
    key_cache_size: '8MiB',
    counter_cache_size: '0MiB',
    concurrent_reads: 16,
    concurrent_writes: 16,
    concurrent_compactors: 1,
    auto_snapshot: false,
    ...node.yaml,
  }
}

export function rackProperties(datacenter: string): string {
  return `dc=${datacenter}\nrack=r1\n`
}

export function logback(folder: string): string {
  return `<configuration>
  <appender name="FILE" class="ch.qos.logback.core.FileAppender">
    <file>${join(folder, 'system.log')}</file>
    <encoder><pattern>%-5level %date{ISO8601} [%thread] %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="FILE"/></root>
</configuration>
`
}
