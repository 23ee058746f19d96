/**
 * Keyset files. They are kept apart from the engine's files, so that whoever takes the storage or its backup does not have
 * the keys, and a file whose mode lets others than its owner read or write it is refused; who the owner is, is not asked.
 * A keyset is written whole, so a crash leaves the old file or the new one. Losing a keyset is losing the room: a first
 * keyset is never written over another, and of two changes at once neither is lost.
 */
import { constants, type Stats } from 'node:fs'
import { open, realpath, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createWhole, flush } from '../common/whole-file.ts'
import { KeysetError } from './errors.ts'
import type { Keyset } from './keyset.ts'
import { decodeKeyset, encodeKeyset, type Wrapping } from './keyset-format.ts'

/** Never make another: it would open nothing that is stored. */
const RESTORE =
  'Check its path and its owner. If it is lost, restore it from its backup: no other keyset opens what is stored.'
const MAX_FILE_BYTES = 2 ** 20

/** Writes the keyset of a new room. Throws `KeysetError` if the file is there, and changes nothing. */
export async function createKeysetFile(file: string, keyset: Keyset, wrapping: Wrapping): Promise<void> {
  createNew(file, await encodeKeyset(keyset, wrapping), 0o600, 'Move it away if what it seals is to start anew, empty.')
}

/**
 * Reads the keyset, lets `change` make another of it, and writes that over the file, wrapped by `next`: all or nothing, and
 * not over what somebody else wrote meanwhile. Nothing is locked while `change` works, which may ask the storage or a
 * person; the file is compared with what was read in the last moment, while its place is held by FILE.lock. Owner and
 * mode stay. Rejects with `KeysetError`, or as `change` does; the file is then as it was.
 */
export async function changeKeysetFile(
  file: string,
  room: string,
  wrapping: Wrapping,
  change: (keyset: Keyset) => Keyset | Promise<Keyset>,
  next: Wrapping = wrapping,
): Promise<Keyset> {
  const place = await realpath(file).catch(() => file)
  const before = await readPrivateFile(place, { mend: RESTORE })
  const access = await stat(place)
  const keyset = await change(await decode(place, before, room, wrapping))
  const lock = `${place}.lock`
  createNew(
    lock,
    await encodeKeyset(keyset, next),
    access,
    'Another command is changing the keyset. If none is, one was cut off: remove this file.',
  )
  try {
    const now = await readPrivateFile(place).catch(() => undefined)
    if (now?.equals(before) !== true) {
      throw new KeysetError(`${file}: was changed by somebody else meanwhile`, 'Run the command again.')
    }
    await rename(lock, place)
  } catch (error) {
    await unlink(lock).catch(() => undefined)
    throw error
  }
  flush(dirname(place))
  return keyset
}

/** Reads the keyset of a room, or throws `KeysetError` with the file's name. */
export async function loadKeysetFile(file: string, room: string, wrapping: Wrapping): Promise<Keyset> {
  return decode(file, await readPrivateFile(file, { mend: RESTORE }), room, wrapping)
}

async function decode(file: string, content: Buffer, room: string, wrapping: Wrapping): Promise<Keyset> {
  try {
    return await decodeKeyset(content.toString(), room, wrapping)
  } catch (error) {
    throw error instanceof KeysetError ? new KeysetError(`${file}: ${error.message}`, error.hint) : error
  }
}

interface ReadOptions {
  /** `group`: its group may read it, too, as it seems where a service manager lets one more user in by an access list. */
  readonly readers?: 'owner' | 'group'
  /** What to do if it cannot be opened. */
  readonly mend?: string
}

/** The content of a regular file that only its owner may use, judged by the very file that was opened. */
export async function readPrivateFile(
  file: string,
  { readers = 'owner', mend = 'Check its path, its owner and its folder.' }: ReadOptions = {},
): Promise<Buffer> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    throw new KeysetError(`${file}: cannot be opened (${error.code})`, mend)
  })
  try {
    const { mode, size } = await handle.stat()
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > MAX_FILE_BYTES) {
      throw new KeysetError(`${file}: not a regular file of at most ${MAX_FILE_BYTES} bytes`, 'Check its path.')
    }
    if ((mode & (readers === 'owner' ? 0o077 : 0o037)) !== 0) {
      const octal = (mode & 0o777).toString(8)
      throw new KeysetError(`${file}: others than its owner may use it (mode ${octal})`, `Run: chmod 600 ${file}`)
    }
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

/** Refuses if there is something already. */
function createNew(file: string, text: string, as: number | Stats, hint: string): void {
  try {
    createWhole(file, text, as)
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? new KeysetError(`${file}: there already`, hint) : error
  }
}
