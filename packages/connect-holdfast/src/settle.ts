/** For methods that take a callback or return a promise. */

// As loose as the frameworks' own types: each has another idea of what a session is.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Callback = (error?: any, session?: any) => void

/** Calls back in a turn of its own, so that what the callback throws is its own fault and not this promise's. */
export function settle<T>(promise: Promise<T>, callback: Callback | undefined): Promise<T> {
  if (callback === undefined) return promise
  promise.then(
    (result) => setImmediate(callback, null, result),
    (error) => setImmediate(callback, error),
  )
  // Whoever gave a callback does not look at the promise.
  return promise.catch(() => undefined as T)
}
