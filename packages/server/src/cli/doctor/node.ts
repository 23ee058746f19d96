/** The Node that runs the server, or would: until when it is mended, and whether it may open enough files. */
import type { Facts } from './facts.ts'
import { daysUntil, type Finding, inUnit, ok, SOON_DAYS, warning } from './finding.ts'

/** Ends of support: github.com/nodejs/Release, schedule.json, as of 2026-07-02. */
const ENDS: Readonly<Record<string, string>> = {
  '24': '2028-04-30',
  '25': '2026-06-01',
  '26': '2029-04-30',
  '27': '2030-04-30',
}
/** Files that are no connections: the database, its log, logs, the system's own. */
const OTHER_FILES = 100

export function node({ server, config, now }: Facts): Finding[] {
  const metrics = server.state === 'running' && !(server.metrics instanceof Error) ? server.metrics.body : ''
  const running = /^nodejs_version_info\{version="v([^"]+)"/m.exec(metrics)?.[1]
  const found = version(running ?? process.versions.node, now)
  const limits = server.state === 'running' ? server.process?.limits : undefined
  if (limits === undefined) return [found]
  const { connections, handshakes } = config.limits
  const needed = connections + handshakes + OTHER_FILES
  if (limits.openFiles >= needed) return [found, ok(`${limits.openFiles} files may be open; ${needed} are needed`)]
  const says = `${limits.openFiles} files may be open, and ${connections} connections need ${needed}`
  return [found, warning(says, inUnit(`LimitNOFILE=${needed}`))]
}

export function version(running: string, now: number): Finding {
  const end = ENDS[running.split('.')[0]!]
  if (end === undefined)
    return warning(`Node ${running}: until when it is mended is not known here`, 'install Node 24 or 26')
  const days = daysUntil(new Date(end), now)
  if (days < 0) return warning(`Node ${running} is mended no longer, since ${end}`, 'install Node 26')
  if (days < 6 * SOON_DAYS)
    return warning(`Node ${running} is mended until ${end} only`, 'install the next even version')
  return ok(`Node ${running}, mended until ${end}`)
}
