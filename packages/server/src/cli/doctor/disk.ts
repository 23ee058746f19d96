/**
 * Where the database lies: on what kind of file system, with how much room for bytes and for files, and whether its log is
 * copied back. Free space is held against the server's own floors, by its own rule.
 */
import { statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { formatUnit } from '../../config/units.ts'
import { FreeSpace } from '../../engines/embedded/free-space.ts'
import { EmbeddedView } from '../../engines/embedded/view.ts'
import { invocation } from '../invocation.ts'
import { shellWord } from '../shell-word.ts'
import type { Facts } from './facts.ts'
import { type Finding, isThere, ok, problem, warning } from './finding.ts'

const MIB = 2 ** 20
/** A log is copied back after some 16 MiB and at the latest after 64. */
const LOG_BYTES = 256 * MIB
const FEW_FILES = 1_000
const NOTHING = { bytes: 0, unused: 0 }

/** By the magic number that Linux gives each (statfs(2)); other numbers are local disks. */
const FILE_SYSTEMS: Readonly<Record<number, readonly [name: string, 'network' | 'program' | 'memory' | 'layer']>> = {
  26985: ['NFS', 'network'],
  20859: ['SMB', 'network'],
  4283649346: ['CIFS', 'network'],
  4266872130: ['SMB2', 'network'],
  16914839: ['9P', 'network'],
  12805120: ['Ceph', 'network'],
  1397113167: ['AFS', 'network'],
  198183888: ['Lustre', 'network'],
  18225520: ['GFS2', 'network'],
  1952539503: ['OCFS2', 'network'],
  1702057286: ['FUSE', 'program'],
  16914836: ['tmpfs', 'memory'],
  2240043254: ['ramfs', 'memory'],
  2035054128: ['overlayfs', 'layer'],
}

export function disk({ config, file }: Facts): Finding[] {
  const embedded = config.engine.embedded
  if (embedded === undefined) return []
  const folder = dirname(embedded.file)
  if (!isThere(folder)) return []
  const { type, files, ffree } = statfsSync(folder)
  const found = [...kind(folder, type), ...room(embedded, file), ...log(embedded.file)]
  // Some file systems make room for files as they go, and tell of none.
  if (files > 0 && ffree < FEW_FILES) {
    found.push(problem(`the disk of ${folder} has room for ${ffree} more files`, `df -i ${shellWord(folder)}`))
  }
  return found
}

/** What a file system of this kind means for a database. */
export function kind(folder: string, type: number): Finding[] {
  const [name, what] = FILE_SYSTEMS[type >>> 0] ?? []
  const mend = 'engine: { embedded: { file: PATH-ON-A-LOCAL-DISK } }'
  switch (what) {
    case 'network':
      return [problem(`${folder} is on ${name}: a file there may be used by others, and locks do not hold`, mend)]
    case 'program':
      return [warning(`${folder} is on ${name}: whether locks hold there is for its program to say`, mend)]
    case 'memory':
      return [warning(`${folder} is on ${name}: at a restart of the machine everybody is logged out`, mend)]
    case 'layer':
      return [warning(`${folder} is on ${name}, in a container's own layer: it goes with the container`, mend)]
    default:
      return []
  }
}

function room(
  { file, minFree }: { file: string; minFree?: { writes: number; ends: number } },
  config: string,
): Finding[] {
  const known = isThere(file)
  // Before the first start there is no file; then its folder stands for it, as nothing that will grow.
  const space = new FreeSpace(known ? file : `${dirname(file)}/.`, minFree ?? {})
  const { bytes, unused } = known ? sizeOf(file) : NOTHING
  space.look(bytes, unused)
  const [free, writes, ends] = [space.free, space.floors.writes, space.floors.ends].map(rounded)
  const mend = `free some, or lower engine.embedded.minFree in ${config}`
  switch (space.floor) {
    case 2:
      return [problem(`${free} free, below the second floor (${ends}): writes and logouts are refused`, mend)]
    case 1:
      return [problem(`${free} free, below the first floor (${writes}): writes are refused, logouts go on`, mend)]
    default:
      if (space.free < 2 * space.floors.writes) {
        return [warning(`${free} free; below ${writes} writes are refused`, mend)]
      }
      return [ok(`${free} free for ${file}; below ${writes} writes are refused, below ${ends} logouts too`)]
  }
}

/** Whatever keeps the file from being read is told with the keys. */
function sizeOf(file: string): typeof NOTHING {
  let view: EmbeddedView | undefined
  try {
    view = new EmbeddedView(file)
    return view.size()
  } catch {
    return NOTHING
  } finally {
    view?.close()
  }
}

function log(file: string): Finding[] {
  const size = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0
  if (size < LOG_BYTES) return []
  const says = `${file}-wal has ${rounded(size)}: somebody reads for very long, so that it cannot be copied back`
  return [warning(says, `find who else has it open: fuser ${shellWord(file)}; and look at ${invocation} serve's log`)]
}

const rounded = (bytes: number) => {
  const unit = [2 ** 30, MIB, 1024].find((unit) => bytes >= 10 * unit) ?? 1
  return formatUnit(Math.round(bytes / unit) * unit, 'bytes')
}
