/** Where commands make files, and for whom: a new one never over another. ../common/whole-file.ts writes them. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { Refused } from './exit.ts'

/** For its owner alone, and for everybody to read. */
export const PRIVATE = 0o600
export const PUBLIC = 0o644

/** Refuses if one of them is there; for a command that makes several files or none. */
export function demandFree(files: readonly string[], mend = 'Choose another place.'): void {
  const taken = files.filter((file) => existsSync(file))
  if (taken.length > 0) {
    throw new Refused(`${taken.join(', ')}: already there, and this command overwrites nothing`, mend)
  }
}

/** The same, also if the folder of one is not there. */
export function demandPlace(files: readonly string[], mend?: string): void {
  const homeless = files.map((file) => dirname(file)).find((folder) => !existsSync(folder))
  if (homeless !== undefined)
    throw new Refused(`${homeless}: no such folder`, 'Make it first, or choose another place.')
  demandFree(files, mend)
}
