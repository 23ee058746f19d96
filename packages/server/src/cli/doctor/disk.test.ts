/** Where the database lies: on real disks, on a file system in memory, and with floors above what is free. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statfsSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { Site } from '../../../../../test/support/site.ts'
import { complaints, factsOf } from '../../../test/doctor.ts'
import { EmbeddedEngine } from '../../engines/embedded/embedded-engine.ts'
import { disk, kind } from './disk.ts'
import type { Facts } from './facts.ts'

const TMPFS = 0x01021994
const inMemory = existsSync('/dev/shm') && statfsSync('/dev/shm').type === TMPFS ? false : 'no tmpfs at /dev/shm'

let site: Site
let facts: Facts
before(async () => {
  site = await Site.make()
  facts = await factsOf(site)
})
after(() => site.remove())

/** Looks with these floors, in bytes. */
function withFloors(writes: number, ends: number, file = join(site.folder, 'db/holdfast.sqlite')) {
  const config = { ...facts.config, engine: { embedded: { file, minFree: { writes, ends } } } }
  return disk({ ...facts, config })
}
const one = (lines: readonly string[], pattern: RegExp) => {
  assert.equal(lines.length, 1, lines.join('\n'))
  assert.match(lines[0]!, pattern)
}

test('floors: far, near, below the first, below the second', () => {
  const { bavail, bsize } = statfsSync(site.folder)
  const free = bavail * bsize
  for (const there of [false, true]) {
    if (there) site.write('db/holdfast.sqlite', Buffer.alloc(4096))
    const [told] = withFloors(free / 4, free / 8)
    assert.equal(told!.level, 'ok', told!.what)
    assert.match(told!.what, / free for .*; below .* writes are refused, below .* logouts too/)
    one(complaints(withFloors(free * 0.75, 0)), /^warning: .* free; below .* writes are refused => free some/)
    one(complaints(withFloors(free * 2, 0)), /^problem: .* below the first floor/)
    one(
      complaints(withFloors(free * 4, free * 2)),
      /^problem: .* below the second floor .*writes and logouts are refused/,
    )
  }
})

test('what lies unused in the file is room for writes', async () => {
  const file = join(site.folder, 'db/filled.sqlite')
  const engine = new EmbeddedEngine({ file })
  await engine.open([])
  await engine.close()
  const unused = 40 * 2 ** 20
  const bulk = new DatabaseSync(file)
  bulk.exec(`INSERT INTO cells VALUES (9, 0, zeroblob(${unused})); DELETE FROM cells`)
  bulk.close()
  const { bavail, bsize } = statfsSync(site.folder)
  one(complaints(withFloors(bavail * bsize + unused / 2, 0, file)), /^warning: .* free; below /)
})

test('a log that nobody copies back', () => {
  const log = join(site.folder, 'db/holdfast.sqlite-wal')
  site.write('db/holdfast.sqlite-wal', '')
  truncateSync(log, 256 * 2 ** 20 - 1)
  assert.deepEqual(complaints(withFloors(0, 0)), [])
  truncateSync(log, 256 * 2 ** 20)
  one(complaints(withFloors(0, 0)), /^warning: .*-wal has 256MiB: .* => .*fuser /)
  rmSync(log)
})

test('a file system in memory', { skip: inMemory }, (t) => {
  const folder = mkdtempSync('/dev/shm/holdfast-')
  t.after(() => rmSync(folder, { recursive: true }))
  one(complaints(withFloors(0, 0, join(folder, 'a.sqlite'))), /^warning: .* is on tmpfs: at a restart /)
})

test('network file systems are refused; what is local is not', () => {
  for (const magic of [0x6969, 0xff534d42, 0xfe534d42, 0x01021997, 0x00c36400]) {
    one(complaints(kind('/data', magic)), /^problem: \/data is on .* locks do not hold => engine: /)
  }
  // As a system with signed numbers tells it.
  one(complaints(kind('/data', 0xff534d42 | 0)), /^problem: \/data is on CIFS/)
  for (const magic of [0xef53, 0x58465342, 0x9123683e]) assert.deepEqual(kind('/data', magic), [])
})
