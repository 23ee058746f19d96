/**
 * Keys as they come in a request target: any bytes, percent-encoded once. The path is never normalised: `.`, `..`, `%2F`
 * and `%00` are bytes of the key like all others, so two targets name one key only if they decode to the same bytes.
 */

/** Values of hexadecimal digits by character code; 255 for everything else. */
const HEX = new Uint8Array(256).fill(255)
for (let digit = 0; digit < 16; digit++) {
  const character = digit.toString(16)
  HEX[character.charCodeAt(0)] = digit
  HEX[character.toUpperCase().charCodeAt(0)] = digit
}

const PERCENT = 0x25

/**
 * The bytes of a key. `raw` is the part of the request target after the store's prefix, one character a byte, neither
 * empty nor holding `/` or `?`. `limit` is in decoded bytes.
 */
export function decodeKey(raw: string, limit: number): Buffer | 'malformed-key' | 'key-too-long' {
  if (raw.indexOf('%') < 0) return raw.length > limit ? 'key-too-long' : Buffer.from(raw, 'latin1')
  const bytes = Buffer.allocUnsafe(raw.length)
  let length = 0
  for (let i = 0; i < raw.length; i++) {
    let byte = raw.charCodeAt(i)
    if (byte === PERCENT) {
      // Past the end charCodeAt gives NaN, and HEX[NaN] is undefined.
      const high = HEX[raw.charCodeAt(i + 1)] ?? 255
      const low = HEX[raw.charCodeAt(i + 2)] ?? 255
      if (high === 255 || low === 255) return 'malformed-key'
      byte = (high << 4) | low
      i += 2
    }
    bytes[length++] = byte
  }
  return length > limit ? 'key-too-long' : bytes.subarray(0, length)
}
