/**
 * Keyset files and their passphrase files. They are kept apart from the engine's files, so that whoever takes the storage
 * or its backup does not have the keys, and a file that anyone but its owner may read or write is refused. A keyset is
 * written beside its place, flushed and then moved, so a crash leaves the old file or the new one; a first keyset is never
 * written over another, since losing a keyset is losing the room.
 */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { link, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { KeysetError } from './errors.ts'
import type { Keyset } from './keyset.ts'
import { decodeKeyset, encodeKeyset, type Wrapping } from './keyset-format.ts'

const MAX_FILE_BYTES = 2 ** 20
const MIN_PASSPHRASE_BYTES = 16

/** Writes the keyset of a new room. Throws `KeysetError` if the file is there, and changes nothing. */
export async function createKeysetFile(file: string, keyset: Keyset, wrapping: Wrapping): Promise<void> {
  await writeThen(file, await encodeKeyset(keyset, wrapping), async (written) => {
    try {
      await link(written, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      throw new KeysetError(`${file}: there already`, 'Move it away if its room is to start anew, empty.')
    } finally {
      await unlink(written)
    }
  })
}

/** Writes a changed keyset over its file, all or nothing. */
export async function replaceKeysetFile(file: string, keyset: Keyset, wrapping: Wrapping): Promise<void> {
  await writeThen(file, await encodeKeyset(keyset, wrapping), (written) => rename(written, file))
}

/** Reads the keyset of a room, or throws `KeysetError` with the file's name. */
export async function loadKeysetFile(file: string, room: string, wrapping: Wrapping): Promise<Keyset> {
  const text = (await readPrivate(file)).toString()
  try {
    return await decodeKeyset(text, room, wrapping)
  } catch (error) {
    throw error instanceof KeysetError ? new KeysetError(`${file}: ${error.message}`, error.hint) : error
  }
}

/** A passphrase: the bytes of a private file, without one newline at their end; at least 16. */
export async function readPassphraseFile(file: string): Promise<Buffer> {
  const bytes = await readPrivate(file)
  const passphrase = bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes
  if (passphrase.length >= MIN_PASSPHRASE_BYTES) return passphrase
  throw new KeysetError(
    `${file}: a passphrase has at least ${MIN_PASSPHRASE_BYTES} bytes`,
    'Make one with: openssl rand -base64 32',
  )
}

/** The content of a regular file that only its owner may use, judged by the very file that was opened. */
async function readPrivate(file: string): Promise<Buffer> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    throw new KeysetError(`${file}: cannot be opened (${error.code})`, 'Check its path, its owner and its folder.')
  })
  try {
    const { mode, size } = await handle.stat()
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > MAX_FILE_BYTES) {
      throw new KeysetError(`${file}: not a regular file of at most ${MAX_FILE_BYTES} bytes`, 'Check its path.')
    }
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8)
      throw new KeysetError(`${file}: others than its owner may use it (mode ${octal})`, `Run: chmod 600 ${file}`)
    }
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

/** Writes and flushes a file beside `file`, lets `place` move it there, and flushes the folder. */
async function writeThen(file: string, text: string, place: (written: string) => Promise<void>): Promise<void> {
  const written = `${file}.${randomUUID()}.new`
  try {
    const handle = await open(written, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await place(written)
  } catch (error) {
    await unlink(written).catch(() => undefined)
    throw error
  }
  const folder = await open(dirname(file), constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
