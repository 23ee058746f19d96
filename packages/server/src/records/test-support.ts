/** What the tests of this folder share: spaces, a deadline, and an engine that lies. Not used by the server. */
import type { Cell, Deadline, RowRange, Space, StoredRow } from '@holdfast/engine'
import { MemoryEngine } from '../engines/memory/memory-engine.ts'

export const CELLS: Space = {
  id: 'store:sessions',
  shape: 'cell',
  final: true,
  atomic: 'global',
  longestTtl: 86_400,
  maxSize: 10_000,
}
export const LASTING: Space = { ...CELLS, id: 'store:lasting', final: false, longestTtl: 0 }
export const ROWS: Space = { ...CELLS, id: 'room:stores/rows', shape: 'rows', final: false, atomic: 'no' }

export const NOW = 1_790_000_000_000

export function soon(): Deadline {
  return performance.now() + 10_000
}

export function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** A memory engine whose answers a test may change on their way out. */
export class LyingEngine extends MemoryEngine {
  cell: (honest: Cell) => Cell = (honest) => honest
  rows: (honest: readonly StoredRow[]) => readonly StoredRow[] = (honest) => honest

  override async get(space: string, address: Uint8Array, deadline: Deadline): Promise<Cell | 'ended' | 'absent'> {
    const found = await super.get(space, address, deadline)
    return typeof found === 'string' ? found : this.cell(found)
  }

  override async take(space: string, address: Uint8Array, deadline: Deadline): Promise<Cell | 'ended' | 'absent'> {
    const found = await super.take(space, address, deadline)
    return typeof found === 'string' ? found : this.cell(found)
  }

  override async read(
    space: string,
    address: Uint8Array,
    range: RowRange,
    deadline: Deadline,
  ): Promise<readonly StoredRow[]> {
    return this.rows(await super.read(space, address, range, deadline))
  }
}
