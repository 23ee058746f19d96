/** Looking changes nothing: not the file, not what lies beside it, whether a server has it open, crashed or stopped. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { EngineRefused } from '@holdfast/engine'
import { EmbeddedView } from './view.ts'

const AT = Buffer.alloc(32, 1)
const soon = () => performance.now() + 10_000

/** An engine in a process of its own, which writes a cell and a row (or nothing), and then waits (or closes). */
const HOLDER = `
import { EmbeddedEngine } from ${JSON.stringify(join(import.meta.dirname, 'embedded-engine.ts'))}
const [file, ...words] = process.argv.slice(2)
const cells = { id: 'store:a', shape: 'cell', final: true, atomic: 'global', longestTtl: 60, maxSize: 100 }
const rows = { ...cells, id: 'room:rows', shape: 'rows', final: false, atomic: 'no' }
const engine = new EmbeddedEngine({ file })
await engine.open([cells, rows])
if (words.includes('write')) {
  const [address, soon] = [Buffer.alloc(32, 1), performance.now() + 10_000]
  await engine.confirm(['store:a', 'room:rows'])
  await engine.put('store:a', address, Buffer.from('sealed'), { ttl: 60 }, soon)
  await engine.append('room:rows', [{ address, order: Uint8Array.of(7), sealed: Buffer.from('row'), ttl: 60 }], soon)
}
if (words.includes('close')) await engine.close()
console.log('done')
`

function folder(t: TestContext): { path: string; file: string } {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-view-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return { path, file: join(path, 'a.sqlite') }
}

/** Starts the holder; resolves once it has done what it should. */
async function hold(t: TestContext, file: string, ...words: ('write' | 'close')[]) {
  const holder = join(folder(t).path, 'holder.mjs')
  writeFileSync(holder, HOLDER)
  const child = spawn(process.execPath, [holder, file, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  if (words.includes('close')) await ended
  return {
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

function everything(path: string): string[] {
  return readdirSync(path)
    .sort()
    .map((name) => {
      const { size, mtimeMs, mode } = statSync(join(path, name))
      const content = createHash('sha256')
        .update(readFileSync(join(path, name)))
        .digest('hex')
      return [name, size, mtimeMs, mode, content].join(' ')
    })
}

/** Reads all there is, and makes sure that nothing has changed by it. */
async function looked(path: string, file: string): Promise<void> {
  const before = everything(path)
  const view = new EmbeddedView(file)
  assert.deepEqual([...view.spaces].sort(), ['room:rows', 'store:a'])
  const cell = await view.get('store:a', AT, soon())
  assert.ok(typeof cell === 'object' && Buffer.from(cell.sealed).toString() === 'sealed')
  const rows = await view.read('room:rows', AT, { limit: 10 }, soon())
  assert.deepEqual(
    rows.map(({ sealed }) => Buffer.from(sealed).toString()),
    ['row'],
  )
  assert.ok(view.size().bytes > 4096)
  view.close()
  assert.deepEqual(everything(path), before)
}

const FILES = ['a.sqlite', 'a.sqlite-shm', 'a.sqlite-wal']

test('beside a server that has it open', async (t) => {
  const { path, file } = folder(t)
  await hold(t, file, 'write')
  assert.deepEqual(readdirSync(path).sort(), FILES)
  await looked(path, file)
})

test('beside a server that has written nothing yet', async (t) => {
  const { path, file } = folder(t)
  await hold(t, file, 'write', 'close')
  const connection = new DatabaseSync(file)
  t.after(() => connection.close())
  connection.prepare('SELECT count(*) FROM spaces').get()
  assert.equal(statSync(`${file}-wal`).size, 0)
  await looked(path, file)
})

test('after a crash, whose log nobody has copied back', async (t) => {
  const { path, file } = folder(t)
  await (await hold(t, file, 'write')).kill()
  assert.ok(statSync(`${file}-wal`).size > 0)
  await looked(path, file)
})

test('after an orderly end', async (t) => {
  const { path, file } = folder(t)
  await hold(t, file, 'write', 'close')
  assert.deepEqual(readdirSync(path), ['a.sqlite'])
  await looked(path, file)
})

test('a log without its index is not looked at, since that would make one', async (t) => {
  const { path, file } = folder(t)
  await hold(t, file, 'write')
  const copy = join(path, 'copy.sqlite')
  for (const end of ['', '-wal']) copyFileSync(`${file}${end}`, `${copy}${end}`)
  const before = everything(path)
  const refused = (error: unknown) => error instanceof EngineRefused && /its log has no index/.test(error.message)
  assert.throws(() => new EmbeddedView(copy), refused)
  assert.deepEqual(everything(path), before)
})

test('what lies unused counts as such', async (t) => {
  const { file } = folder(t)
  await hold(t, file, 'write', 'close')
  const bulk = new DatabaseSync(file)
  bulk.exec('INSERT INTO cells VALUES (99, 0, zeroblob(400000)); DELETE FROM cells WHERE slot = 99')
  bulk.close()
  const view = new EmbeddedView(file)
  t.after(() => view.close())
  const { bytes, unused } = view.size()
  assert.equal(bytes, statSync(file).size)
  assert.ok(unused >= 390_000 && unused < bytes)
})
