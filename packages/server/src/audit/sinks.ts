/**
 * Where audit lines go: standard output, or a file of their own.
 *
 * The file is for its owner alone (0600; one that others can read is refused, not repaired), is only ever appended to,
 * and each line is in the kernel's hands when the call returns: it survives `kill -9`. It survives a power cut only as
 * far as the file system has written it: the endings themselves are durable, their lines are not waited for. A line that
 * was torn by a full disk or a crash is closed by a line feed before the next one, so that it spoils only itself.
 *
 * A disk that hangs makes the server hang: keep the file on a local one.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import type { Sink } from './audit.ts'

/** A file that cannot be used as an audit log. Start-up stops. */
export class AuditFileRefused extends Error {
  override readonly name = 'AuditFileRefused'
  /** What the operator can do about it. */
  readonly hint: string
  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** Lines to standard output, among the log's; `"audit":true` tells them apart. */
export const standardOutput: Sink = (line) => {
  process.stdout.write(line)
}

export class AuditFile {
  readonly #path: string
  #descriptor: number
  #torn = false

  /** Opens or makes the file. Throws {@link AuditFileRefused}. */
  constructor(path: string) {
    this.#path = path
    this.#descriptor = this.#open()
  }

  /** Appends one line. Throws what the system says (a full disk, say). */
  write(line: string): void {
    const bytes = Buffer.from(this.#torn ? `\n${line}` : line)
    let done = 0
    try {
      while (done < bytes.length) done += writeSync(this.#descriptor, bytes, done)
      this.#torn = false
    } catch (error) {
      if (done > 0) this.#torn = done !== 1 || !this.#torn
      throw error
    }
  }

  /** Opens the path anew, after a log rotation has moved the old file away. The old file is kept if that fails. */
  reopen(): void {
    const fresh = this.#open()
    closeSync(this.#descriptor)
    this.#descriptor = fresh
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  #open(): number {
    const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = constants
    let descriptor: number
    try {
      descriptor = openSync(this.#path, O_APPEND | O_CREAT | O_NOFOLLOW | O_RDWR, 0o600)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      throw new AuditFileRefused(
        `audit file ${this.#path} cannot be opened (${code})`,
        'check that its folder is there, that this user may write it, and that it is not a link',
      )
    }
    const { mode, size } = fstatSync(descriptor)
    const fault =
      (mode & constants.S_IFMT) !== constants.S_IFREG
        ? ['is not a regular file', 'name another']
        : (mode & 0o077) !== 0
          ? [`can be reached by others (mode ${(mode & 0o777).toString(8)})`, `run: chmod 600 ${this.#path}`]
          : undefined
    if (fault !== undefined) {
      closeSync(descriptor)
      throw new AuditFileRefused(`audit file ${this.#path} ${fault[0]}`, fault[1]!)
    }
    const last = Buffer.alloc(1)
    this.#torn = size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a
    return descriptor
  }
}
