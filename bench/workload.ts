/** What every part of the bench agrees on: the size of a value, the shape of a key, how many connections. */

/** Bytes of every value: a usual MediaWiki session. */
export const VALUE_BYTES = 1536
/** Connections of every load, all kept alive. */
export const CONNECTIONS = 64
/** The store under test, and the path that its keys follow. */
export const STORE = 'sessions'
export const KEY_PREFIX = `/${STORE}/v1/`
/** Records that the loads at saturation choose from. */
export const SATURATION_KEYS = 20_000

/** The n-th key: 43 characters, as long as 256 random bits in base64url. `wrk.lua` makes the same. */
export function keyOf(n: number): string {
  return `session-${String(n).padStart(35, '0')}`
}

/** A disk that stalls once makes a write unconfirmed, and that is told; but a quick refusal is no result. */
const REFUSED_AT_MOST = 0.001

/** Throws if too many of the requests were refused for their rate and latency to mean anything. */
export function checkRefused(refused: number, requests: number, codes: readonly string[] = []): void {
  if (refused <= requests * REFUSED_AT_MOST) return
  throw new Error(`${refused} of ${requests} requests were refused ${codes.join(', ')}`.trimEnd())
}
