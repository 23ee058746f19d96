/**
 * From signals to an orderly end. SIGTERM and SIGINT stop the server: listeners close at once, requests in flight are
 * finished within the drain time, exit code 0. A terminal sends Ctrl-C to the whole group and npm passes it on, so
 * repeats within a second are the same wish; a later one is impatience and ends the process at once with 1. SIGHUP reloads.
 */
import type { Logger } from 'pino'
import { EXIT } from './exit.ts'

const SAME_WISH_MS = 1000

interface Handlers {
  /** Is called once. */
  readonly stop: (cause: string) => Promise<void>
  /** Absent: a hang-up ends the process, as it does where nobody handles it. */
  readonly reload?: () => void
  /** A fault ends the process now: what can still be recorded is recorded here, without waiting. */
  readonly fell: () => void
}

/** Resolves with the exit code once the server has stopped. */
export function untilStopped(log: Logger, { stop, reload, fell }: Handlers): Promise<number> {
  return new Promise((done) => {
    let askedAt = 0
    const ask = (signal: NodeJS.Signals) => {
      const now = performance.now()
      if (askedAt > 0) {
        if (now - askedAt < SAME_WISH_MS) return
        log.warn({ signal }, 'stopping at once: requests in flight are cut off')
        process.exit(EXIT.fault)
      }
      askedAt = now
      log.info({ signal }, 'stopping')
      stop(signal).then(
        () => {
          log.info('stopped')
          done(EXIT.stopped)
        },
        (err) => {
          log.fatal({ err }, 'could not stop in order')
          done(EXIT.fault)
        },
      )
    }
    process.on('SIGTERM', ask)
    process.on('SIGINT', ask)
    if (reload !== undefined) process.on('SIGHUP', reload)
    const fault = (err: unknown) => {
      log.fatal({ err: err instanceof Error ? err : new Error(typeof err) }, 'unexpected fault')
      fell()
      process.exit(EXIT.fault)
    }
    process.on('uncaughtException', fault)
    process.on('unhandledRejection', fault)
  })
}
