/** Tasks on one thing take turns, in the order in which they came; tasks on different things do not wait for each other. */
import { EngineUnavailable } from '@holdfast/engine'

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Rejects with `EngineUnavailable` if its turn does not come by `deadline` (`performance.now()`): nothing was done. */
  take<T>(name: string, deadline: number, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve()
    const turn = before.then(() => {
      if (performance.now() >= deadline) throw new EngineUnavailable('out of time behind others on the same record')
      return task()
    })
    const over = turn.then(
      () => {},
      () => {},
    )
    this.#last.set(name, over)
    void over.then(() => {
      if (this.#last.get(name) === over) this.#last.delete(name)
    })
    return turn
  }
}
