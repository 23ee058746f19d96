/**
 * The way from a room to an engine, and the only one. It opens the engine with the spaces of all rooms, makes sure that
 * every room's keyset is the one its records were sealed with, and hands out sealed cells and rows. No raw engine call is
 * left for anyone above, so nothing unsealed can be stored.
 */
import type { Engine, Space } from '@holdfast/engine'
import { SealedCells } from './cells.ts'
import { checkSpace, vouch } from './check-cells.ts'
import { Envelope } from './envelope.ts'
import { KeysetMismatch } from './errors.ts'
import { Keyring } from './keyring.ts'
import type { KeyState, Keyset } from './keyset.ts'
import { SealedRows } from './rows.ts'

/** One room: its keyset and the spaces that the keyset seals. */
export interface RoomSpaces {
  readonly room: string
  readonly keyset: Keyset
  readonly spaces: readonly Space[]
}

export interface KeyUse {
  readonly room: string
  readonly keyId: number
  readonly state: KeyState
  /** Records opened and sealed with the key since the keyset was taken over. */
  readonly opened: number
  readonly sealed: number
}

interface Place {
  readonly space: Space
  readonly ring: Keyring
}

/** What start-up may wait for all check cells, in ms. */
const CHECK_DEADLINE_MS = 10_000

export class Records {
  readonly #engine: Engine
  readonly #now: () => number
  readonly #places: ReadonlyMap<string, Place>
  readonly #rings: readonly Keyring[]

  private constructor(
    engine: Engine,
    places: ReadonlyMap<string, Place>,
    rings: readonly Keyring[],
    now: () => number,
  ) {
    this.#engine = engine
    this.#places = places
    this.#rings = rings
    this.#now = now
  }

  /**
   * Opens the engine and checks every keyset. Rejects with `KeysetMismatch` (wrong or stale keyset), `EngineRefused`, or
   * another fault of the engine; the engine is then still the caller's to close. `now`: Unix ms.
   */
  static async open(engine: Engine, rooms: readonly RoomSpaces[], now: () => number = Date.now): Promise<Records> {
    const places = new Map<string, Place>()
    const rings: Keyring[] = []
    for (const { room, keyset, spaces } of rooms) {
      if (room !== keyset.room) throw new TypeError(`room ${room} was given the keyset of room ${keyset.room}`)
      const ring = new Keyring(keyset)
      rings.push(ring)
      for (const space of spaces) {
        if (places.has(space.id)) throw new TypeError(`space ${space.id} is there twice`)
        places.set(space.id, { space, ring })
      }
    }
    const spaces = rooms.flatMap((room) => [...room.spaces, checkSpace(room.room)])
    const { fresh } = await engine.open(spaces)
    const records = new Records(engine, places, rings, now)
    for (const { keyset } of rooms) await records.#vouch(keyset, fresh)
    await engine.confirm(fresh)
    return records
  }

  /** The cells of a space that was opened. */
  cells(spaceId: string): SealedCells {
    const { space, ring } = this.#place(spaceId, 'cell')
    return new SealedCells(this.#engine, new Envelope(space, ring), this.#now)
  }

  /** The row lists of a space that was opened. */
  rows(spaceId: string): SealedRows {
    const { space, ring } = this.#place(spaceId, 'rows')
    return new SealedRows(this.#engine, new Envelope(space, ring), this.#now)
  }

  /**
   * Goes over to a changed keyset of a room, in place, once it has found and opened the room's check cells. Rejects with
   * `KeysetMismatch` and keeps the old one if it did not.
   */
  async adopt(keyset: Keyset): Promise<void> {
    const ring = this.#rings.find((each) => each.room === keyset.room)
    if (ring === undefined) {
      throw new KeysetMismatch(`no room ${keyset.room} is served here`, 'Give the keyset of a room that is.')
    }
    await this.#vouch(keyset, [])
    ring.adopt(keyset)
  }

  /** For metrics: what each key of each room was used for. */
  keyUsage(): readonly KeyUse[] {
    return this.#rings.flatMap((ring) =>
      Array.from(ring.keys(), ({ id, state, opened, sealed }) => ({
        room: ring.room,
        keyId: id,
        state,
        opened,
        sealed,
      })),
    )
  }

  async #vouch(keyset: Keyset, fresh: readonly string[]): Promise<void> {
    const places = [...this.#places.values()].filter((place) => place.ring.room === keyset.room)
    const spaces = places.map((place) => place.space)
    await vouch(this.#engine, keyset, spaces, fresh, performance.now() + CHECK_DEADLINE_MS)
  }

  #place(spaceId: string, shape: Space['shape']): Place {
    const place = this.#places.get(spaceId)
    if (place?.space.shape === shape) return place
    throw new TypeError(place === undefined ? `space ${spaceId} is not open` : `${spaceId} holds ${place.space.shape}`)
  }
}
