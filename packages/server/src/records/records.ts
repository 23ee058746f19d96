/**
 * The way from a room to an engine, and the only one. It opens the engine with the spaces of all rooms, makes sure that
 * every room's keyset is the one its records were sealed with, and hands out sealed cells and rows. No raw engine call is
 * left for anyone above, so nothing unsealed can be stored.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Engine, Space } from '@holdfast/engine'
import { SealedCells } from './cells.ts'
import { checkSpace, openChecks, vouch } from './check-cells.ts'
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
  readonly #places: Map<string, Place>
  readonly #rings: readonly Keyring[]
  /**
   * A key that the storage has gone over to and a room's keyset knows only as enabled: the keyset is older than its
   * promotion. It can read everything; a newer copy should be brought.
   */
  behind: number | undefined

  private constructor(engine: Engine, places: Map<string, Place>, rings: readonly Keyring[], now: () => number) {
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
    for (const { room, keyset } of rooms) {
      records.behind = (await records.#vouch(keyset, records.#spacesOf(room), fresh)) ?? records.behind
    }
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
   * Goes over, all or nothing, to a changed keyset of a room, in place, and to further spaces of that room, or to longer
   * lives and larger records of those it has; what they allow never shrinks. Rejects as {@link Records.open} does, and with
   * `KeysetMismatch` if the changed keyset is behind: it is an older copy. Keyset and spaces are then as they were.
   */
  async adopt(keyset: Keyset, spaces: readonly Space[] = []): Promise<void> {
    const ring = this.#ring(keyset.room)
    const there = this.#spacesOf(keyset.room)
    const wanted = spaces.flatMap((space) => {
      const before = this.#places.get(space.id)?.space
      const wide = before === undefined ? space : widest(before, space)
      return isDeepStrictEqual(wide, before) ? [] : [wide]
    })
    const changed = keyset !== ring.keyset
    // Before anything is set up by a keyset that is not the storage's.
    if (changed) await this.#refuseOld(keyset, there)
    const { fresh } = wanted.length === 0 ? { fresh: [] } : await this.#engine.open(wanted)
    const behind = await this.#vouch(keyset, changed ? [...there, ...wanted] : wanted, fresh)
    if (fresh.length > 0) await this.#engine.confirm(fresh)
    for (const space of wanted) this.#places.set(space.id, { space, ring })
    if (!changed) return
    ring.adopt(keyset)
    this.behind = behind
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

  #ring(room: string): Keyring {
    const ring = this.#rings.find((each) => each.room === room)
    if (ring !== undefined) return ring
    throw new KeysetMismatch(`no room ${room} is served here`, 'Give the keyset of a room that is.')
  }

  async #refuseOld(keyset: Keyset, spaces: readonly Space[]): Promise<void> {
    const checks = await openChecks(this.#engine, keyset, spaces, performance.now() + CHECK_DEADLINE_MS)
    const unknown = checks.find(({ keyId }) => !keyset.hasPromoted(keyId))
    if (unknown === undefined) return
    throw new KeysetMismatch(
      `the keyset of the ${keyset.room} is an old copy, from before key ${unknown.keyId} was promoted`,
      'Bring the newest. To go back to an older key, promote that one again.',
    )
  }

  #vouch(keyset: Keyset, spaces: readonly Space[], fresh: readonly string[]): Promise<number | undefined> {
    return vouch(this.#engine, keyset, spaces, fresh, performance.now() + CHECK_DEADLINE_MS)
  }

  #spacesOf(room: string): Space[] {
    return [...this.#places.values()].filter(({ ring }) => ring.room === room).map(({ space }) => space)
  }

  #place(spaceId: string, shape: Space['shape']): Place {
    const place = this.#places.get(spaceId)
    if (place?.space.shape === shape) return place
    throw new TypeError(place === undefined ? `space ${spaceId} is not open` : `${spaceId} holds ${place.space.shape}`)
  }
}

/** The rules of now, as wide as they ever were. */
function widest(before: Space, now: Space): Space {
  const forever = before.longestTtl === 0 || now.longestTtl === 0
  return {
    ...now,
    longestTtl: forever ? 0 : Math.max(before.longestTtl, now.longestTtl),
    maxSize: Math.max(before.maxSize, now.maxSize),
  }
}
