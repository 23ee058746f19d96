/**
 * The two floors that keep a disk from filling up: a full disk could not even record a logout.
 *
 * Below the first, records are refused and so are markers of absent keys; below the second, every write. Pages that lie
 * unused inside the file count as free for the first floor: they take new records without growing the file. They
 * do not for the second, because the write-ahead log grows outside. Whether there is room is asked before each commit;
 * another program may fill the disk in between, and then SQLite's own "full" gives the same answer.
 */
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'

const MIB = 1024 * 1024

export class FreeSpace {
  readonly #folder: string
  readonly #minFree: { readonly writes?: number; readonly ends?: number }

  constructor(file: string, minFree: { readonly writes?: number; readonly ends?: number }) {
    this.#folder = dirname(file)
    this.#minFree = minFree
  }

  /** 0: enough, 1: below the floor for writes, 2: below the floor for ends. `unused`: bytes unused inside the file. */
  floor(unused: number): 0 | 1 | 2 {
    const { bavail, blocks, bsize } = statfsSync(this.#folder)
    const free = bavail * bsize
    const total = blocks * bsize
    if (free < (this.#minFree.ends ?? Math.min(total * 0.01, 256 * MIB))) return 2
    return free + unused < (this.#minFree.writes ?? Math.min(total * 0.05, 1024 * MIB)) ? 1 : 0
  }
}
