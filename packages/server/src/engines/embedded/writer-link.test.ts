/**
 * What a caller may conclude: `EngineUnavailable` only when nothing can have happened, `EngineUnconfirmed` from the
 * moment the writer has it. The writer is held up for real, by another connection that holds the file's write lock.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { EngineUnavailable, EngineUnconfirmed, type Space } from '@holdfast/engine'
import { EmbeddedEngine } from './embedded-engine.ts'

const MIB = 1024 * 1024
const SPACE: Space = { id: 'store:s', shape: 'cell', final: true, atomic: 'global', longestTtl: 60, maxSize: 8 * MIB }
const soon = () => performance.now() + 10_000
const turn = () => new Promise((resolve) => setImmediate(resolve))

interface Parts {
  readonly engine: EmbeddedEngine
  readonly worker: Worker
  /** Holds the write lock until the function it returns is called. */
  readonly lock: () => () => void
}

async function withEngine(run: (parts: Parts) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-writer-'))
  const file = join(folder, 'holdfast.db')
  const engine = new EmbeddedEngine({ file })
  const started = new Promise<Worker>((resolve) => process.once('worker', resolve))
  const locks: DatabaseSync[] = []
  const lock = () => {
    const db = new DatabaseSync(file)
    locks.push(db)
    db.exec('BEGIN IMMEDIATE')
    return () => db.exec('COMMIT')
  }
  try {
    await engine.open([SPACE])
    await run({ engine, worker: await started, lock })
  } finally {
    await engine.close()
    for (const db of locks) db.close()
    rmSync(folder, { recursive: true })
  }
}

function put(engine: EmbeddedEngine, at: Uint8Array, deadline: number, size = 10) {
  return engine.put(SPACE.id, at, new Uint8Array(size).fill(7), { ttl: 60 }, deadline)
}

test('a write without an answer by its deadline is unconfirmed, and may still happen', () =>
  withEngine(async ({ engine, lock }) => {
    const at = randomBytes(32)
    const release = lock()
    const short = put(engine, at, performance.now() + 150)
    await assert.rejects(short, EngineUnconfirmed)
    release()
    await put(engine, randomBytes(32), soon())
    assert.equal(typeof (await engine.get(SPACE.id, at, soon())), 'object')
  }))

test('each write waits for its own deadline', () =>
  withEngine(async ({ engine, lock }) => {
    const release = lock()
    const begun = performance.now()
    const waits = [400, 100, 250].map(async (ms) => {
      await assert.rejects(put(engine, randomBytes(32), begun + ms), EngineUnconfirmed)
      return performance.now() - begun
    })
    const [long, short, middle] = (await Promise.all(waits)) as [number, number, number]
    release()
    assert.ok(short >= 100 && middle >= 250 && long >= 400, `${short} ${middle} ${long}`)
    assert.ok(short < 250 && middle < 400, `${short} ${middle} ${long}`)
  }))

test('a write that was not handed over by its deadline is unavailable, and does not happen', () =>
  withEngine(async ({ engine }) => {
    const at = randomBytes(32)
    const due = performance.now() + 5
    const late = put(engine, at, due)
    while (performance.now() <= due) {
      // The event loop stands still, so nothing is handed over.
    }
    await assert.rejects(late, EngineUnavailable)
    await put(engine, randomBytes(32), soon())
    assert.equal(await engine.get(SPACE.id, at, soon()), 'absent')
  }))

test('a writer that finds the file locked for long says unavailable, and goes on afterwards', () =>
  withEngine(async ({ engine, lock }) => {
    const at = randomBytes(32)
    const release = lock()
    await assert.rejects(put(engine, at, soon()), EngineUnavailable)
    release()
    assert.equal(await engine.get(SPACE.id, at, soon()), 'absent')
    assert.deepEqual(await engine.health(), { ok: true })
    assert.equal(await put(engine, at, soon()), 'written')
  }))

test('writes past the length of the queue are refused at once, and the others are served', () =>
  withEngine(async ({ engine, lock }) => {
    const release = lock()
    const accepted = Array.from({ length: 10_000 }, () => put(engine, randomBytes(32), soon()))
    await assert.rejects(put(engine, randomBytes(32), soon()), { name: 'EngineUnavailable', message: /too many/ })
    release()
    const outcomes = await Promise.all(accepted)
    assert.ok(outcomes.every((outcome) => outcome === 'written'))
    assert.equal(await put(engine, randomBytes(32), soon()), 'written')
  }))

test('writes past the bytes of the queue are refused at once', () =>
  withEngine(async ({ engine, lock }) => {
    const release = lock()
    const accepted = Array.from({ length: 8 }, () => put(engine, randomBytes(32), soon(), 8 * MIB))
    await assert.rejects(put(engine, randomBytes(32), soon(), 1), { name: 'EngineUnavailable', message: /too many/ })
    release()
    assert.ok((await Promise.all(accepted)).every((outcome) => outcome === 'written'))
    assert.equal(await put(engine, randomBytes(32), soon(), 1), 'written')
  }))

test('when the writer dies, what it had is unconfirmed, later writes are unavailable, and health says so', () =>
  withEngine(async ({ engine, worker, lock }) => {
    const at = randomBytes(32)
    await put(engine, at, soon())
    const release = lock()
    const handed = put(engine, randomBytes(32), soon())
    await turn()
    await turn()
    const died = worker.terminate()
    const waiting = put(engine, randomBytes(32), soon())
    release()
    await assert.rejects(handed, EngineUnconfirmed)
    await Promise.allSettled([waiting, died])
    await assert.rejects(put(engine, at, soon()), EngineUnavailable)
    assert.deepEqual(await engine.health(), { ok: false, problem: 'writing: the writer thread ended' })
    assert.equal(typeof (await engine.get(SPACE.id, at, soon())), 'object', 'reads go on')
  }))

test('writes of many calls share commits', () =>
  withEngine(async ({ engine }) => {
    const figures = async () => new Map((await engine.stats()).map(({ name, value }) => [name, value]))
    await Promise.all(Array.from({ length: 500 }, () => put(engine, randomBytes(32), soon())))
    const now = await figures()
    assert.equal(now.get('committed_operations_total'), 500)
    assert.ok(now.get('commits_total')! <= 5, `${now.get('commits_total')} commits`)
  }))
