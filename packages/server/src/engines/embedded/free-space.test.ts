/** The two floors, and a disk that is really full. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { EngineStorageFull, type Space } from '@holdfast/engine'
import { EmbeddedEngine, type EmbeddedOptions } from './embedded-engine.ts'

const FINAL: Space = { id: 'store:f', shape: 'cell', final: true, atomic: 'global', longestTtl: 3600, maxSize: 100_000 }
const REUSABLE: Space = { ...FINAL, id: 'store:r', final: false }
const ROWS: Space = { ...REUSABLE, id: 'room:rows', shape: 'rows', atomic: 'no' }
const SPACES = [FINAL, REUSABLE, ROWS]
const EVERYTHING = Number.MAX_SAFE_INTEGER
const NO_FLOORS = { writes: 0, ends: 0 }
/** Not even a disk without a free byte is below these: SQLite itself has to say that it is full. */
const BELOW_EMPTY = { writes: -EVERYTHING, ends: -EVERYTHING }
const soon = () => performance.now() + 30_000

const put = (engine: EmbeddedEngine, { id }: Space, at: Uint8Array, size = 1000) =>
  engine.put(id, at, randomBytes(size), { ttl: 60 }, soon())
const end = (engine: EmbeddedEngine, { id }: Space, at: Uint8Array) => engine.end(id, at, { everywhere: true }, soon())
const row = (at: Uint8Array) => ({ address: at, order: Uint8Array.of(1), sealed: Uint8Array.of(1), ttl: 60 })

async function withFile(run: (file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-space-'))
  try {
    await run(join(folder, 'holdfast.db'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function withEngine(options: EmbeddedOptions, run: (engine: EmbeddedEngine) => Promise<void>): Promise<void> {
  const engine = new EmbeddedEngine(options)
  try {
    await engine.open(SPACES)
    await run(engine)
  } finally {
    await engine.close()
  }
}

async function floorOf(engine: EmbeddedEngine): Promise<number | undefined> {
  return (await engine.stats()).find(({ name }) => name === 'free_space_floor')?.value
}

test('below the first floor, what would need room is refused, and what exists can be ended', () =>
  withFile(async (file) => {
    const [there, taken, reusable, listed] = Array.from({ length: 4 }, () => randomBytes(32)) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ]
    await withEngine({ file, minFree: NO_FLOORS }, async (engine) => {
      await Promise.all([there, taken].map((at) => put(engine, FINAL, at)))
      await put(engine, REUSABLE, reusable)
      await engine.append(ROWS.id, [row(listed)], soon())
      assert.equal(await floorOf(engine), 0)
    })
    await withEngine({ file, minFree: { writes: EVERYTHING, ends: 0 } }, async (engine) => {
      const absent = randomBytes(32)
      const refused = [
        () => put(engine, FINAL, absent),
        () => put(engine, FINAL, there),
        () => put(engine, REUSABLE, reusable),
        () => end(engine, FINAL, absent),
        () => engine.take(FINAL.id, absent, soon()),
        () => engine.append(ROWS.id, [row(listed)], soon()),
      ]
      for (const call of refused) await assert.rejects(call(), EngineStorageFull)
      assert.equal(await engine.get(FINAL.id, absent, soon()), 'absent', 'a refused end leaves nothing')
      assert.equal(typeof (await engine.get(FINAL.id, there, soon())), 'object')
      assert.equal(await floorOf(engine), 1)

      for (let i = 0; i < 2; i++) assert.equal(await end(engine, FINAL, there), 'done')
      assert.equal(typeof (await engine.take(FINAL.id, taken, soon())), 'object')
      for (const at of [there, taken]) assert.equal(await engine.get(FINAL.id, at, soon()), 'ended')
      for (const at of [reusable, absent]) assert.equal(await end(engine, REUSABLE, at), 'done')
      await engine.remove(ROWS.id, listed, Uint8Array.of(1), soon())
      assert.deepEqual(await engine.health(), { ok: true }, 'reads and logouts still work')
    })
  }))

test('below the second floor every write is refused, and reads go on', () =>
  withFile(async (file) => {
    const at = randomBytes(32)
    await withEngine({ file, minFree: NO_FLOORS }, async (engine) => {
      await put(engine, FINAL, at)
    })
    await withEngine({ file, minFree: { writes: EVERYTHING, ends: EVERYTHING } }, async (engine) => {
      const refused = [
        () => put(engine, FINAL, at),
        () => end(engine, FINAL, at),
        () => engine.take(FINAL.id, at, soon()),
        () => engine.remove(ROWS.id, at, Uint8Array.of(1), soon()),
      ]
      for (const call of refused) await assert.rejects(call(), EngineStorageFull)
      assert.equal(await floorOf(engine), 2)
      assert.equal(typeof (await engine.get(FINAL.id, at, soon())), 'object')
    })
  }))

/** Runs on a file system of its own, of so many megabytes. Only root can make one. */
function onSmallDisk(
  megabytes: number,
  run: (folder: string) => Promise<void>,
): (context: TestContext) => Promise<void> {
  return async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-full-'))
    const mounted = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]).status === 0
    try {
      if (!mounted) return context.skip('mounting a small file system needs root')
      await run(folder)
    } finally {
      if (mounted) spawnSync('/bin/umount', [folder])
      rmSync(folder, { recursive: true })
    }
  }
}

test(
  'the default floors keep a small disk from filling up, and every session on it can still be ended',
  onSmallDisk(64, (folder) =>
    withEngine({ file: join(folder, 'holdfast.db') }, async (engine) => {
      const written: Uint8Array[] = []
      for (let full = false; !full; ) {
        const addresses = Array.from({ length: 20 }, () => randomBytes(32))
        const outcomes = await Promise.allSettled(addresses.map((at) => put(engine, FINAL, at, 20_000)))
        for (const [i, outcome] of outcomes.entries()) {
          if (outcome.status === 'fulfilled') written.push(addresses[i]!)
          else assert.ok(outcome.reason instanceof EngineStorageFull, String(outcome.reason))
        }
        full = outcomes.some(({ status }) => status === 'rejected')
      }
      const { bavail, bsize, blocks } = statfsSync(folder)
      assert.ok(bavail > blocks * 0.02, `${bavail * bsize} bytes are left`)
      assert.equal(await floorOf(engine), 1)
      for (const at of written) assert.equal(await end(engine, FINAL, at), 'done')
      for (const at of written) assert.equal(await engine.get(FINAL.id, at, soon()), 'ended')
      // What was ended left its room inside the file.
      assert.equal(await put(engine, FINAL, randomBytes(32), 20_000), 'written')
    }),
  ),
)

test(
  'on a disk that is really full, writes are refused as such, acknowledged ones hold, and it recovers',
  onSmallDisk(8, (folder) =>
    withEngine({ file: join(folder, 'holdfast.db'), minFree: BELOW_EMPTY }, async (engine) => {
      const filler = join(folder, 'filler')
      const first = randomBytes(32)
      await put(engine, FINAL, first, 1000)
      try {
        writeFileSync(filler, randomBytes(8 * 1024 * 1024))
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
      }
      const written: Uint8Array[] = [first]
      let refused = 0
      for (let i = 0; i < 50 && refused < 5; i++) {
        const at = randomBytes(32)
        try {
          await put(engine, FINAL, at, 90_000)
          written.push(at)
        } catch (error) {
          assert.ok(error instanceof EngineStorageFull, String(error))
          refused++
          assert.equal(await engine.get(FINAL.id, at, soon()), 'absent')
        }
      }
      assert.equal(refused, 5)
      for (const at of written) assert.equal(typeof (await engine.get(FINAL.id, at, soon())), 'object')
      unlinkSync(filler)
      assert.equal(await put(engine, FINAL, randomBytes(32), 90_000), 'written')
      assert.equal(await end(engine, FINAL, first), 'done')
      assert.deepEqual(await engine.health(), { ok: true })
    }),
  ),
)

test(
  'pages that lie unused inside the file count as free for the first floor, not for the second',
  onSmallDisk(64, async (folder) => {
    const file = join(folder, 'holdfast.db')
    const addresses = Array.from({ length: 300 }, () => randomBytes(32))
    await withEngine({ file, minFree: NO_FLOORS }, async (engine) => {
      await Promise.all(addresses.map((at) => put(engine, REUSABLE, at, 100_000)))
      await Promise.all(addresses.map((at) => end(engine, REUSABLE, at)))
    })
    const { bavail, bsize } = statfsSync(folder)
    const more = bavail * bsize + 20_000_000
    await withEngine({ file, minFree: { writes: more, ends: 0 } }, async (engine) => {
      assert.equal(await put(engine, FINAL, addresses[0]!), 'written')
    })
    await withEngine({ file, minFree: { writes: more, ends: more } }, async (engine) => {
      await assert.rejects(end(engine, FINAL, addresses[0]!), EngineStorageFull)
    })
  }),
)
