/** Which files are refused, with what hint, and that refusing changes nothing. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { EngineRefused, type Space } from '@holdfast/engine'
import { EmbeddedEngine } from './embedded-engine.ts'

const SPACE: Space = { id: 'store:s', shape: 'cell', final: true, atomic: 'global', longestTtl: 60, maxSize: 2000 }

if (process.argv[2] === 'child') {
  // Opens the file as another user and reports how that went.
  const engine = new EmbeddedEngine({ file: process.argv[3]! })
  const outcome = await engine.open([SPACE]).catch((error) => error)
  console.log(outcome instanceof EngineRefused ? `refused: ${outcome.message}` : `other: ${outcome}`)
  await engine.close()
} else {
  register()
}

function register(): void {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-file-'))
  after(() => rmSync(folder, { recursive: true }))
  let files = 0
  const newFile = () => join(folder, `${++files}.db`)

  async function makeFile(cells: number): Promise<string> {
    const file = newFile()
    const engine = new EmbeddedEngine({ file })
    await engine.open([SPACE])
    const deadline = performance.now() + 10_000
    await Promise.all(
      Array.from({ length: cells }, () =>
        engine.put(SPACE.id, randomBytes(32), randomBytes(1600), { ttl: 60 }, deadline),
      ),
    )
    await engine.close()
    return file
  }

  async function assertRefused(file: string, message: RegExp): Promise<void> {
    const engine = new EmbeddedEngine({ file })
    await assert.rejects(engine.open([SPACE]), (error) => {
      assert.ok(error instanceof EngineRefused, String(error))
      assert.match(error.message, message)
      assert.ok(error.message.startsWith(file) && error.hint.length > 10)
      return true
    })
    await engine.close()
  }

  /** The refused file is byte for byte what it was. */
  async function assertUntouched(file: string, message: RegExp): Promise<void> {
    const before = readFileSync(file)
    await assertRefused(file, message)
    assert.deepEqual(readFileSync(file), before)
  }

  test('a new file is readable by its owner alone, its log too', async () => {
    const file = newFile()
    const engine = new EmbeddedEngine({ file })
    await engine.open([SPACE])
    for (const name of [file, `${file}-wal`, `${file}-shm`]) assert.equal(statSync(name).mode & 0o777, 0o600)
    await engine.close()
  })

  test('an empty file, as a crash may leave it, is made anew', async () => {
    const file = newFile()
    writeFileSync(file, '')
    const engine = new EmbeddedEngine({ file })
    assert.deepEqual((await engine.open([SPACE])).fresh, [SPACE.id])
    await engine.close()
  })

  test('a file that is no database is refused', async () => {
    const file = newFile()
    writeFileSync(file, randomBytes(8192))
    await assertUntouched(file, /not a database/)
  })

  test('a database of something else is refused', async () => {
    const file = newFile()
    const db = new DatabaseSync(file)
    db.exec('CREATE TABLE cells (slot INTEGER PRIMARY KEY)')
    db.close()
    await assertUntouched(file, /not one of Holdfast/)
  })

  test('a file of a newer format is refused', async () => {
    const file = await makeFile(0)
    const db = new DatabaseSync(file)
    db.exec('PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    await assertUntouched(file, /newer Holdfast \(format 2, this one knows 1\)/)
  })

  test('a file with other tables is refused', async () => {
    const file = await makeFile(0)
    const db = new DatabaseSync(file)
    db.exec('DROP INDEX cells_expires')
    db.close()
    await assertRefused(file, /tables/)
  })

  test('a damaged file is refused, wherever the damage lies', async () => {
    const file = await makeFile(200)
    const sound = readFileSync(file)
    for (const page of [1, 20, 60]) {
      const damaged = Buffer.from(sound)
      damaged.fill(0xa5, page * 4096, page * 4096 + 512)
      writeFileSync(file, damaged)
      await assertRefused(file, /damaged/)
    }
    writeFileSync(file, sound.subarray(0, sound.length - 4096 * 20))
    await assertRefused(file, /damaged/)
  })

  test('a large file is checked by samples', async () => {
    const file = await makeFile(0)
    const db = new DatabaseSync(file)
    db.exec(`INSERT INTO cells (slot, expires, record)
      WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 999)
      SELECT i * 9007199254740, 0, randomblob(70000) FROM n`)
    db.close()
    assert.ok(statSync(file).size > 64 * 1024 * 1024)
    await assertRefused(file, /damaged/)
  })

  test('a folder that is not there is refused', async () => {
    await assertRefused(join(folder, 'absent', 'x.db'), /ENOENT/)
  })

  test('a read-only file or folder is refused', async () => {
    const file = await makeFile(1)
    const { uid } = statSync(file)
    const nobody = 65534
    const root = process.getuid?.() === 0
    const openAsUser = () => {
      const child = spawnSync(process.execPath, [import.meta.filename, 'child', file], {
        encoding: 'utf8',
        ...(root ? { uid: nobody, gid: nobody } : {}),
      })
      return child.stdout + child.stderr
    }
    if (root) for (const path of [folder, file]) chownSync(path, nobody, nobody)
    try {
      chmodSync(file, 0o400)
      assert.match(openAsUser(), /^refused: .*EACCES/)
      chmodSync(file, 0o600)
      chmodSync(folder, 0o500)
      assert.match(openAsUser(), /^refused: .*EACCES/)
    } finally {
      chmodSync(folder, 0o700)
      if (root) chownSync(folder, uid, uid)
    }
  })

  test('spaces are checked against the file, and the file is not changed by a refusal', async () => {
    const file = await makeFile(1)
    const engine = new EmbeddedEngine({ file })
    const added = { ...SPACE, id: 'store:added' }
    await engine.open([SPACE])
    await engine.confirm([SPACE.id])
    await assert.rejects(engine.open([added, { ...SPACE, final: false }]), EngineRefused)
    await assert.rejects(engine.get(added.id, randomBytes(32), performance.now() + 1000), TypeError)
    assert.deepEqual((await engine.open([SPACE])).fresh, [])
    await engine.close()
    const db = new DatabaseSync(file)
    assert.deepEqual(
      db
        .prepare('SELECT id FROM spaces')
        .all()
        .map((row) => row.id),
      [SPACE.id],
    )
    db.close()
  })

  test('of two instances that set a space up by different rules, the first is refused, and the second is right', async () => {
    const file = await makeFile(0)
    const [one, other] = [new EmbeddedEngine({ file }), new EmbeddedEngine({ file })]
    const reusable = { ...SPACE, final: !SPACE.final }
    for (const [engine, rules] of [
      [one, SPACE],
      [other, reusable],
    ] as const) {
      assert.deepEqual((await engine.open([rules])).fresh, [SPACE.id])
    }
    await assert.rejects(one.confirm([SPACE.id]), EngineRefused)
    await other.confirm([SPACE.id])
    await assert.rejects(one.open([SPACE]), EngineRefused)
    assert.deepEqual((await one.open([reusable])).fresh, [])
    await Promise.all([one.close(), other.close()])
  })
}
