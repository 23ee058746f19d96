/**
 * When to reload, and what is told of it. On SIGHUP and when a file changed, one reload at a time; what comes meanwhile is
 * one more afterwards. A reload that fails changes nothing, and is told once: in the log, the audit and the metrics. It is
 * tried again when a file changes, and after a while all the same, since it may have been the storage's fault.
 *
 * The audit file is opened anew each time, by itself: whoever rotates logs must not lose lines because something else is
 * broken, and a caller who was revoked must not stay because an audit file is.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import type { Audit } from '../audit/audit.ts'
import type { Config } from '../config/schema.ts'
import { FileWatch, readFilesOf } from './files.ts'

/** Where the configuration comes from, so that it can be read anew. */
export interface Source {
  /** The configuration file. */
  readonly file: string
  load(): Config
  /** What may be told of an error, for people. */
  explain(error: unknown): string
}

/** What a reload did. */
export interface Reloaded {
  /** Kinds of what is in use now and was not before. */
  readonly changed: readonly string[]
  /** Keys of the configuration that wait for the next start. */
  readonly waiting: readonly string[]
}

export interface ReloaderOptions {
  readonly source: Source
  /** Takes a configuration over, wholly or not at all; once `stopped`, rather not at all. */
  readonly take: (config: Config, stopped: AbortSignal) => Promise<Reloaded>
  readonly log: Logger
  readonly audit: Audit
  readonly reopenAudit: () => void
  /** For a counter. */
  readonly done: (outcome: 'done' | 'failed') => void
}

type Cause = 'SIGHUP' | 'files' | 'retry'

/** After a failure, in ms. */
const RETRY_MS = 30_000

export class Reloader {
  readonly #options: ReloaderOptions
  readonly #watch: FileWatch
  #running: Promise<void> | undefined
  #next: Cause | undefined
  #retry: NodeJS.Timeout | undefined
  readonly #stopped = new AbortController()
  /** The configuration changed between being read and being followed. */
  #missed = false
  /** What was told of the last failure, while it lasts. */
  #told = ''

  constructor(options: ReloaderOptions) {
    this.#options = options
    this.#watch = new FileWatch(() => this.ask('files'))
  }

  /** To be called before the files of `config` are read, so that no change is missed. */
  async follow(config: Config): Promise<void> {
    await this.#watch.follow(this.#filesOf(config))
    try {
      this.#missed = !isDeepStrictEqual(this.#options.source.load(), config)
    } catch {
      this.#missed = true
    }
  }

  /** The server runs. */
  start(): void {
    this.#watch.start()
    if (this.#missed) this.ask('files')
  }

  /** Resolves when the reload under way has ended. There is none afterwards. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    this.#watch.stop()
    clearTimeout(this.#retry)
    await this.#running
  }

  ask(cause: Cause): void {
    if (this.#stopped.signal.aborted) return
    if (this.#running !== undefined) {
      // One that somebody asked for is always told of.
      if (this.#next !== 'SIGHUP') this.#next = cause
      return
    }
    this.#running = this.#reload(cause).finally(() => {
      this.#running = undefined
      const next = this.#next
      this.#next = undefined
      if (next !== undefined) this.ask(next)
    })
  }

  async #reload(cause: Cause): Promise<void> {
    const { source, reopenAudit, log, audit, done } = this.#options
    clearTimeout(this.#retry)
    const problems: string[] = []
    try {
      reopenAudit()
    } catch (error) {
      problems.push(source.explain(error))
    }
    let taken: Reloaded | undefined
    try {
      taken = await this.#take()
    } catch (error) {
      if (this.#stopped.signal.aborted) return
      problems.push(source.explain(error))
    }
    done(problems.length === 0 ? 'done' : 'failed')
    if (taken !== undefined) {
      const { changed, waiting } = taken
      audit.record({ event: 'reload', cause, outcome: 'done', changed: changed.join(', ') || 'nothing' })
      log.info({ cause, changed }, 'reloaded')
      if (waiting.length > 0) log.warn({ waiting }, 'changed in the configuration, takes effect at the next start')
    }
    const problem = problems.join('\n')
    if (problem !== '') this.#retry = setTimeout(() => this.ask('retry'), RETRY_MS).unref()
    if (problem !== '' && (problem !== this.#told || cause === 'SIGHUP')) {
      audit.record({ event: 'reload', cause, outcome: 'failed' })
      log.error({ cause, problem }, 'not reloaded: what was in use stays in use')
    }
    this.#told = problem
  }

  /** Reads and takes over. Whatever of it changes from now on is noticed. */
  async #take(): Promise<Reloaded> {
    const { source, take } = this.#options
    await this.#watch.refresh()
    const config = source.load()
    await this.#watch.follow(this.#filesOf(config))
    return take(config, this.#stopped.signal)
  }

  #filesOf(config: Config): string[] {
    return [this.#options.source.file, ...readFilesOf(config)]
  }
}
