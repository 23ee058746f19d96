/** What a cluster is, in a file of its folder, so that another process can go on with it: see cluster.ts. Holds a password. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JvmOptions } from './jvm.ts'
import type { Login } from './login.ts'
import type { Member } from './member.ts'
import type { Network } from './network.ts'
import type { ProcessId } from './processes.ts'
import type { Shape } from './shapes.ts'

export interface State {
  readonly shape: Shape
  readonly name: string
  readonly superuser: Login
  readonly hintWindowMs: number
  readonly tuned: JvmOptions['tuned']
  readonly plaintextToo: boolean
  readonly outlives: boolean
  /** Undefined on loopback. */
  readonly network: Network | undefined
  readonly isCut: boolean
  /** Processes that are no nodes: recorded as soon as they run, so that they are found whatever happens then. */
  readonly helpers: readonly ProcessId[]
  readonly members: readonly Member[]
}

export function hasState(folder: string): boolean {
  return existsSync(fileIn(folder))
}

export function readState(folder: string): State {
  return JSON.parse(readFileSync(fileIn(folder), 'utf8'))
}

/** Whole at once. */
export function writeState(folder: string, state: State): void {
  const file = fileIn(folder)
  writeFileSync(`${file}.new`, JSON.stringify(state, null, 2), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

function fileIn(folder: string): string {
  return join(folder, 'cluster.json')
}
