/**
 * The key of an authority has no business on a server: whoever takes the server over could then make any caller. This
 * refuses an authority's certificate with its key beside it, readable by the server, in the folder layout of
 * `holdfast ca`. It cannot find a key that is kept elsewhere on the machine, or under another name.
 */
import { accessSync, constants, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The name of the key in an authority's folder. */
export const AUTHORITY_KEY = 'ca-key.pem'

/** The key beside this certificate, or beside what its symbolic link means, if this process may read it. */
export function readableAuthorityKey(certificate: string): string | undefined {
  return [certificate, realpathSync(certificate)]
    .map((path) => join(dirname(path), AUTHORITY_KEY))
    .find((path) => {
      try {
        accessSync(path, constants.R_OK)
        return true
      } catch {
        return false
      }
    })
}
