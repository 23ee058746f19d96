/**
 * What instances of one service must agree on, as a short text to compare: what is served, to whom, by which rules. Where
 * an instance listens, its files and its limits are its own business. It tells nothing of the configuration.
 */
import { createHash } from 'node:crypto'
import type { Config } from './schema.ts'

export function fingerprint({ base, stores, grants, basic, authorities }: Config): string {
  const vouching = authorities.map(({ name, vouchesFor }) => ({ name, vouchesFor }))
  const shared = JSON.stringify({ base, stores, grants, basic, vouching })
  return createHash('sha256').update(shared).digest('hex').slice(0, 16)
}
