/**
 * The cells of one space, sealed: what a room uses instead of the engine. Keys and values go in and come out as their
 * owner wrote them; the engine gets an address and a sealed record. Every record that comes back is opened and its times
 * are judged: it is the value, or it is over, or it is an `Unreadable`. Who may ask is decided above.
 *
 * A key is any bytes; neither it nor a value may be changed until the promise settles. Faults of the engine pass through.
 */
import type { Cell, Deadline, Engine, Space, Version } from '@holdfast/engine'
import type { Envelope } from './envelope.ts'
import { Unreadable } from './errors.ts'
import { etagOf } from './etag.ts'
import { judgeTimes } from './times.ts'

/** A value that lives. */
export interface Opened {
  /** A buffer that nothing else writes to. */
  readonly value: Buffer
  /** Quoted, as a header carries it; another one after every write. */
  readonly etag: string
  /** Unix ms. */
  readonly writtenAt: number
  /** Unix ms; 0 = never. */
  readonly expiresAt: number
  /** Sealed with the key that is primary now; write it again if not. */
  readonly current: boolean
  /** Id of the key that it is sealed with. */
  readonly keyId: number
  /** For a condition. */
  readonly version: Version
}

export interface SealedPutOptions {
  /** Seconds, 1 to the space's `longestTtl`; 0 = for ever, where the space allows it. */
  readonly ttl: number
  readonly condition?: 'absent' | { readonly version: Version }
}

export class SealedCells {
  readonly space: Space
  readonly #engine: Engine
  readonly #envelope: Envelope
  readonly #now: () => number

  constructor(engine: Engine, envelope: Envelope, now: () => number) {
    this.space = envelope.space
    this.#engine = engine
    this.#envelope = envelope
    this.#now = now
  }

  async get(key: Uint8Array, deadline: Deadline): Promise<Opened | 'ended' | 'absent'> {
    return getCell(this.#engine, this.#envelope, this.#now, key, deadline)
  }

  /**
   * Resolves once the value is durable, with its new entity tag.
   *
   * An engine counts a TTL from a moment of its own, so for a little while it still holds what is over by the sealed
   * expiry. A write that demands `absent` then replaces that record, since every read says that nothing is there.
   */
  async put(
    key: Uint8Array,
    value: Uint8Array,
    options: SealedPutOptions,
    deadline: Deadline,
  ): Promise<{ readonly etag: string } | 'ended' | 'conflict'> {
    const address = this.#envelope.address(key)
    const writtenAt = this.#now()
    const expiresAt = options.ttl === 0 ? 0 : writtenAt + options.ttl * 1000
    const sealed = this.#envelope.seal(address, key, { value, writtenAt, expiresAt })
    const etag = etagOf(sealed)
    let outcome = await this.#engine.put(this.space.id, address, sealed, options, deadline)
    if (outcome === 'conflict' && options.condition === 'absent') {
      const found = await this.#engine.get(this.space.id, address, deadline)
      if (typeof found === 'string' || openCell(this.#envelope, this.#now, address, key, found) !== 'absent')
        return found === 'ended' ? found : outcome
      const condition = { version: found.version }
      outcome = await this.#engine.put(this.space.id, address, sealed, { ttl: options.ttl, condition }, deadline)
    }
    return outcome === 'written' ? { etag } : outcome
  }

  /** Gets and ends, exactly once. A record that does not open is over all the same, and `Unreadable`. */
  async take(key: Uint8Array, deadline: Deadline): Promise<Opened | 'ended' | 'absent'> {
    const address = this.#envelope.address(key)
    const found = await this.#engine.take(this.space.id, address, deadline)
    return typeof found === 'string' ? found : openCell(this.#envelope, this.#now, address, key, found)
  }

  async end(
    key: Uint8Array,
    options: { readonly everywhere: boolean },
    deadline: Deadline,
  ): Promise<'done' | 'pending'> {
    return this.#engine.end(this.space.id, this.#envelope.address(key), options, deadline)
  }
}

/** {@link SealedCells.get}, also for those who may only read. */
export async function getCell(
  from: Pick<Engine, 'get'>,
  envelope: Envelope,
  now: () => number,
  key: Uint8Array,
  deadline: Deadline,
): Promise<Opened | 'ended' | 'absent'> {
  const address = envelope.address(key)
  const found = await from.get(envelope.space.id, address, deadline)
  return typeof found === 'string' ? found : openCell(envelope, now, address, key, found)
}

function openCell(
  envelope: Envelope,
  now: () => number,
  address: Uint8Array,
  key: Uint8Array,
  cell: Cell,
): Opened | 'absent' {
  const { value, writtenAt, expiresAt, keyId, current } = envelope.open(address, key, cell.sealed)
  const verdict = judgeTimes(writtenAt, expiresAt, cell.expiresAt, now())
  if (verdict === 'alive') {
    return { value, etag: etagOf(cell.sealed), writtenAt, expiresAt, current, keyId, version: cell.version }
  }
  if (verdict === 'expired') return 'absent'
  throw new Unreadable(verdict, envelope.space.id, keyId)
}
