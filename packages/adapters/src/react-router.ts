/**
 * Sessions of React Router (and Remix): the part of `createSessionStorage` that keeps data.
 *
 * ```ts
 * import { createSessionStorage } from 'react-router'
 * import { sessionStrategy } from '@holdfast/adapters/react-router'
 * export const { getSession, commitSession, destroySession } =
 *   createSessionStorage({ cookie: { name: '__session', secrets, httpOnly: true }, ...sessionStrategy({ client }) })
 * ```
 *
 * In a final store `destroySession` is for good: a commit of a request that was still running is an `EndedError`.
 */
import { randomBytes } from 'node:crypto'
import { type AdapterOptions, parsed, secondsUntil, Texts } from './core.ts'

/** As react-router 7 asks for it. */
export interface SessionStrategy {
  createData(data: object, expires?: Date): Promise<string>
  // biome-ignore lint/suspicious/noExplicitAny: the framework says what its sessions hold
  readData(id: string): Promise<any>
  updateData(id: string, data: object, expires?: Date): Promise<void>
  deleteData(id: string): Promise<void>
}

export function sessionStrategy(options: AdapterOptions): SessionStrategy {
  const texts = new Texts(options, 'react-router')
  return {
    async createData(data, expires) {
      const id = randomBytes(32).toString('base64url')
      await texts.set(id, JSON.stringify(data), secondsUntil(expires))
      return id
    },
    async readData(id) {
      const text = id === '' ? null : await texts.get(id)
      return text === null ? null : parsed(text)
    },
    updateData: (id, data, expires) => texts.set(id, JSON.stringify(data), secondsUntil(expires)),
    deleteData: (id) => (id === '' ? Promise.resolve() : texts.end(id)),
  }
}
