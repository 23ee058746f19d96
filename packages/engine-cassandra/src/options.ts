/** What the engine needs to know to reach a cluster, and the bounds it keeps. Every limit has its default here. */
import type { ConnectionOptions } from 'node:tls'
import type { Risk } from './preflight.ts'

/** Who this instance is, and whom it trusts. */
export interface CassandraConnection {
  readonly credentials?: { readonly username: string; readonly password: string } | undefined
  /** Absent: plaintext, which has to be accepted. Certificates are verified, whatever is said here. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'checkServerIdentity'> | undefined
}

export interface CassandraOptions extends CassandraConnection {
  /** A few nodes of this datacenter, `host` or `host:port`; the others are learnt from them. */
  readonly contactPoints: readonly string[]
  /** Name of the datacenter in which this instance runs: its own reads and writes stay there. */
  readonly datacenter: string
  /** Default `holdfast`. */
  readonly keyspace?: string | undefined
  /** What a start refuses and an operator accepts (./preflight.ts). */
  readonly accept?: readonly Risk[] | undefined
  /** Unix ms, by which records expire. Default the machine's clock. */
  readonly now?: (() => number) | undefined
  /** Ms after which an end that not every datacenter confirmed is `pending`. Default 1000. */
  readonly endPatience?: number | undefined
  /** Reads of several callers go together. Default true; off only to measure what that gains. */
  readonly gather?: boolean | undefined
  /** Told of what nobody waits for: a background task that failed. */
  readonly failed?: ((what: string, error: unknown) => void) | undefined
}

/** Ms; longer than a node's restart is noticed in, shorter than its users' patience. */
export const CONNECT_MS = 5_000
/** A node that was lost is tried again so often, in ms. */
export const RECONNECT_MS = 1_000
/** Calls accepted and not answered; past it a call is `EngineUnavailable` at once. */
export const MAX_CALLS = 10_000
/** Largest sealed record: Cassandra takes no mutation above half a commit-log segment (32 MiB unless set smaller). */
export const MAX_SIZE = 8 * 1024 * 1024
