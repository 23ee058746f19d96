/**
 * `holdfast keys promote`: another key seals from now on. An instance without it could not open what the others write, and
 * would log people out; so every instance that lives has to hold it first, by its own word, and where nobody can tell, it
 * is refused. Where none lives there is nobody to ask: whoever starts, starts with this file, or is stopped by the check
 * cells once another has.
 */
import { overFrom } from '../../records/index.ts'
import { EXIT, Refused } from '../exit.ts'
import { invocation } from '../invocation.ts'
import { changeKeys, type KeysOptions, keysFile } from './file.ts'
import { demandSeen, described, livingIn, type Seen, stateOn } from './storage.ts'

/** Exit code. */
export async function promoteKey(id: number, options: KeysOptions): Promise<number> {
  const keys = await keysFile(options)
  const { config, file, flags } = keys
  let seen: Seen | undefined
  let old = 0
  const promoted = await changeKeys(keys, async (keyset) => {
    const next = keyset.promote(id)
    old = keyset.primary.id
    seen = await demandSeen(config, keyset)
    demandKnown(id, seen)
    return next
  })
  const { longestTtl, instances } = seen!
  const over = new Date(overFrom(promoted.keys.find((key) => key.id === old)!, longestTtl)).toISOString()
  process.stdout.write(`${id}  primary\n`)
  process.stderr.write(`${file}  ${livingIn(seen!)}${instances.length === 0 ? '' : ', and every one holds it'}

Next:
  1. Bring the file to every instance that has a copy of its own, and to its backup: a copy from before opens nothing
     that is sealed from now on.
  2. Records move to the key as they are written. What key ${old} sealed lives until ${over},
     and as much longer as an instance takes this file over later; keys list tells. Then:
     ${invocation} keys disable${flags} ${old}
`)
  return EXIT.stopped
}

function demandKnown(id: number, { instances }: Seen): void {
  const lacking = instances.filter((one) => !['enabled', 'primary'].includes(stateOn(one, id) ?? ''))
  if (lacking.length === 0) return
  throw new Refused(
    `key ${id} does not open on ${lacking.length} of ${instances.length} instances that live:${described(lacking)}`,
    'Bring them the file; they take it over within seconds, or on SIGHUP.',
  )
}
