/**
 * Whether this instance should get requests. Ready means: started, not stopping, and the engine answers. It is asked for
 * by probes, so the engine is asked at most once in half a second, and a question that hangs counts as a failure.
 */
import type { Engine } from '@holdfast/engine'

/** Ms for which the engine's word is repeated. */
const FRESH_MS = 500
/** Ms after which an engine that says nothing is not healthy. */
const PATIENCE_MS = 2_000

export interface Check {
  readonly name: string
  readonly ok: boolean
  /** Why not; names no key and no address. */
  readonly problem?: string
}

export class Health {
  readonly #engine: Pick<Engine, 'health'>
  #state: 'starting' | 'serving' | 'stopping' = 'starting'
  #asked = Number.NEGATIVE_INFINITY
  #engineCheck: Promise<Check> | undefined

  constructor(engine: Pick<Engine, 'health'>) {
    this.#engine = engine
  }

  /** Every listener accepts. */
  started(): void {
    this.#state = 'serving'
  }

  /** From now on nothing is ready, so that load balancers send nobody here while the last requests are finished. */
  stopping(): void {
    this.#state = 'stopping'
  }

  async ready(): Promise<boolean> {
    const checks = await this.checks()
    return checks.every((check) => check.ok)
  }

  async checks(): Promise<readonly Check[]> {
    const state: Check =
      this.#state === 'serving'
        ? { name: 'serving', ok: true }
        : { name: 'serving', ok: false, problem: `the server is ${this.#state}` }
    return [state, await this.#engineHealth()]
  }

  #engineHealth(): Promise<Check> {
    const now = performance.now()
    if (this.#engineCheck === undefined || now - this.#asked > FRESH_MS) {
      this.#asked = now
      this.#engineCheck = this.#ask()
    }
    return this.#engineCheck
  }

  async #ask(): Promise<Check> {
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<Check>((resolve) => {
      const problem = `no answer for ${PATIENCE_MS} ms`
      timer = setTimeout(() => resolve({ name: 'engine', ok: false, problem }), PATIENCE_MS)
    })
    const answer = this.#engine.health().then(
      (health): Check => ({ name: 'engine', ...health }),
      (): Check => ({ name: 'engine', ok: false, problem: 'it cannot be asked' }),
    )
    const check = await Promise.race([answer, silence])
    clearTimeout(timer)
    return check
  }
}
