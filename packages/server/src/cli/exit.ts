/**
 * How the process ends, and what it says of its failures. Exit codes are part of the interface: 0 done or stopped as
 * asked, 1 fault, 2 the command line or the configuration is wrong, 3 refused, 4 nothing was due, 5 problems were found.
 *
 * The message of an error that we do not know may quote what it failed on, and that may be a key or a value. So only
 * errors made to be read by people keep their message; of the others the name, the code and the stack's places are told.
 */
import { EngineStorageFull, EngineUnavailable } from '@holdfast/engine'
import { ConfigError } from '../config/problems.ts'

export const EXIT = { stopped: 0, fault: 1, usage: 2, refused: 3, notDue: 4, found: 5 } as const

/** A command that is well-formed and must not be done; nothing has changed. Exit code 3. */
export class Refused extends Error {
  override readonly name = 'Refused'
  /** What the operator can do about it. */
  readonly hint: string
  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** Codes of the system whose message names a path or a port, never data. */
const SYSTEM: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: stop it, or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address: choose another host',
  EACCES: 'this user may not do that: check the owner and the mode, and that the port is above 1023',
  EPERM: 'this user may not do that: run it as the owner of the file',
  EEXIST: 'it is there already: choose another place',
  ENOTDIR: 'a part of the path is a file: correct the path',
  EISDIR: 'it is a folder: name a file',
  ENOENT: 'make it first, or correct the path',
  EROFS: 'the disk is read-only: choose another folder',
  ENOSPC: 'the disk is full',
}

/** The text for people and the exit code, for an error that stopped start-up. */
export function explain(error: unknown): { text: string; code: number } {
  if (error instanceof ConfigError) return { text: error.message, code: EXIT.usage }
  if (error instanceof Error && 'hint' in error) {
    return { text: `${error.message}\n  ${error.hint}`, code: codeOf(error) }
  }
  if (error instanceof EngineStorageFull) {
    return {
      text: `${error.message}\n  Free some, or lower engine.embedded.minFree: what is new in the storage has to be written.`,
      code: EXIT.refused,
    }
  }
  if (error instanceof EngineUnavailable) {
    return { text: `the storage: ${error.message}\n  It may pass: try again.`, code: EXIT.fault }
  }
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  if (code !== undefined && Object.hasOwn(SYSTEM, code)) {
    return { text: `${(error as Error).message}\n  ${SYSTEM[code]}`, code: codeOf(error as Error) }
  }
  const { type, places } = withoutSecrets(error)
  return { text: `unexpected fault: ${[type, code].filter(Boolean).join(' ')}\n${places}`, code: EXIT.fault }
}

/** A port that is taken may be free a moment later, so that is a fault: a service manager tries again. */
function codeOf(error: NodeJS.ErrnoException): number {
  return error.code === 'EADDRINUSE' ? EXIT.fault : EXIT.refused
}

/** What may be logged of any error: its name, its code, and where it was thrown. */
export function withoutSecrets(error: unknown): { type: string; code?: string; places: string } {
  if (!(error instanceof Error)) return { type: typeof error, places: '' }
  const { code } = error as NodeJS.ErrnoException
  const stack = error.stack ?? ''
  const after = error.message === '' ? 0 : stack.indexOf(error.message) + error.message.length
  const places = stack
    .slice(after)
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .join('\n')
  return { type: error.name, ...(typeof code === 'string' ? { code } : {}), places }
}
