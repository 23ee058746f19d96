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

type Family = 'ipv4' | 'ipv6'

function familyOf(address: string): Family | undefined {
  const family = isIP(address)
  return family === 0 ? undefined : `ipv${family as 4 | 6}`
}

export class Networks {
  /** One for each family, since a single list takes ::/0 to hold IPv4 too. */
  readonly #lists = { ipv4: new BlockList(), ipv6: new BlockList() }

  /** Entries that {@link problemWithNetwork} has nothing against. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [address = '', prefix] = entry.split('/')
      const family = familyOf(address)
      if (family === undefined) throw new RangeError(`"${entry}" is no network`)
      if (prefix === undefined) this.#lists[family].addAddress(address, family)
      else this.#lists[family].addSubnet(address, Number(prefix), family)
    }
  }

  /** Whether one of them holds the peer. A peer without an address is held by none. */
  hold(peer: string | undefined): boolean {
    const address = plainAddress(peer ?? '')
    const family = familyOf(address)
    return family !== undefined && this.#lists[family].check(address, family)
  }
}
