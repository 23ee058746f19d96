/**
 * Warns of what should have been renewed by now, in the log, once a day each; the ends are always in the metrics. A
 * certificate, an authority or a revocation list that ended shuts callers out, so somebody should hear of it while there
 * is time.
 */
import type { Logger } from 'pino'
import type { Expiring } from '../http/instance-metrics.ts'

const DAY_MS = 86_400_000
const CHECK_MS = 3_600_000

export class ExpiryWarnings {
  readonly #expiring: () => readonly Expiring[]
  readonly #log: Pick<Logger, 'warn'>
  readonly #now: () => number
  /** When it was told of each end. */
  readonly #told = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  /** `now`: Unix ms. */
  constructor(expiring: () => readonly Expiring[], log: Pick<Logger, 'warn'>, now: () => number = Date.now) {
    this.#expiring = expiring
    this.#log = log
    this.#now = now
  }

  start(): void {
    this.check()
    this.#timer = setInterval(() => this.check(), CHECK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** To be called, too, when there is something new. */
  check(): void {
    const now = this.#now()
    for (const [what, at] of this.#told) if (now - at >= DAY_MS) this.#told.delete(what)
    for (const { name, expires, due } of this.#expiring()) {
      const what = `${name} ${expires.getTime()}`
      if (due.getTime() > now || this.#told.has(what)) continue
      this.#told.set(what, now)
      this.#log.warn({ what: name, expires: expires.toISOString() }, 'ends soon: renew it')
    }
  }
}
