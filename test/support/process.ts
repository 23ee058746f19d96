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

/** What any wait may take, in ms: far more than is needed, so that only a hang reaches it. */
const PATIENCE_MS = 60_000

export class Program {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly #closed: Promise<Ending>
  /** Resolved and made anew whenever something was printed, and at the end. */
  #news = Promise.withResolvers<void>()

  /**
   * `command` is run as it is; {@link holdfast} runs our own. It has a process group of its own, so that a kill reaches
   * whatever it started, and so that nothing of it outlives the tests.
   */
  constructor(command: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}) {
    const [file, ...args] = command
    this.child = spawn(file!, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#tell()
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#tell()
    })
    const killAll = () => this.#killGroup()
    process.once('exit', killAll)
    this.#closed = once(this.child, 'close').then(([code, signal]) => {
      process.removeListener('exit', killAll)
      this.#tell()
      return { code, signal }
    })
  }

  /** Its end, with all it printed. Fails if that takes a minute from now. */
  get ended(): Promise<Ending> {
    return this.#within('its end', this.#closed)
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
    for (;;) {
      const found = find(this)
      if (found !== undefined) return found
      const { exitCode, signalCode } = this.child
      if (exitCode !== null || signalCode !== null) throw this.#failed(what, `it ended with ${exitCode ?? signalCode}`)
      await this.#within(what, this.#news.promise)
    }
  }

  /** SIGTERM unless said otherwise, SIGKILL also to what it started; resolves as {@link ended}. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ending> {
    if (signal === 'SIGKILL') this.#killGroup()
    else this.child.kill(signal)
    return this.ended
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  #killGroup(): void {
    try {
      process.kill(-this.child.pid!, 'SIGKILL')
    } catch {
      // Nobody of it is left.
    }
  }

  async #within<T>(what: string, promise: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#killGroup()
        reject(this.#failed(what, `${PATIENCE_MS} ms passed`))
      }, PATIENCE_MS)
    })
    return Promise.race([promise, late]).finally(() => clearTimeout(timer))
  }

  #failed(what: string, why: string): Error {
    return new Error(`waiting for ${what}: ${why}\n${this.stdout}\n${this.stderr}`)
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
