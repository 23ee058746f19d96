/**
 * Addresses: a cluster has a subnet of 256 of its own, a datacenter a quarter of it. On loopback it needs no network and
 * so no privileges, and nothing can be cut.
 */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { CQL_PORT } from './settings.ts'
import type { Place } from './shapes.ts'

/** `subnet`: three numbers. */
export function addressOf(
  subnet: string,
  { datacenterIndex, number }: Pick<Place, 'datacenterIndex' | 'number'>,
): string {
  return `${subnet}.${(datacenterIndex + 1) * 64 + number}`
}

/** One of 60,000, so that clusters that start at once do not meet; not one that somebody uses. */
export async function loopbackSubnet(): Promise<string> {
  for (;;) {
    const subnet = `127.${randomInt(16, 255)}.${randomInt(256)}`
    if (await isFree(addressOf(subnet, { datacenterIndex: 0, number: 1 }))) return subnet
  }
}

async function isFree(host: string): Promise<boolean> {
  const server = createServer().listen(CQL_PORT, host)
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

/** One that no node of that datacenter ever had. */
export function nextAddress(hosts: readonly string[]): string {
  const last = Math.max(...hosts.map((host) => Number(host.split('.')[3])))
  return hosts[0]!.replace(/\d+$/, String(last + 1))
}
