/**
 * `holdfast keys disable` and `enable`: a key whose time is over opens nothing any more. What is still sealed with it is
 * then an error, loud and audited, and opens again when the key is enabled; so before the time in which all of it expired
 * it is refused, unless the loss is accepted. The last instance that sealed with it counts, not the file alone: one whose
 * copy came late sealed for longer. While an instance seals with the key, it is refused always.
 */
import { confirm } from '../confirm.ts'
import { EXIT, Refused } from '../exit.ts'
import { changeKeys, type KeysFile, type KeysOptions, keysFile } from './file.ts'
import { demandSeen, described, stateOn } from './storage.ts'

export interface DisableOptions extends KeysOptions {
  readonly lose?: true
  readonly yes?: true
}

/** Exit code. */
export async function disableKey(id: number, { lose, yes, ...options }: DisableOptions): Promise<number> {
  if (lose && !yes) {
    await confirm(
      `Disable key ${id}, and lose what it sealed?`,
      'what the key sealed is lost while it is disabled, and whoever it sealed logs in again',
      'nothing was disabled',
    )
  }
  const keys = await keysFile(options)
  await changeKeys(keys, async (keyset) => {
    const { instances, longestTtl, sealedUntil, checkKey } = await demandSeen(keys.config, keyset)
    const sealing = instances.filter((one) => stateOn(one, id) === 'primary')
    if (sealing.length > 0 && keyset.primary.id !== id) {
      throw new Refused(
        `${sealing.length} of ${instances.length} instances that live seal with key ${id}:${described(sealing)}`,
        'Bring them this file, in which another key is primary; they take it over within seconds, or on SIGHUP.',
      )
    }
    const next = keyset.disable(id, { longestTtl, sealedUntil: sealedUntil.get(id), lose: lose === true })
    if (checkKey !== id) return next
    throw new Refused(
      `no server has taken over the promotion yet: the check cells are sealed with key ${id}, and every start has to open them`,
      'Start one with this file first; without the key it would not open them.',
    )
  })
  return told(id, 'disabled', keys)
}

/** Exit code. */
export async function enableKey(id: number, options: KeysOptions): Promise<number> {
  const keys = await keysFile(options)
  await changeKeys(keys, (keyset) => keyset.enable(id))
  return told(id, 'enabled', keys)
}

function told(id: number, state: string, { file }: KeysFile): number {
  process.stdout.write(`${id}  ${state}\n`)
  process.stderr.write(
    `${file}  changed\n\nNext: bring the file to every instance that has a copy of its own, and to its backup.\n`,
  )
  return EXIT.stopped
}
