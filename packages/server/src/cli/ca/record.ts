/**
 * What an authority has issued and revoked: a file of JSON lines, to which lines are only ever added, each in one write
 * and flushed before anything is done on its strength. So commands that run at the same time lose nothing of each other,
 * and no certificate and no revocation exists without its line. A line that cannot be read stops every command: it may
 * have been a revocation.
 *
 * A last line without its end was cut off by a crash or a full disk. It was never flushed, so nothing was done on its
 * strength, and it does not count. The next line is written behind a mark that says so; nothing is taken out, since
 * another command may be writing that very line.
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { Refused } from '../exit.ts'
import type { Usage } from './names.ts'

interface IssuedLine {
  readonly event: 'issued'
  readonly at: string
  /** Hex, lower case. */
  readonly serial: string
  readonly usage: Usage
  readonly names: readonly string[]
  readonly notBefore: string
  readonly notAfter: string
  /** SHA-256 of the certificate, as the audit log has it. */
  readonly fingerprint: string
  /** The key was made by whoever asked. */
  readonly request: boolean
}

interface RevokedLine {
  readonly event: 'revoked'
  readonly at: string
  readonly serial: string
}

/** The line before this one does not count. */
interface CutLine {
  readonly event: 'cut'
  readonly at: string
}
const CUT = '{"event":"cut"'

/** A certificate of this authority; times are ISO 8601. */
export interface Known extends Omit<IssuedLine, 'event' | 'at'> {
  readonly issuedAt: string
  readonly revokedAt?: string
}

/** Adds a line; it is on disk when this returns. */
export function addLine(file: string, line: IssuedLine | RevokedLine): void {
  const handle = openSync(file, constants.O_RDWR | constants.O_APPEND)
  try {
    let text = `${JSON.stringify(line)}\n`
    if (isCut(handle)) {
      process.stderr.write(`warning: ${file}: its last line was cut off; what it was to record was never done\n`)
      const mark: CutLine = { event: 'cut', at: line.at }
      text = `\n${JSON.stringify(mark)}\n${text}`
    }
    const bytes = Buffer.from(text)
    if (writeSync(handle, bytes) !== bytes.length) throw new Refused(`${file}: the disk is full`, 'Make room first.')
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Whether the last line has no end. */
function isCut(handle: number): boolean {
  const { size } = fstatSync(handle)
  const last = Buffer.alloc(1)
  return size > 0 && readSync(handle, last, 0, 1, size - 1) === 1 && last.toString() !== '\n'
}

/** All certificates, the oldest first. */
export function readRecord(file: string): Known[] {
  const known = new Map<string, Known>()
  const lines = readFileSync(file, 'utf8').split('\n')
  const damaged = (number: number) =>
    new Refused(`${file}:${number}: damaged`, 'Restore the file from its backup; the line may have been a revocation.')
  lines.pop()
  for (const [index, text] of lines.entries()) {
    if (text.startsWith(CUT) || lines[index + 1]?.startsWith(CUT)) continue
    let line: IssuedLine | RevokedLine
    try {
      line = JSON.parse(text)
    } catch {
      throw damaged(index + 1)
    }
    const before = known.get(line.serial)
    if (line.event === 'issued' && before === undefined) {
      const { event: _, at, ...rest } = line
      known.set(line.serial, { ...rest, issuedAt: at })
    } else if (line.event === 'revoked' && before !== undefined) {
      if (before.revokedAt === undefined) known.set(line.serial, { ...before, revokedAt: line.at })
    } else throw damaged(index + 1)
  }
  return [...known.values()]
}

export type State = 'valid' | 'expired' | 'revoked'

export function stateOf({ revokedAt, notAfter }: Known, now = Date.now()): State {
  if (revokedAt !== undefined) return 'revoked'
  return Date.parse(notAfter) <= now ? 'expired' : 'valid'
}
