/**
 * The networks that a grant is bound to. Only the socket's peer address counts; forwarded headers are never read, since
 * anybody can write them. IPv4 that arrives over an IPv6 socket is IPv4 here.
 */
import { BlockList, isIP } from 'node:net'
import { plainAddress } from '../audit/network.ts'

/** What is wrong with a network of a grant, or nothing. */
export function problemWithNetwork(text: string): string | undefined {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || address.includes('%') || rest.length > 0) {
    return 'neither an address nor a network such as 10.0.0.0/8'
  }
  if (plainAddress(address) !== address) return `write it as IPv4: ${plainAddress(address)}`
  const most = family === 4 ? 32 : 128
  if (prefix === undefined || (/^(0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= most)) return undefined
  return `the prefix length is not a number from 0 to ${most}`
}

export class Networks {
  readonly #list = new BlockList()

  /** Entries that {@link problemWithNetwork} has nothing against. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [address = '', prefix] = entry.split('/')
      const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
      if (prefix === undefined) this.#list.addAddress(address, family)
      else this.#list.addSubnet(address, Number(prefix), family)
    }
  }

  /** Whether one of them holds the peer. A peer without an address is held by none. */
  hold(peer: string | undefined): boolean {
    if (peer === undefined) return false
    const address = plainAddress(peer)
    const family = isIP(address)
    return family !== 0 && this.#list.check(address, family === 4 ? 'ipv4' : 'ipv6')
  }
}
