/**
 * Files that are written whole: beside their place, flushed, put there, and their folder flushed. So a crash or a power cut
 * leaves the old file, the new file or none, and never a part; and what was written before something else is not lost
 * while that is kept. A crash may leave what lay beside, FILE.*.new; it is never read.
 */
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Who may do what with a file. */
type Access = Pick<Stats, 'uid' | 'gid' | 'mode'>

/** A file that was not there; throws EEXIST if it is. `as`: its mode, or the file whose owner and mode it gets. */
export function createWhole(file: string, text: string, as: number | Access): void {
  writeBeside(file, text, as, (written) => linkSync(written, file))
}

/** Over a file that may be there: by then it has the owner and the mode that the old one had. */
export function replaceWhole(file: string, text: string, mode: number): void {
  const old = statSync(file, { throwIfNoEntry: false })
  writeBeside(file, text, old ?? mode, (written) => renameSync(written, file))
}

/** The folder and those above it, as far as they are not there, with this mode. */
export function makeFolder(folder: string, mode = 0o777): void {
  if (existsSync(folder)) return
  makeFolder(dirname(folder), mode)
  mkdirSync(folder, { mode })
  flush(dirname(folder))
}

/** What is in a file, or which files are in a folder, is on the disk when this returns. */
export function flush(place: string): void {
  const handle = openSync(place, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function writeBeside(file: string, text: string, as: number | Access, put: (written: string) => void): void {
  const beside = `${file}.${randomUUID()}.new`
  try {
    const handle = openSync(beside, 'wx', typeof as === 'number' ? as : 0o600)
    try {
      writeFileSync(handle, text)
      if (typeof as !== 'number') {
        if (as.uid !== process.geteuid!() || as.gid !== process.getegid!()) fchownSync(handle, as.uid, as.gid)
        fchmodSync(handle, as.mode & 0o777)
      }
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    put(beside)
  } finally {
    rmSync(beside, { force: true })
  }
  flush(dirname(file))
}
