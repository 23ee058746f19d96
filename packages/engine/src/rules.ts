/**
 * The rules of spaces, as checks that every engine makes before it does anything: an engine that forgot one would let a
 * caller's mistake become a record that never expires or a marker that dies too early. Whoever breaks a rule gets a
 * `TypeError` (the wrong kind of call) or a `RangeError` (a figure outside its limits) that names the figure and the
 * limit, never an address or a value. What storage or engine cannot hold is `EngineRefused`.
 */
import {
  ADDRESS_BYTES,
  type Capabilities,
  MARKER_GRACE_SECONDS,
  MAX_ORDER_BYTES,
  MAX_ROWS,
  MAX_TTL_SECONDS,
  type PutOptions,
  type Row,
  type RowRange,
  type Shape,
  type Space,
} from './contract.ts'
import { EngineRefused } from './errors.ts'

const SPACE_ID = /^[a-z0-9:/._-]{1,128}$/

/** A space as operators know it: `store carts`. */
export function titleOf(id: string): string {
  return id.startsWith('store:') ? id.replace(':', ' ') : `space ${id}`
}

/** Checks declarations before any is used: well formed, consistent, and within what the engine can hold. */
export function checkSpaces(spaces: readonly Space[], capabilities: Capabilities): void {
  const seen = new Set<string>()
  for (const space of spaces) {
    const { id, shape, final, atomic, longestTtl, maxSize } = space
    if (!SPACE_ID.test(id)) throw new TypeError(`space id ${JSON.stringify(id)} is not 1-128 of [a-z0-9:/._-]`)
    if (seen.has(id)) throw new TypeError(`space ${id} is declared twice`)
    seen.add(id)
    checkWhole(`space ${id}: longestTtl`, longestTtl, final ? 1 : 0, MAX_TTL_SECONDS)
    checkWhole(`space ${id}: maxSize`, maxSize, 1, Number.MAX_SAFE_INTEGER)
    if (shape === 'rows' && final) throw new TypeError(`space ${id}: only cells can be final`)
    if (shape === 'rows' && atomic !== 'no') throw new TypeError(`space ${id}: only cells can be atomic`)
    const { name } = capabilities
    if (!capabilities.shapes.includes(shape)) throw beyond(id, name, `does not offer the shape "${shape}"`)
    if (!capabilities.atomic.includes(atomic)) throw beyond(id, name, `does not offer atomic: ${atomic}`)
    if (maxSize > capabilities.maxSize) {
      throw beyond(id, name, `holds records of up to ${capabilities.maxSize} bytes, not of ${maxSize}`)
    }
  }
}

function beyond(id: string, engine: string, what: string): EngineRefused {
  return new EngineRefused(`${titleOf(id)}: the engine "${engine}" ${what}`, 'change it, or choose another engine')
}

/** A confirmed space keeps its shape, finality and atomicity for ever: records were written in the trust that they hold. */
export function checkUnchanged(before: Pick<Space, 'shape' | 'final' | 'atomic'>, now: Space): void {
  for (const rule of ['shape', 'final', 'atomic'] as const) {
    if (before[rule] === now[rule]) continue
    throw new EngineRefused(
      `${titleOf(now.id)}: ${rule} was ${before[rule]} when it was made and is now ${now[rule]}`,
      'change it back, or give it a new name and begin anew',
    )
  }
}

/** The opened space of that id, if it has that shape. */
export function spaceOf<T extends Space>(spaces: ReadonlyMap<string, T>, id: string, shape: Shape): T {
  const space = spaces.get(id)
  if (space === undefined) throw new TypeError(`space ${id} was not opened`)
  if (space.shape !== shape) throw new TypeError(`space ${id} holds ${space.shape}, not ${shape}`)
  return space
}

export function checkAddress(address: Uint8Array): void {
  if (address.length !== ADDRESS_BYTES) {
    throw new RangeError(`an address has ${ADDRESS_BYTES} bytes, this one ${address.length}`)
  }
}

export function checkPut(space: Space, sealed: Uint8Array, options: PutOptions): void {
  checkRecord(space, sealed, options.ttl)
  if (options.condition !== undefined && space.atomic === 'no') {
    throw new TypeError(`space ${space.id} is not atomic: it takes no conditions`)
  }
}

export function checkTake(space: Space): void {
  if (space.atomic === 'no') throw new TypeError(`space ${space.id} is not atomic: nothing can be taken from it`)
}

export function checkOrder(order: Uint8Array): void {
  checkWhole('bytes of a row order', order.length, 1, MAX_ORDER_BYTES)
}

export function checkRows(space: Space, rows: readonly Row[]): void {
  for (const row of rows) {
    checkAddress(row.address)
    checkOrder(row.order)
    checkRecord(space, row.sealed, row.ttl)
  }
}

export function checkRange(range: RowRange): void {
  checkWhole('limit of a row range', range.limit, 1, MAX_ROWS)
}

function checkRecord(space: Space, sealed: Uint8Array, ttl: number): void {
  checkWhole(`space ${space.id}: bytes of a record`, sealed.length, 1, space.maxSize)
  const unbounded = space.longestTtl === 0
  checkWhole(`space ${space.id}: TTL`, ttl, unbounded ? 0 : 1, unbounded ? MAX_TTL_SECONDS : space.longestTtl)
}

function checkWhole(what: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${what} is ${value}; it must be a whole number from ${least} to ${most}`)
  }
}

/** Unix ms at which a record written at `now` with this TTL (seconds) expires; 0 = never. */
export function expiryOf(ttl: number, now: number): number {
  return ttl === 0 ? 0 : now + ttl * 1000
}

/**
 * Unix ms at which a marker set at `now` expires, `highestTtl` being the longest TTL (seconds) its space ever had. A clock
 * that is behind must not let it die before what it replaces: `held`, a record or a marker.
 */
export function markerExpiry(
  highestTtl: number,
  now: number,
  held: { readonly ended: boolean; readonly expiresAt: number } | undefined,
): number {
  const grace = MARKER_GRACE_SECONDS * 1000
  const least = held === undefined ? 0 : held.expiresAt + (held.ended ? 0 : grace)
  return Math.max(now + highestTtl * 1000 + grace, least)
}

/** Whether a record is over at `now`, by the clock of the moment. */
export function isExpired(expiresAt: number, now: number): boolean {
  return expiresAt !== 0 && expiresAt <= now
}
