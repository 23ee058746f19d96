/**
 * Backup and restore as docs/operations.md says them: its lines, run on a site of this test. What was written after the
 * backup is gone, with the write-ahead log that a crash left; what was ended after it is back, but not under another path.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { blocksOf } from '../support/guide.ts'
import { ROOT } from '../support/process.ts'
import { type Server, Site } from '../support/site.ts'

const [BACKUP, RESTORE] = blocksOf(join(ROOT, 'docs/operations.md'))
  .filter(({ language }) => language === 'bash')
  .map(({ body }) => body)
const missing = ['bash', 'sqlite3'].find((tool) => spawnSync(tool, ['--version']).status !== 0)

describe('docs/operations.md', { skip: missing === undefined ? false : `no ${missing}` }, () => {
  let site: Site
  let server: Server

  /** Runs lines of the page with the site's folder and the user of this test; what systemd does, the test does. */
  function run(lines: string): void {
    const ours = lines
      .replaceAll('/var/lib/holdfast', join(site.folder, 'db'))
      .replaceAll('/var/backups', join(site.folder, 'backups'))
      .replaceAll('-o holdfast -g holdfast', `-o ${process.getuid!()} -g ${process.getgid!()}`)
      .replace(/^systemctl .*\n/gm, '')
    const { status, stderr } = spawnSync('bash', ['-ec', `umask 022\n${ours}`], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  const mode = (name: string) => statSync(join(site.folder, name)).mode & 0o777
  const kept = async (path: string) => {
    const { status, body } = await server.client().get(path)
    return status === 200 ? body.toString() : status
  }

  before(async () => {
    site = await Site.make()
    mkdirSync(join(site.folder, 'backups'))
    server = await site.start()
  })
  after(async () => {
    await server.stop()
    site.remove()
  })

  test('a backup of a running server, for its owner alone', async () => {
    for (const key of ['kept', 'ended']) {
      assert.equal((await server.client().put(`/sessions/v1/${key}`, 'before')).status, 201)
    }
    run(BACKUP!)
    assert.equal(mode('backups/holdfast.sqlite'), 0o600)
  })

  test('a restore after a crash: all as it was at the backup, nothing of the log that was left', async () => {
    const client = server.client()
    assert.equal((await client.put('/sessions/v1/kept', 'after')).status, 201)
    assert.equal((await client.put('/sessions/v1/new', 'after')).status, 201)
    assert.equal((await client.delete('/sessions/v1/ended')).status, 204)
    await server.stop('SIGKILL')
    assert.ok(readdirSync(join(site.folder, 'db')).includes('holdfast.sqlite-wal'))
    run(RESTORE!)
    assert.deepEqual(readdirSync(join(site.folder, 'db')).sort(), ['before', 'holdfast.sqlite'])
    assert.equal(mode('db/holdfast.sqlite'), 0o600)
    assert.deepEqual(
      readFileSync(join(site.folder, 'db/holdfast.sqlite')),
      readFileSync(join(site.folder, 'backups/holdfast.sqlite')),
    )
    server = await site.start()
    assert.equal(await kept('/sessions/v1/kept'), 'before')
    assert.equal(await kept('/sessions/v1/new'), 404)
    assert.equal(await kept('/sessions/v1/ended'), 'before', 'the page says that it comes back')
  })

  test('under another path a store is empty, and the others are not', async () => {
    assert.equal((await server.client().put('/echoseen/v1/mark', 'before')).status, 201)
    await server.stop()
    site.edit((draft) => {
      draft.stores[0].path = 'sessions2'
      for (const grant of draft.grants) {
        grant.stores = grant.stores.map((store: string) => (store === 'sessions' ? 'sessions2' : store))
      }
    })
    server = await site.start()
    assert.equal(await kept('/sessions2/v1/ended'), 404)
    assert.equal(await kept('/sessions/v1/ended'), 404)
    assert.equal(await kept('/echoseen/v1/mark'), 'before')
    assert.equal((await server.client().put('/sessions2/v1/ended', 'new')).status, 201)
  })
})
