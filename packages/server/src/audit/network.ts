/**
 * A peer's address, as the rest of the server may see it: plain for deciding, and cut down to its network for the audit
 * log, where a whole address would be a record of who was where.
 */

/** The address as its family writes it: IPv4 that came in over an IPv6 socket as IPv4, and without a zone. */
export function plainAddress(address: string): string {
  const zone = address.indexOf('%')
  const bare = zone < 0 ? address : address.slice(0, zone)
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(bare) ? bare.slice(7) : bare
}

/** The network of a peer: /24 for IPv4, /48 for IPv6; nothing for a peer that is gone. */
export function networkOf(address: string | undefined): string | undefined {
  if (address === undefined || address === '') return undefined
  const plain = plainAddress(address)
  if (!plain.includes(':')) return `${plain.slice(0, plain.lastIndexOf('.'))}.0/24`
  const [left = '', right] = plain.split('::')
  const head = left === '' ? [] : left.split(':')
  const tail = right === undefined || right === '' ? [] : right.split(':')
  const zeros = new Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0')
  const prefix = [...head, ...zeros, ...tail].slice(0, 3)
  while (prefix.at(-1) === '0') prefix.pop()
  return `${prefix.join(':')}::/48`
}
