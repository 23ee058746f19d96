/**
 * What the serving thread and the writer thread say to each other. The byte arrays of one batch are views of one
 * ArrayBuffer, which moves with the message and is never copied twice.
 */

interface Common {
  readonly id: number
  readonly space: number
  /** Unix ms by the engine's clock, when the call was made. */
  readonly now: number
  /** On the clock of `monotonicNow`, after which nobody waits. */
  readonly deadline: number
}

export interface PutWrite extends Common {
  readonly kind: 'put'
  readonly address: Uint8Array
  readonly sealed: Uint8Array
  readonly ttl: number
  /** A version, or `absent`. */
  readonly condition: number | 'absent' | undefined
}

export interface EndWrite extends Common {
  readonly kind: 'end' | 'take'
  readonly address: Uint8Array
  readonly final: boolean
}

export interface AppendWrite extends Common {
  readonly kind: 'append'
  readonly rows: readonly {
    readonly address: Uint8Array
    readonly order: Uint8Array
    readonly sealed: Uint8Array
    readonly ttl: number
  }[]
}

export interface RemoveWrite extends Common {
  readonly kind: 'remove'
  readonly address: Uint8Array
  readonly order: Uint8Array
}

export type Write = PutWrite | EndWrite | AppendWrite | RemoveWrite

interface TakenCell {
  readonly sealed: Uint8Array
  readonly version: number
  readonly expiresAt: number
}

/**
 * How a write ended. `full`: refused for lack of space. `unavailable`: nothing happened. `unconfirmed`: its commit
 * failed, so it may come back. The rest are the contract's own answers.
 */
export type Outcome =
  | 'written'
  | 'ended'
  | 'conflict'
  | 'absent'
  | 'done'
  | TakenCell
  | 'full'
  | 'unavailable'
  | 'unconfirmed'

/** Running figures of the writer, sent along with every answer. */
export interface WriterFigures {
  commits: number
  operations: number
  swept: number
  /** Rows past their expiry, counted up to 10,000. */
  backlog: number
  /** 0: enough free space, 1: below the floor for writes, 2: below the floor for ends. */
  floor: 0 | 1 | 2
  /** Bytes, as last looked at: what the disk still takes, and the two floors. */
  free: number
  floors: { readonly writes: number; readonly ends: number }
  /** What failed last, until something succeeded; '' when all is well. */
  fault: string
}

/** Before the writer has said anything. */
export const NO_FIGURES: WriterFigures = {
  commits: 0,
  operations: 0,
  swept: 0,
  backlog: 0,
  floor: 0,
  free: 0,
  floors: { writes: 0, ends: 0 },
  fault: '',
}

export type ToWriter =
  | { readonly kind: 'writes'; readonly writes: readonly Write[] }
  | { readonly kind: 'sweep'; readonly now: number }
  | { readonly kind: 'ping' }
  | { readonly kind: 'close' }

export type FromWriter = {
  readonly kind: 'ready' | 'answers' | 'figures' | 'pong'
  readonly answers: readonly (readonly [id: number, outcome: Outcome])[]
  readonly figures: WriterFigures
}

export interface WriterOptions {
  readonly file: string
  /** Free-space floors in bytes; absent = by the size of the file system. */
  readonly minFree: { readonly writes?: number; readonly ends?: number }
}

/** Milliseconds on a clock that all threads of this process share; `performance.now()` starts anew in each thread. */
const ORIGIN = Number(process.hrtime.bigint()) / 1e6 - performance.now()
export function monotonicNow(): number {
  return ORIGIN + performance.now()
}
/** A moment of this thread's `performance.now()` on that clock. */
export function toMonotonic(moment: number): number {
  return ORIGIN + moment
}
