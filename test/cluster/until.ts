/** Waiting for what another process does: asked again and again until it holds, with a deadline that only a fault reaches. */
import { setTimeout as sleep } from 'node:timers/promises'

const PAUSE_MS = 50

/** The first answer of `find` that is not undefined. What `find` throws counts as "not yet", and is the cause in the end. */
export async function until<T>(what: string, patienceMs: number, find: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    let cause: unknown
    try {
      const found = await find()
      if (found !== undefined) return found
    } catch (error) {
      if (error instanceof Hopeless) throw error
      cause = error
    }
    if (performance.now() > deadline) throw new Error(`waiting for ${what}: ${patienceMs} ms passed`, { cause })
    await sleep(PAUSE_MS)
  }
}

/** Thrown by `find` when there is nothing left to wait for. */
export class Hopeless extends Error {}
