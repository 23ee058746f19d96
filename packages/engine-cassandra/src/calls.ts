/**
 * The calls that the engine has accepted. Each may take several statements; after `close` none is accepted, and those that
 * were are finished first. What waits is bounded: a cluster that answers slowly must not fill this process' memory.
 */
import { EngineUnavailable } from '@holdfast/engine'
import { MAX_CALLS } from './options.ts'

export class Calls {
  #count = 0
  #closed = false
  #over: (() => void) | undefined

  get count(): number {
    return this.#count
  }

  async accept<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new EngineUnavailable('the engine is closed')
    if (this.#count >= MAX_CALLS) throw new EngineUnavailable(`${MAX_CALLS} calls wait for Cassandra already`)
    this.#count++
    try {
      return await call()
    } finally {
      this.#count--
      if (this.#count === 0) this.#over?.()
    }
  }

  /** Accepts no more; resolves when those that were are over, or after `patience` ms. */
  async close(patience: number): Promise<void> {
    this.#closed = true
    if (this.#count === 0) return
    const over = new Promise<void>((resolve) => {
      this.#over = resolve
    })
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, patience).unref())])
  }
}
