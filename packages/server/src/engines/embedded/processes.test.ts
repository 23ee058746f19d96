/** Two server processes on one file, both writing: takes and conditions are exact across them, and nothing is lost. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Engine, EngineUnavailable, type Space } from '@holdfast/engine'
import { EmbeddedEngine } from './embedded-engine.ts'

const FINAL: Space = { id: 'store:f', shape: 'cell', final: true, atomic: 'global', longestTtl: 3600, maxSize: 100 }
const REUSABLE: Space = { ...FINAL, id: 'store:r', final: false }
const SHARED = 200
const ADDITIONS = 100
const soon = () => performance.now() + 60_000
const addressOf = (name: string) => createHash('sha256').update(name).digest()
const text = (sealed: Uint8Array) => Buffer.from(sealed).toString()

interface Report {
  readonly taken: readonly number[]
  readonly first: readonly number[]
}

if (process.argv[2] === 'child') await work(process.argv[3]!, process.argv[4]!)
else register()

/** `EngineUnavailable` says that nothing happened: the file was locked for too long, so ask again. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof EngineUnavailable)) throw error
    }
  }
}

async function work(file: string, me: string): Promise<void> {
  const engine = new EmbeddedEngine({ file })
  await engine.open([FINAL, REUSABLE])
  const go = once(process, 'message')
  process.send!('ready')
  await go
  // A few at a time, so that the commits of the two processes alternate, and from opposite ends.
  const order = Array.from({ length: SHARED }, (_, i) => (me === 'one' ? i : SHARED - 1 - i))
  const each = async <T>(call: (i: number) => Promise<T>): Promise<Map<number, T>> => {
    const answers = new Map<number, T>()
    for (let start = 0; start < SHARED; start += 10) {
      const group = order.slice(start, start + 10)
      const got = await Promise.all(group.map(call))
      for (const [i, answer] of got.entries()) answers.set(group[i]!, answer)
    }
    return answers
  }
  const [takes, firsts] = await Promise.all([
    each((i) => again(() => engine.take(FINAL.id, addressOf(`shared ${i}`), soon()))),
    each((i) => {
      const ifAbsent = { ttl: 60, condition: 'absent' } as const
      return again(() => engine.put(FINAL.id, addressOf(`first ${i}`), Buffer.from(me), ifAbsent, soon()))
    }),
    each((i) => again(() => engine.put(FINAL.id, addressOf(`${me} ${i}`), Buffer.from(me), { ttl: 60 }, soon()))),
    add(engine),
  ])
  await engine.close()
  const report: Report = {
    taken: [...takes].flatMap(([i, answer]) => (typeof answer === 'object' ? [i] : [])),
    first: [...firsts].flatMap(([i, answer]) => (answer === 'written' ? [i] : [])),
  }
  process.send!(report)
  process.disconnect()
}

async function add(engine: Engine): Promise<void> {
  const at = addressOf('counter')
  for (let done = 0; done < ADDITIONS; ) {
    const cell = await again(() => engine.get(REUSABLE.id, at, soon()))
    if (typeof cell === 'string') assert.fail(`the counter is ${cell}`)
    const next = Buffer.from(`${Number(text(cell.sealed)) + 1}`)
    const over = { ttl: 60, condition: { version: cell.version } }
    if ((await again(() => engine.put(REUSABLE.id, at, next, over, soon()))) === 'written') done++
  }
}

function register(): void {
  test('two processes make, open and write one file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-processes-'))
    const file = join(folder, 'holdfast.db')
    const engine = new EmbeddedEngine({ file })
    const children = ['one', 'two'].map((me) => fork(import.meta.filename, ['child', file, me]))
    try {
      // Both find no file and make it at the same time.
      await Promise.all(children.map((child) => once(child, 'message')))
      await engine.open([FINAL, REUSABLE])
      const put = (space: Space, name: string, value: string) =>
        engine.put(space.id, addressOf(name), Buffer.from(value), { ttl: 60 }, soon())
      await Promise.all(Array.from({ length: SHARED }, (_, i) => put(FINAL, `shared ${i}`, 'one use')))
      await put(REUSABLE, 'counter', '0')

      const [one, two] = (await Promise.all(children.map(runToEnd))) as [Report, Report]
      const all = Array.from({ length: SHARED }, (_, i) => i)
      const sorted = (a: readonly number[], b: readonly number[]) => [...a, ...b].sort((x, y) => x - y)
      assert.deepEqual(sorted(one.taken, two.taken), all, 'each is taken exactly once')
      assert.deepEqual(sorted(one.first, two.first), all, 'each is first written exactly once')
      assert.ok(one.first.length > 0 && two.first.length > 0, 'both got their turn')

      const read = async (space: Space, name: string) => {
        const answer = await engine.get(space.id, addressOf(name), soon())
        return typeof answer === 'string' ? answer : text(answer.sealed)
      }
      for (const i of all) {
        assert.equal(await read(FINAL, `shared ${i}`), 'ended')
        assert.equal(await read(FINAL, `first ${i}`), one.first.includes(i) ? 'one' : 'two')
        for (const me of ['one', 'two']) assert.equal(await read(FINAL, `${me} ${i}`), me)
      }
      assert.equal(await read(REUSABLE, 'counter'), `${2 * ADDITIONS}`)
    } finally {
      await engine.close()
      for (const child of children) if (child.exitCode === null) child.kill()
      rmSync(folder, { recursive: true })
    }
  })
}

async function runToEnd(child: ChildProcess): Promise<Report> {
  const exited = once(child, 'exit')
  const reported = once(child, 'message')
  child.send('go')
  const [report] = await Promise.race([reported, exited])
  const [code] = await exited
  assert.equal(code, 0)
  return report as Report
}
