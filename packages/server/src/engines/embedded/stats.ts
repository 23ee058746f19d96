/** The embedded engine's figures for operators. All are read from counters: none walks over the file. */
import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { Stat } from '@holdfast/engine'
import type { WriterFigures } from './protocol.ts'

export function stats(
  db: DatabaseSync,
  file: string,
  reads: { readonly reads: number; readonly groups: number },
  writer: WriterFigures,
): readonly Stat[] {
  const held = db.prepare('SELECT total(records) AS records, total(markers) AS markers FROM spaces').get()
  const gauge = (name: string, help: string, value: number): Stat => ({ name, help, type: 'gauge', value })
  const counter = (name: string, help: string, value: number): Stat => ({ name, help, type: 'counter', value })
  return [
    gauge('records', 'Records held, expired ones not yet swept included.', Number(held?.records)),
    gauge('markers', 'Markers of ended addresses held.', Number(held?.markers)),
    counter('reads_total', 'Reads of cells.', reads.reads),
    counter('read_groups_total', 'Groups in which cells were read together.', reads.groups),
    counter('commits_total', 'Group commits, each with one fsync.', writer.commits),
    counter('committed_operations_total', 'Writes in those commits.', writer.operations),
    counter('swept_total', 'Rows removed after their expiry.', writer.swept),
    gauge('sweep_backlog', 'Rows past their expiry and not yet removed, counted up to 20,000.', writer.backlog),
    gauge('free_space_floor', '0: enough free space, 1: writes are refused, 2: ends too.', writer.floor),
    gauge('file_bytes', 'Size of the file.', size(file)),
    gauge('wal_bytes', 'Size of its write-ahead log.', size(`${file}-wal`)),
  ]
}

function size(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
