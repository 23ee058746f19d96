/**
 * `holdfast keys add`: a new key that opens and does not seal. Between this and `promote` lies the time in which every
 * instance learns it, so that none of them ever meets a record that it cannot open.
 */
import { EXIT } from '../exit.ts'
import { invocation } from '../invocation.ts'
import { changeKeys, type KeysOptions, keysFile } from './file.ts'

/** Exit code. */
export async function addKey(options: KeysOptions): Promise<number> {
  const keys = await keysFile(options)
  const { file, flags } = keys
  const added = await changeKeys(keys, (keyset) => keyset.add().keyset)
  const { id } = added.keys.at(-1)!
  process.stdout.write(`${id}\n`)
  process.stderr.write(`${file}  holds it, enabled: it seals nothing yet

Next:
  1. Bring the file to every instance that has a copy of its own, and to its backup. A server takes it over within
     seconds, or on SIGHUP.
  2. ${invocation} keys list${flags}
     until it opens on all of them.
  3. ${invocation} keys promote${flags} ${id}
`)
  return EXIT.stopped
}
