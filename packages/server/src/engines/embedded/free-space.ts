/**
 * The two floors that keep a disk from filling up: a full disk could not even record a logout.
 *
 * Below the first, records are refused and so are markers of absent keys; below the second, every write. What the file
 * will grow by when its write-ahead log is copied back is no longer free. Pages that lie unused inside the file count as
 * free for the first floor, since they take new records without growing it; not for the second, because the
 * log grows outside. Whether there is room is asked before each commit;
 * another program may fill the disk in between, and then SQLite's own "full" gives the same answer.
 */
import { statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

const MIB = 1024 * 1024

export class FreeSpace {
  /** 0: enough, 1: below the floor for writes, 2: below the floor for ends. */
  floor: 0 | 1 | 2 = 0
  /** The disk itself is below the floor for writes, whatever lies unused inside the file. */
  tight = false
  readonly #file: string
  readonly #minFree: { readonly writes?: number; readonly ends?: number }

  constructor(file: string, minFree: { readonly writes?: number; readonly ends?: number }) {
    this.#file = file
    this.#minFree = minFree
  }

  /** Looks anew. `size`: bytes of the database, its log included; `unused`: bytes that lie unused in it. */
  look(size: number, unused: number): void {
    const { bavail, blocks, bsize } = statfsSync(dirname(this.#file))
    const total = blocks * bsize
    const free = bavail * bsize - Math.max(0, size - statSync(this.#file).size)
    const forWrites = this.#minFree.writes ?? Math.min(total * 0.05, 1024 * MIB)
    const forEnds = this.#minFree.ends ?? Math.min(total * 0.01, 256 * MIB)
    this.tight = free < forWrites
    if (free < forEnds) this.floor = 2
    else this.floor = free + unused < forWrites ? 1 : 0
  }
}
