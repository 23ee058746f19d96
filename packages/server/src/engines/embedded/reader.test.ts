/** How reads are gathered, what a fault in one of them does to the others, and that no transaction stays open. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { EngineUnavailable, type Space } from '@holdfast/engine'
import { EmbeddedEngine } from './embedded-engine.ts'
import { slotAt } from './record.ts'

const SPACE: Space = { id: 'store:s', shape: 'cell', final: true, atomic: 'global', longestTtl: 60, maxSize: 2000 }
const soon = () => performance.now() + 10_000

async function withCells(
  count: number,
  run: (engine: EmbeddedEngine, addresses: Buffer[], file: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-reader-'))
  const file = join(folder, 'holdfast.db')
  const engine = new EmbeddedEngine({ file })
  try {
    await engine.open([SPACE])
    const addresses = Array.from({ length: count }, () => randomBytes(32))
    await Promise.all(addresses.map((at) => engine.put(SPACE.id, at, randomBytes(100), { ttl: 60 }, soon())))
    await run(engine, addresses, file)
  } finally {
    await engine.close()
    rmSync(folder, { recursive: true })
  }
}

async function figures(engine: EmbeddedEngine): Promise<Map<string, number>> {
  return new Map((await engine.stats()).map(({ name, value }) => [name, value]))
}

test('reads of one turn of the event loop go together, at most 64 at a time', () =>
  withCells(130, async (engine, addresses) => {
    for (const [reads, groups] of [
      [1, 1],
      [2, 1],
      [64, 1],
      [65, 2],
      [130, 3],
    ] as const) {
      const before = await figures(engine)
      const answers = await Promise.all(addresses.slice(0, reads).map((at) => engine.get(SPACE.id, at, soon())))
      assert.ok(answers.every((answer) => typeof answer === 'object'))
      const now = await figures(engine)
      assert.equal(now.get('reads_total')! - before.get('reads_total')!, reads)
      assert.equal(now.get('read_groups_total')! - before.get('read_groups_total')!, groups)
    }
  }))

test('one read past its deadline does not touch its neighbours', () =>
  withCells(3, async (engine, [one, two, three]) => {
    const due = performance.now() + 5
    const late = engine.get(SPACE.id, two!, due)
    const others = [one!, three!].map((at) => engine.get(SPACE.id, at, soon()))
    while (performance.now() <= due) {
      // The event loop stands still until the deadline has passed.
    }
    await assert.rejects(late, EngineUnavailable)
    assert.ok((await Promise.all(others)).every((answer) => typeof answer === 'object'))
  }))

test('a row that is not what it should be fails alone, wherever it lies in its group', () =>
  withCells(20, async (engine, addresses, file) => {
    const db = new DatabaseSync(file)
    const read = db.prepare('SELECT record FROM cells WHERE slot = ?')
    const write = db.prepare('UPDATE cells SET record = ? WHERE slot = ?')
    for (const broken of [0, 7, 19]) {
      const slot = slotAt(addresses[broken]!, 0)
      const sound = read.get(slot)!.record as Uint8Array
      const overlong = Uint8Array.from(sound)
      overlong[2] = 0x10
      for (const record of [Uint8Array.of(1), sound.subarray(0, 60), overlong]) {
        write.run(record, slot)
        const answers = await Promise.allSettled(addresses.map((at) => engine.get(SPACE.id, at, soon())))
        for (const [i, answer] of answers.entries()) {
          if (i !== broken) assert.ok(answer.status === 'fulfilled' && typeof answer.value === 'object')
          else assert.ok(answer.status === 'rejected' && answer.reason instanceof EngineUnavailable)
        }
      }
      write.run(sound, slot)
    }
    db.close()
  }))

test('no read transaction outlives the reads', () =>
  withCells(10, async (engine, addresses, file) => {
    await Promise.all(addresses.map((at) => engine.get(SPACE.id, at, soon())))
    await engine.get(SPACE.id, addresses[0]!, soon())
    // A checkpoint that empties the log has to wait for readers: it must find none.
    const db = new DatabaseSync(file)
    assert.equal(db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy, 0)
    db.close()
  }))

test('a write by another connection is seen by the next read', () =>
  withCells(1, async (engine, [at], file) => {
    const db = new DatabaseSync(file)
    for (let i = 0; i < 20; i++) {
      assert.equal(typeof (await engine.get(SPACE.id, at!, soon())), 'object')
      const row = db.prepare('DELETE FROM cells WHERE slot = ? RETURNING *').get(slotAt(at!, 0))
      assert.equal(await engine.get(SPACE.id, at!, soon()), 'absent')
      db.prepare('INSERT INTO cells VALUES (?, ?, ?)').run(row!.slot!, row!.expires!, row!.record!)
    }
    db.close()
  }))
