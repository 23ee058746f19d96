/** One check of `holdfast doctor` over a real folder, and what it says of it. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Site } from '../../../test/support/site.ts'
import { CHECKS } from '../src/cli/doctor/checks.ts'
import { type Facts, gather } from '../src/cli/doctor/facts.ts'
import type { Finding } from '../src/cli/doctor/finding.ts'

export const factsOf = (site: Site, names: readonly string[] = []): Promise<Facts> =>
  gather(join(site.folder, 'holdfast.yaml'), names)

/** What the check finds; `change` edits what it looks at. */
export async function findings(site: Site, check: string, change: Partial<Facts> = {}): Promise<readonly Finding[]> {
  return CHECKS[check]!({ ...(await factsOf(site, change.names)), ...change })
}

/** A line for each finding that is not ok: `level: what => mend`. */
export function complaints(findings: readonly Finding[]): string[] {
  return findings.flatMap((finding) => {
    return finding.level === 'ok' ? [] : [`${finding.level}: ${finding.what} => ${finding.mend}`]
  })
}

/** A port that nobody listens on; another program may take it before we do, which is unlikely enough. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await once(server.close(), 'close')
  return port
}
