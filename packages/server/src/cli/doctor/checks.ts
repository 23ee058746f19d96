/** All checks, in the order in which they are told. Each looks at the facts and changes nothing. */
import { callers } from './callers.ts'
import { certificates } from './certificates.ts'
import { clock } from './clock.ts'
import { configuration } from './configuration.ts'
import { debugging } from './debugging.ts'
import { disk } from './disk.ts'
import type { Facts } from './facts.ts'
import type { Finding } from './finding.ts'
import { keys } from './keys.ts'
import { memory } from './memory.ts'
import { node } from './node.ts'
import { permissions } from './permissions.ts'
import { server } from './server.ts'

export const CHECKS: Readonly<Record<string, (facts: Facts) => Finding[] | Promise<Finding[]>>> = {
  configuration,
  server,
  certificates,
  callers,
  keys,
  permissions,
  disk,
  clock,
  debugging,
  memory,
  node,
}
