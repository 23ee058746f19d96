/**
 * The real program as a child process: started from the real command line, known to be ready by what it prints, stopped
 * by a signal. Everything it prints is kept, for tests that look for what must be there and for what must not.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')
export const MAIN = resolve(ROOT, 'packages/server/src/cli/main.ts')

export interface Ports {
  readonly public: number
  readonly basic?: number
  readonly admin: number
}

/** How it ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class Program {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly ended: Promise<Ending>

  /** `command` is run as it is; {@link holdfast} runs our own. */
  constructor(command: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}) {
    const [file, ...args] = command
    this.child = spawn(file!, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = once(this.child, 'close').then(([code, signal]) => ({ code, signal }))
  }

  /** The JSON lines of standard output: the log's, and with `audit` the audit's. */
  lines(): Record<string, unknown>[] {
    const whole = this.stdout.slice(0, this.stdout.lastIndexOf('\n') + 1)
    return whole.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
  }

  audit(): Record<string, unknown>[] {
    return this.lines().filter((line) => line.audit === true)
  }

  /** Waits until `find` gives something of what was printed so far; fails if the program ends or a minute passes. */
  async until<T>(what: string, find: (program: Program) => T | undefined): Promise<T> {
    const limit = AbortSignal.timeout(60_000)
    for (;;) {
      const found = find(this)
      if (found !== undefined) return found
      const over = this.child.exitCode !== null || this.child.signalCode !== null
      if (over || limit.aborted) {
        const why = over ? `it ended with ${this.child.exitCode ?? this.child.signalCode}` : 'a minute passed'
        throw new Error(`waiting for ${what}: ${why}\n${this.stdout}\n${this.stderr}`)
      }
      await Promise.race([
        once(this.child.stdout!, 'data', { signal: limit }),
        once(this.child.stderr!, 'data', { signal: limit }),
        this.ended,
      ]).catch(() => {})
    }
  }

  /** SIGTERM unless said otherwise; resolves when it is gone and all it printed was read. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ending> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal)
    return this.ended
  }
}

/** Our program with these arguments, on the Node that runs the tests. `env` is added to what there is. */
export function holdfast(args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Program {
  return new Program([process.execPath, MAIN, ...args], { ...options, env: { ...process.env, ...options.env } })
}

/** The ports of a server that was started by `serve`, once it is ready. */
export function whenReady(program: Program): Promise<Ports> {
  return program.until('the ready line', (it) => {
    return it.lines().find((line) => line.msg === 'ready')?.ports as Ports | undefined
  })
}
