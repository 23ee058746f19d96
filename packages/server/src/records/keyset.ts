/**
 * The keys of one room: an address key, which never changes, and sealing keys, of which one is primary (seals and opens),
 * others are enabled (open) or disabled (refused loudly). A keyset is a value: every operation gives a new one and leaves
 * the old as it was.
 *
 * Rotation answers a sealing key that may have leaked or simply aged: add a key, give the keyset to every instance, then
 * promote the key; records move to it as they are written again; once everything sealed with the old key has expired, the
 * old key may be disabled. It does not answer a leaked address key, which would show which keys exist to somebody who can
 * guess them: for that, a room starts anew.
 */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { readU32 } from './encoding.ts'
import { KeysetError } from './errors.ts'

export const SECRET_BYTES = 32

const KEY_STATES = ['primary', 'enabled', 'disabled'] as const
export type KeyState = (typeof KEY_STATES)[number]

export interface SealingKey {
  /** u32, random, never 0. It stands in every record, unencrypted. */
  readonly id: number
  readonly state: KeyState
  /** Unix ms. */
  readonly createdAt: number
  /** Unix ms at which it last ceased to be primary; absent while it is, or if it never was. */
  readonly demotedAt?: number
  /** 32 bytes. */
  readonly secret: KeyObject
}

const ROOM = /^[a-z0-9-]{1,32}$/

export class Keyset {
  readonly room: string
  /** 32 bytes. */
  readonly addressKey: KeyObject
  readonly keys: readonly SealingKey[]
  readonly primary: SealingKey

  /** Throws `KeysetError` unless there is exactly one primary, ids are distinct, and every secret has 32 bytes. */
  constructor(room: string, addressKey: KeyObject, keys: readonly SealingKey[]) {
    const fault = faultOf(room, addressKey, keys)
    if (fault !== undefined) throw new KeysetError(`keyset of the ${room}: ${fault}`, 'Restore it from a backup.')
    this.room = room
    this.addressKey = addressKey
    this.keys = keys
    this.primary = keys.find((key) => key.state === 'primary')!
  }

  /** A new keyset for an empty room. `room`: 1-32 characters of `[a-z0-9-]`. */
  static generate(room: string, now: number = Date.now()): Keyset {
    return new Keyset(room, newSecret(), [newKey('primary', now, [])])
  }

  /** Adds a new key, enabled. Every instance must hold it before it is promoted. */
  add(now: number = Date.now()): { keyset: Keyset; id: number } {
    const key = newKey('enabled', now, this.keys)
    return { keyset: this.#with([...this.keys, key]), id: key.id }
  }

  /** Makes an enabled key the primary; the one that was is demoted to enabled. */
  promote(id: number, now: number = Date.now()): Keyset {
    const chosen = this.#find(id)
    if (chosen.state !== 'enabled') {
      throw new KeysetError(`key ${id} of the ${this.room} is ${chosen.state}`, 'Only an enabled key can be promoted.')
    }
    return this.#with(
      this.keys.map((key) => {
        if (key.id === id) return { id, state: 'primary', createdAt: key.createdAt, secret: key.secret }
        return key.state === 'primary' ? { ...key, state: 'enabled', demotedAt: now } : key
      }),
    )
  }

  /**
   * Disables a key: records sealed with it are refused from then on, loudly. Refused for the primary, and, unless `lose`
   * accepts the loss of what is still sealed with it, until all of it has expired; see {@link overFrom}.
   */
  disable(
    id: number,
    options: { longestTtl: number; sealedUntil?: number | undefined; lose?: boolean; now?: number },
  ): Keyset {
    const key = this.#find(id)
    if (key.state === 'primary') {
      throw new KeysetError(`key ${id} of the ${this.room} is the primary`, 'Promote another key first.')
    }
    const { longestTtl, sealedUntil, lose = false, now = Date.now() } = options
    const over = overFrom(key, longestTtl, sealedUntil)
    if (now < over && !lose) {
      const until = over === Number.POSITIVE_INFINITY ? 'for ever' : `until ${new Date(over).toISOString()}`
      throw new KeysetError(
        `records sealed with key ${id} of the ${this.room} may live ${until}`,
        'Wait until then, or accept the loss: --lose.',
      )
    }
    return this.#with(this.keys.map((each) => (each.id === id ? { ...each, state: 'disabled' } : each)))
  }

  /** Takes back {@link disable}: what is still sealed with the key opens again. */
  enable(id: number): Keyset {
    if (this.#find(id).state !== 'disabled') {
      throw new KeysetError(`key ${id} of the ${this.room} is not disabled`, 'Only a disabled key can be enabled.')
    }
    return this.#with(this.keys.map((each) => (each.id === id ? { ...each, state: 'enabled' } : each)))
  }

  /** Whether the key is the primary or was, so far as this keyset knows; one that is behind does not know it yet. */
  hasPromoted(id: number): boolean {
    return this.keys.some((key) => key.id === id && (key.state === 'primary' || key.demotedAt !== undefined))
  }

  #find(id: number): SealingKey {
    const key = this.keys.find((each) => each.id === id)
    if (key !== undefined) return key
    const ids = this.keys.map((each) => each.id).join(', ')
    throw new KeysetError(`the ${this.room} have no key ${id}`, `Its keys are ${ids}.`)
  }

  #with(keys: readonly SealingKey[]): Keyset {
    return new Keyset(this.room, this.addressKey, keys)
  }
}

/**
 * Unix ms from which on nothing lives that was sealed with a key which is not primary: the longest TTL of its room, in
 * seconds, 0 = for ever, after it ceased to be, and after `sealedUntil`, when the last instance that had not heard of that
 * may have sealed with it. One that never was primary sealed nothing.
 */
export function overFrom({ createdAt, demotedAt }: SealingKey, longestTtl: number, sealedUntil?: number): number {
  if (demotedAt === undefined && sealedUntil === undefined) return createdAt
  if (longestTtl === 0) return Number.POSITIVE_INFINITY
  return Math.max(demotedAt ?? 0, sealedUntil ?? 0) + longestTtl * 1000
}

function newSecret(): KeyObject {
  return createSecretKey(randomBytes(SECRET_BYTES))
}

function newKey(state: KeyState, createdAt: number, others: readonly SealingKey[]): SealingKey {
  let id = 0
  while (id === 0 || others.some((other) => other.id === id)) id = readU32(randomBytes(4), 0)
  return { id, state, createdAt, secret: newSecret() }
}

function faultOf(room: string, addressKey: KeyObject, keys: readonly SealingKey[]): string | undefined {
  if (!ROOM.test(room)) return 'a room is named by 1-32 characters of a-z, 0-9 and -'
  if (addressKey.symmetricKeySize !== SECRET_BYTES) return `the address key must have ${SECRET_BYTES} bytes`
  if (new Set(keys.map((key) => key.id)).size !== keys.length) return 'two sealing keys have the same id'
  if (keys.filter((key) => key.state === 'primary').length !== 1) return 'exactly one sealing key must be primary'
  for (const { id, state, createdAt, demotedAt, secret } of keys) {
    if (!Number.isInteger(id) || id < 1 || id > 0xffffffff)
      return 'a key id must be a whole number from 1 to 4294967295'
    if (!KEY_STATES.includes(state)) return `key ${id} is neither ${KEY_STATES.join(' nor ')}`
    if (!isTime(createdAt) || !isTime(demotedAt ?? 0)) return `key ${id} has a time that is no Unix time in ms`
    if (secret.symmetricKeySize !== SECRET_BYTES) return `key ${id} must have ${SECRET_BYTES} bytes`
  }
  return undefined
}

function isTime(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
