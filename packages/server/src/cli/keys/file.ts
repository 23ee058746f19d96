/** The keyset that a configuration names, opened with the passphrase that it names: what every command here begins with. */
import { loadPlaced, type Placed } from '../../config/load.ts'
import { changeKeysetFile, type Keyset, loadKeysetFile, wrappingFrom } from '../../records/index.ts'
import { shellWord } from '../shell-word.ts'

const ROOM = 'stores'

export interface KeysOptions {
  readonly config: string
}

type Wrapping = Awaited<ReturnType<typeof wrappingFrom>>

/** A keyset's file, and what opens it. */
export interface KeysFile extends Placed {
  readonly file: string
  readonly wrapping: Wrapping
  /** ` --config FILE`, for the commands that are told to be run next. */
  readonly flags: string
}

export async function keysFile({ config: name }: KeysOptions): Promise<KeysFile> {
  const placed = loadPlaced(name)
  const { file, ...source } = placed.config.keys.stores
  return { ...placed, file, wrapping: await wrappingFrom(source), flags: ` --config ${shellWord(name)}` }
}

export function loadKeys({ file, wrapping }: KeysFile): Promise<Keyset> {
  return loadKeysetFile(file, ROOM, wrapping)
}

/** All or nothing; see `changeKeysetFile`. */
export function changeKeys(
  { file, wrapping }: KeysFile,
  change: (keyset: Keyset) => Keyset | Promise<Keyset>,
  next = wrapping,
): Promise<Keyset> {
  return changeKeysetFile(file, ROOM, wrapping, change, next)
}
