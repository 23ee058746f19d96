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

/** For people: why a write was refused. */
export function describeSpace(
  file: string,
  { free, floors, floor }: Pick<FreeSpace, 'free' | 'floors' | 'floor'>,
): string {
  const mib = (bytes: number) => `${Math.max(0, Math.floor(bytes / MIB))}MiB`
  const why = floor === 0 ? 'and the disk takes no more' : `and below ${mib(floors.writes)} writes are refused`
  return `${dirname(file)}: ${mib(free)} free, ${why}`
}

/** In bytes, of a disk of so many. */
function floorsOf(total: number, minFree: { readonly writes?: number; readonly ends?: number }) {
  return {
    writes: minFree.writes ?? Math.floor(Math.min(total * 0.05, 1024 * MIB)),
    ends: minFree.ends ?? Math.floor(Math.min(total * 0.01, 256 * MIB)),
  }
}

/** What the floors are on the disk of a file that may not be there yet, unless they are set; bytes. */
export function defaultFloors(file: string): { writes: number; ends: number } {
  const { blocks, bsize } = statfsSync(dirname(file))
  return floorsOf(blocks * bsize, {})
}

export class FreeSpace {
  /** 0: enough, 1: below the floor for writes, 2: below the floor for ends. */
  floor: 0 | 1 | 2 = 0
  /** The disk itself is below the floor for writes, whatever lies unused inside the file. */
  tight = false
  /** Bytes, as last looked at: what the disk still takes, and the two floors. */
  free = 0
  floors = { writes: 0, ends: 0 }
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
    this.free = bavail * bsize - Math.max(0, size - statSync(this.#file).size)
    const { writes, ends } = floorsOf(total, this.#minFree)
    this.floors = { writes, ends }
    this.tight = this.free < writes
    if (this.free < ends) this.floor = 2
    else this.floor = this.free + unused < writes ? 1 : 0
  }
}
