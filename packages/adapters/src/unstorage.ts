/**
 * A driver of unstorage, and so of Nitro and Nuxt.
 *
 * ```ts
 * import { createStorage } from 'unstorage'
 * import { holdfastDriver } from '@holdfast/adapters/unstorage'
 * const storage = createStorage({ driver: holdfastDriver({ client, store: 'cache' }) })
 * await storage.setItem('key', value, { ttl: 60 })
 * ```
 *
 * `getKeys` and `clear` reject with `NotListable`. Keys that are removed and set again need a store with `final: false`.
 *
 * Holdfast keeps no empty value. Here one is kept as a zero byte, and so that it stays apart, bytes that are all zero as one
 * more of them.
 */
import { isUint8Array } from 'node:util/types'
import { type AdapterOptions, NotListable, Texts } from './core.ts'

interface ItemOptions {
  /** Seconds. */
  readonly ttl?: number
}

/** As unstorage 1 asks for it. */
export interface HoldfastDriver {
  readonly name: 'holdfast'
  readonly flags: { readonly ttl: true }
  hasItem(key: string): Promise<boolean>
  getItem(key: string): Promise<string | null>
  getItemRaw(key: string): Promise<Buffer | null>
  setItem(key: string, value: string, options?: ItemOptions): Promise<void>
  setItemRaw(key: string, value: string | Uint8Array, options?: ItemOptions): Promise<void>
  removeItem(key: string): Promise<void>
  getMeta(key: string): Promise<{ readonly ttl: number; readonly size: number } | null>
  getKeys(): Promise<never>
  clear(): Promise<never>
}

export function holdfastDriver(options: AdapterOptions): HoldfastDriver {
  const texts = new Texts(options, 'unstorage')
  const refuse = async (what: string): Promise<never> => {
    throw new NotListable(what)
  }
  const find = async (key: string) => {
    const found = await texts.find(key)
    return found && { ...found, value: isZero(found.value) ? found.value.subarray(1) : found.value }
  }
  return {
    name: 'holdfast',
    flags: { ttl: true },
    hasItem: async (key) => (await texts.find(key)) !== undefined,
    getItem: async (key) => (await find(key))?.value.toString() ?? null,
    getItemRaw: async (key) => (await find(key))?.value ?? null,
    setItem: async (key, value, { ttl } = {}) => texts.set(key, packed(bytesOf(value, 'setItem')), ttl),
    setItemRaw: async (key, value, { ttl } = {}) => texts.set(key, packed(bytesOf(value, 'setItemRaw')), ttl),
    removeItem: (key) => texts.end(key),
    async getMeta(key) {
      const found = await find(key)
      return found === undefined ? null : { ttl: found.ttl, size: found.value.length }
    },
    getKeys: () => refuse('getKeys'),
    clear: () => refuse('clear'),
  }
}

/** unstorage lets anything through to `setItemRaw`. */
function bytesOf(value: unknown, method: string): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value)
  if (isUint8Array(value)) return value
  throw new TypeError(
    `${method}: a string or a Uint8Array is needed; of another view take its buffer, offset and length`,
  )
}

function packed(bytes: Uint8Array): Uint8Array {
  return isZero(bytes) ? Buffer.alloc(bytes.length + 1) : bytes
}

/** Also if there are none. */
function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}
