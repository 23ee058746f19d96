/** What has expired is removed in slices, while writes go on, and the figures tell. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Space } from '@holdfast/engine'
import { EmbeddedEngine } from './embedded-engine.ts'

const CELLS: Space = { id: 'store:s', shape: 'cell', final: true, atomic: 'global', longestTtl: 3600, maxSize: 100 }
const ROWS: Space = { ...CELLS, id: 'room:rows', shape: 'rows', final: false, atomic: 'no' }
const DAY = 86_400_000
/** After a start nothing is removed for so long. */
const HOUR = 3_600_000
const soon = () => performance.now() + 30_000

async function figures(engine: EmbeddedEngine): Promise<Record<string, number>> {
  return Object.fromEntries((await engine.stats()).map(({ name, value }) => [name, value]))
}

/** Waits for the sweeper's next round; the test's own time limit ends a wait in vain. */
async function until(engine: EmbeddedEngine, reached: (figures: Record<string, number>) => boolean) {
  for (;;) {
    const now = await figures(engine)
    if (reached(now)) return now
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('records, markers and rows are swept, and only what has expired', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sweep-'))
  const file = join(folder, 'holdfast.db')
  let time = Date.now()
  const engine = new EmbeddedEngine({ file, now: () => time, monotonic: () => time })
  try {
    await engine.open([CELLS, ROWS])
    time += HOUR
    const put = (at: Uint8Array, ttl: number) => engine.put(CELLS.id, at, randomBytes(50), { ttl }, soon())
    const addresses = Array.from({ length: 1000 }, () => randomBytes(32))
    const [kept, ended] = [randomBytes(32), randomBytes(32)]
    // Two addresses in one row, of which one expires.
    const [brief, long] = [1, 2].map((last) => Buffer.from([...kept.subarray(0, 31), last])) as [Buffer, Buffer]
    await Promise.all(addresses.map((at) => put(at, 60)))
    await Promise.all([put(kept, 3600), put(brief, 60), put(long, 3600)])
    await engine.end(CELLS.id, ended, { everywhere: true }, soon())
    const rows = addresses.slice(0, 300).map((address) => ({
      address,
      order: Uint8Array.of(1),
      sealed: Uint8Array.of(1),
      ttl: 60,
    }))
    await engine.append(ROWS.id, rows, soon())
    const before = await figures(engine)
    assert.deepEqual([before.records, before.markers, before.swept_total], [1303, 1, 0])

    time += 61_000
    const after = await until(engine, ({ swept_total }) => swept_total! >= 1301)
    assert.deepEqual([after.swept_total, after.records, after.markers, after.sweep_backlog], [1301, 2, 1, 0])
    for (const at of [kept, long]) assert.equal(typeof (await engine.get(CELLS.id, at, soon())), 'object')
    assert.equal(await engine.get(CELLS.id, ended, soon()), 'ended')

    time += 2 * DAY
    // The two that were left of one row go together, and then the marker.
    const last = await until(engine, ({ swept_total }) => swept_total! >= 1303)
    assert.deepEqual([last.swept_total, last.records, last.markers, last.sweep_backlog], [1303, 0, 0, 0])
  } finally {
    await engine.close()
  }
  const db = new DatabaseSync(file)
  for (const table of ['cells', 'rows']) assert.equal(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n, 0)
  db.close()
  rmSync(folder, { recursive: true })
})

test('a broken row whose time is over does not keep the others from being swept', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sweep-'))
  const file = join(folder, 'holdfast.db')
  let time = Date.now()
  const engine = new EmbeddedEngine({ file, now: () => time, monotonic: () => time })
  try {
    await engine.open([CELLS])
    time += HOUR
    await engine.put(CELLS.id, randomBytes(32), randomBytes(50), { ttl: 60 }, soon())
    const db = new DatabaseSync(file, { timeout: 5000 })
    db.prepare('INSERT INTO cells (slot, expires, record) VALUES (1, 1, ?)').run(new Uint8Array(3))
    time += 61_000
    await until(engine, ({ swept_total }) => swept_total! >= 2)
    assert.equal(db.prepare('SELECT count(*) AS n FROM cells').get()?.n, 0)
    db.close()
    assert.deepEqual(await engine.health(), { ok: true })
  } finally {
    await engine.close()
    rmSync(folder, { recursive: true })
  }
})

test('a large backlog goes in slices, and writes get their turn between them', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sweep-'))
  let time = Date.now()
  const engine = new EmbeddedEngine({ file: join(folder, 'holdfast.db'), now: () => time, monotonic: () => time })
  try {
    await engine.open([CELLS])
    time += HOUR
    const put = (ttl: number) => engine.put(CELLS.id, randomBytes(32), randomBytes(90), { ttl }, soon())
    for (let i = 0; i < 5; i++) await Promise.all(Array.from({ length: 4000 }, () => put(60)))
    time += 61_000
    await until(engine, ({ swept_total }) => swept_total! > 0)
    const seen = new Set<number>()
    let puts = 0
    for (let swept = 0; swept < 20_000; puts++) {
      await put(3600)
      const now = await figures(engine)
      swept = now.swept_total!
      seen.add(swept)
      assert.ok(swept === 20_000 || now.sweep_backlog! > 0)
    }
    assert.ok(seen.size >= 10, `${puts} writes were answered at ${seen.size} stages of the sweep`)
    const late = await until(engine, ({ swept_total }) => swept_total === 20_000)
    assert.deepEqual([late.records, late.sweep_backlog], [puts, 0])
  } finally {
    await engine.close()
    rmSync(folder, { recursive: true })
  }
})
