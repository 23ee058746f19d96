/**
 * What differs between your machine and a server. The defaults fit `npm start` of Holdfast in this repository. Secrets come
 * from files: what is in the environment is inherited by every child process and printed by every crash report.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

const { env } = process
const beside = (path: string) => resolve(import.meta.dirname, '..', path)

/** Cookies are for TLS only then; a proxy in front ends it. */
export const production = env.NODE_ENV === 'production'
export const host = env.HOST ?? '127.0.0.1'
export const port = Number(env.PORT ?? 3000)
/** Whose `X-Forwarded-Proto` is believed: https://expressjs.com/en/guide/behind-proxies.html */
export const trustProxy = env.TRUST_PROXY ?? 'loopback'
export const url = env.HOLDFAST_URL ?? 'https://localhost:8443'
/** Holds `ca.pem`, and the application's own `client.pem` and `client-key.pem`. */
export const tlsFolder = env.HOLDFAST_TLS ?? beside('../../.holdfast/tls')

/** Signs the cookies: the same for all instances of the application, and over restarts. Made if it is not there. */
export function readSecret(): string {
  const file = env.SESSION_SECRET_FILE ?? beside('.session-secret')
  try {
    writeFileSync(file, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readFileSync(file, 'utf8').trim()
}
