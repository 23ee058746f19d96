/**
 * A keyset made ready for use: its secrets as MACs, its sealing keys by id, and a count of what each key opened and
 * sealed, from which operators see when an old key is no longer needed. One keyring serves all spaces of a room, and
 * takes over a changed keyset in place.
 */
import type { KeyState, Keyset } from './keyset.ts'
import { Mac } from './primitives.ts'

export interface RingKey {
  readonly id: number
  readonly state: KeyState
  readonly mac: Mac
  opened: number
  sealed: number
}

export class Keyring {
  readonly room: string
  #keyset: Keyset
  #addressMac: Mac
  #keys: ReadonlyMap<number, RingKey>
  #primary: RingKey

  constructor(keyset: Keyset) {
    this.room = keyset.room
    this.#keyset = keyset
    this.#addressMac = new Mac('sha256', keyset.addressKey)
    this.#keys = ringKeys(keyset)
    this.#primary = this.#keys.get(keyset.primary.id)!
  }

  get keyset(): Keyset {
    return this.#keyset
  }

  get addressMac(): Mac {
    return this.#addressMac
  }

  get primary(): RingKey {
    return this.#primary
  }

  find(id: number): RingKey | undefined {
    return this.#keys.get(id)
  }

  keys(): Iterable<RingKey> {
    return this.#keys.values()
  }

  /** Goes over to another state of the same keyset; counts begin again. The caller has made sure that it is the same. */
  adopt(keyset: Keyset): void {
    this.#keyset = keyset
    this.#addressMac = new Mac('sha256', keyset.addressKey)
    this.#keys = ringKeys(keyset)
    this.#primary = this.#keys.get(keyset.primary.id)!
  }
}

function ringKeys(keyset: Keyset): Map<number, RingKey> {
  const ready = keyset.keys.map(({ id, state, secret }) => {
    return [id, { id, state, mac: new Mac('sha512', secret), opened: 0, sealed: 0 }] as const
  })
  return new Map(ready)
}
