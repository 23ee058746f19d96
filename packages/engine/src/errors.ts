/**
 * The faults of an engine, typed by what the caller may conclude. Messages name the engine's trouble and never an
 * address or a value.
 */

/** Nothing of the call happened, and asking again may help. */
export class EngineUnavailable extends Error {
  override readonly name = 'EngineUnavailable'
}

/** A write that may have happened, may still happen, or may never happen. Never say that it did not. */
export class EngineUnconfirmed extends Error {
  override readonly name = 'EngineUnconfirmed'
}

/** Refused for lack of space, before anything happened. */
export class EngineStorageFull extends Error {
  override readonly name = 'EngineStorageFull'
}

/** The storage cannot be used as it is: foreign, damaged, newer, read-only, or opened under other rules. Start-up stops. */
export class EngineRefused extends Error {
  override readonly name = 'EngineRefused'
  /** What the operator can do about it. */
  readonly hint: string
  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}
