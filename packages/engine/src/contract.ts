/**
 * The contract of a storage engine: bytes in, bytes out.
 *
 * An engine sees keyed hashes as addresses and sealed bytes as values. It knows no names, no keys and no rules except
 * those of the spaces it was opened with. It answers for durability (what it acknowledged survives `kill -9` and a power
 * cut), for finality (an address that was ended in a final space stays ended until its marker expires, whatever write
 * comes late) and for expiry (an expired record is never returned, swept or not).
 *
 * It does not answer for secrecy or authenticity: records/ seals before and opens after, and treats every engine as
 * hostile. It offers no way to enumerate addresses, on purpose.
 *
 * The suite in ./conformance holds every engine to what is written here.
 */

/** `cell`: one record under an address. `rows`: ordered records under an address. */
export type Shape = 'cell' | 'rows'

/**
 * How exact conditional writes and takes are: not offered, exact among the callers of one datacenter, or exact
 * everywhere. An engine within one machine serves all three alike.
 */
export type Atomicity = 'no' | 'datacenter' | 'global'

/**
 * The rules of one space. Once it is confirmed they are durable: an engine refuses to open a space whose shape, finality or
 * atomicity changed. Until then, they are those of the latest `open`.
 */
export interface Space {
  /** Stable name, 1-128 characters of `[a-z0-9:/._-]`, for example `store:sessions`. */
  readonly id: string
  readonly shape: Shape
  /** An ended address stays ended. Only cells can be final; a final space refuses a TTL of 0. */
  readonly final: boolean
  readonly atomic: Atomicity
  /** Longest TTL a record may ask for, in seconds; 0 = records may live for ever (never in a final space). */
  readonly longestTtl: number
  /** Largest sealed record, in bytes; the smallest is 1. */
  readonly maxSize: number
}

/** Moment on the calling thread's `performance.now()` clock, in ms, after which nobody waits for the answer. */
export type Deadline = number

/** What an engine hands out with a cell and takes back in a condition. Callers compare it never and store it never. */
export type Version = string | number

/** A cell that lives. */
export interface Cell {
  readonly sealed: Uint8Array
  readonly version: Version
  /** Unix ms at which the engine stops returning it; 0 = never. */
  readonly expiresAt: number
}

/** `absent`: write only if nothing lives there. `version`: write only over this very version. */
export type Condition = 'absent' | { readonly version: Version }

export interface PutOptions {
  /** Seconds, a whole number from 1 to the space's `longestTtl`. Where that is 0, up to `MAX_TTL_SECONDS`, or 0 = for ever. */
  readonly ttl: number
  readonly condition?: Condition
}

export interface Row {
  readonly address: Uint8Array
  /** 1-64 bytes; rows of an address are sorted by it, as unsigned bytes. */
  readonly order: Uint8Array
  readonly sealed: Uint8Array
  /** Seconds, as in {@link PutOptions}. */
  readonly ttl: number
}

export interface StoredRow {
  readonly order: Uint8Array
  readonly sealed: Uint8Array
  /** Unix ms; 0 = never. */
  readonly expiresAt: number
}

export interface RowRange {
  /** First order included; absent = from the start. */
  readonly from?: Uint8Array
  /** First order left out; absent = to the end. */
  readonly to?: Uint8Array
  /** At most this many rows, 1-100,000. */
  readonly limit: number
  readonly newestFirst?: boolean
}

export interface OpenReport {
  /**
   * Ids of spaces that were never confirmed: nobody has finished setting them up. Whoever opened them writes their check
   * cells and then calls `confirm`; a crash between the two leaves them fresh, so set-up is simply done again, and by other
   * rules if the first were a mistake.
   */
  readonly fresh: readonly string[]
}

export interface Pending {
  /** Ends that were answered `pending` and are not yet seen through. */
  readonly count: number
  /** Unix ms of the oldest; 0 when there is none. */
  readonly oldest: number
}

export type Health = { readonly ok: true } | { readonly ok: false; readonly problem: string }

/** One figure for operators. Names are Prometheus names without the `holdfast_engine_` prefix; labels are never used. */
export interface Stat {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly value: number
}

/** What an engine can hold; a configuration that asks for more does not start. */
export interface Capabilities {
  readonly name: string
  readonly shapes: readonly Shape[]
  readonly atomic: readonly Atomicity[]
  /** Largest sealed record, in bytes, that any space may declare. */
  readonly maxSize: number
}

/**
 * Every call may reject with the errors of ./errors.ts and with nothing else: a read with `EngineUnavailable`; a write
 * with `EngineUnavailable` only if nothing of it can have happened, else `EngineUnconfirmed`; `EngineStorageFull` when a
 * write is refused for lack of space. A call on a space that was not opened, or against its rules, is a programming error
 * and rejects with `TypeError` or `RangeError`. Addresses are 32 bytes.
 *
 * Byte arrays given to a call must not change until it is answered. Byte arrays that come back may be views of a larger
 * buffer: their own bytes are theirs alone, but their `.buffer` is not.
 */
export interface Engine {
  readonly capabilities: Capabilities

  /**
   * Makes the spaces usable. May be called again with more spaces or with a longer `longestTtl`; the engine remembers the
   * longest that a confirmed space ever had, because markers must outlive every value. Rejects with `EngineRefused` if the storage is foreign,
   * damaged, newer, or not writable, or if a space's rules changed.
   */
  open(spaces: readonly Space[]): Promise<OpenReport>

  /**
   * Says that the fresh spaces are set up. Durable when it resolves. Rejects with `EngineRefused` if another instance has
   * opened one of them by other rules since.
   */
  confirm(ids: readonly string[]): Promise<void>

  health(): Promise<Health>
  pending(): Promise<Pending>
  stats(): Promise<readonly Stat[]>

  /** Finishes what was accepted, then lets go of the storage. Calls after it reject with `EngineUnavailable`. */
  close(): Promise<void>

  /**
   * The cell, or `ended` (final spaces, while the marker lives), or `absent`. Sees every write acknowledged before the
   * call. It may share a query with other reads only if that query was not yet sent when this call was made.
   */
  get(space: string, address: Uint8Array, deadline: Deadline): Promise<Cell | 'ended' | 'absent'>

  /** Durable when it resolves `written`. `ended` wins over `conflict`. A condition needs an atomic space. */
  put(
    space: string,
    address: Uint8Array,
    sealed: Uint8Array,
    options: PutOptions,
    deadline: Deadline,
  ): Promise<'written' | 'ended' | 'conflict'>

  /**
   * Gets and ends in one step, as `end` does also what is absent; of any number of concurrent takes exactly one gets the
   * cell. Needs an atomic space.
   */
  take(space: string, address: Uint8Array, deadline: Deadline): Promise<Cell | 'ended' | 'absent'>

  /**
   * Ends the address, whether or not it lives. In a final space a marker stays, for the longest TTL the space ever had
   * plus one day, counted from the latest end, and never less than a day past the expiry of what lived there; in a reusable
   * one the address is absent afterwards. `everywhere`: answer `done` only when a quorum of every datacenter holds it;
   * `pending` means that it is over where that was possible and that the engine sees the rest through by itself, across
   * restarts. An engine within one machine always answers `done`.
   */
  end(
    space: string,
    address: Uint8Array,
    options: { readonly everywhere: boolean },
    deadline: Deadline,
  ): Promise<'done' | 'pending'>

  /** Writes all rows, or eventually all. A row already there under the same address and order is replaced, so a retry is harmless. */
  append(space: string, rows: readonly Row[], deadline: Deadline): Promise<void>

  /** The living rows of the address within the range, in order. */
  read(space: string, address: Uint8Array, range: RowRange, deadline: Deadline): Promise<readonly StoredRow[]>

  /** Removes one row; resolves whether or not it was there. */
  remove(space: string, address: Uint8Array, order: Uint8Array, deadline: Deadline): Promise<void>
}

/** Bytes of every address. */
export const ADDRESS_BYTES = 32
/** Bytes of the longest row order. */
export const MAX_ORDER_BYTES = 64
/** Rows that one address may hold; rooms put a time bucket into the address to stay below. */
export const MAX_ROWS = 100_000
/** Longest TTL that any space may declare or record may ask for, in seconds: 100 years. For ever is 0. */
export const MAX_TTL_SECONDS = 3_155_760_000
/** What a marker lives beyond the longest TTL its space ever had, in seconds. */
export const MARKER_GRACE_SECONDS = 86_400
