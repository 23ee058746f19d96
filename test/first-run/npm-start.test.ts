/**
 * What a newcomer does: `npm start` in a copy of the tree, then the printed lines, and those of the README, pasted into a
 * shell. Real npm, real shells, real curl.
 */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { blocksOf } from '../support/guide.ts'
import { Program, ROOT } from '../support/process.ts'

const missing = ['npm', 'curl'].find((tool) => spawnSync(tool, ['--version']).status !== 0)
const skip = missing === undefined ? false : `${missing} is not installed`

describe('npm start', { skip }, () => {
  let folder: string
  let program: Program

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast first run '))
    for (const name of ['package.json', 'tsconfig.json']) cpSync(join(ROOT, name), join(folder, name))
    mkdirSync(join(folder, 'packages'))
    for (const name of readdirSync(join(ROOT, 'packages'))) {
      cpSync(join(ROOT, 'packages', name), join(folder, 'packages', name), { recursive: true })
    }
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    program = await start()
  })

  after(async () => {
    await program.stop('SIGKILL')
    rmSync(folder, { recursive: true })
  })

  /** Ports are the system's choice, so that nothing else is in the way. */
  async function start(): Promise<Program> {
    const npm = new Program(['npm', 'start', '--', '--port', '0'], { cwd: folder })
    await npm.until('the ready line', (it) => /^.*Ready on https:.*\n/m.exec(it.stdout)?.[0])
    return npm
  }

  const printedLines = (it: Program) => it.stdout.split('\n').filter((line) => line.startsWith('curl '))

  const keyOf = (line: string) => /[0-9a-f]{32}$/.exec(line)?.[0]

  /** Pastes one line into a shell; what curl prints: head and body. */
  async function paste(line: string): Promise<{ status: number; head: string; body: string }> {
    const { stdout, stderr } = await promisify(execFile)('sh', ['-c', line], { encoding: 'latin1', cwd: '/' })
    assert.equal(stderr, '', line)
    const cut = stdout.indexOf('\r\n\r\n')
    const head = stdout.slice(0, cut)
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), head, body: stdout.slice(cut + 4) }
  }

  test('says loudly that it is for development', () => {
    assert.match(program.stdout, /DEVELOPMENT MODE: not for real sessions/)
    assert.match(program.stdout, /keyset is not protected/)
    // What it logs stands before what it tells a person, not in the middle.
    const spoken = program.stdout.slice(program.stdout.indexOf('DEVELOPMENT MODE'))
    assert.doesNotMatch(spoken, /"audit":true/)
    assert.equal(program.audit().length, 1)
  })

  test('it names the pages that describe it, which the certificate opens', async () => {
    const url = /https:\/\/localhost:\d+\/docs\b/.exec(program.stdout)![0]
    const read = printedLines(program)[1]!.replace(/https:\S+$/, url)
    assert.equal((await paste(read)).status, 200)
  })

  test('it lets a session be asked for that lives as long as the guides want', async () => {
    const put = printedLines(program)[0]!.replace(/[0-9a-f]{32}$/, 'for-a-month')
    assert.equal((await paste(put.replace('--data-binary', "-H 'Holdfast-TTL: 2592000' --data-binary"))).status, 201)
  })

  test('its lines, pasted into a shell, give 201, 200 with the same bytes, 204 and 404', async () => {
    const lines = printedLines(program)
    assert.equal(lines.length, 4)
    const written = await paste(lines[0]!)
    assert.equal(written.status, 201)
    const read = await paste(lines[1]!)
    assert.equal(read.status, 200)
    const sent = /--data-binary '([^']*)'/.exec(lines[0]!)?.[1]
    assert.equal(read.body, `${sent}\n`, 'the bytes that were sent, and the line end that curl adds')
    assert.equal((await paste(lines[2]!)).status, 204)
    assert.equal((await paste(lines[3]!)).status, 404)
    assert.equal((await paste(lines[0]!)).status, 409, 'the next thing to try')
  })

  for (const shell of ['sh', 'zsh']) {
    const none = spawnSync(shell, ['-c', ':']).status === 0 ? false : `no ${shell}`
    test(`the lines of the README, pasted into ${shell}, are answered as it says`, { skip: none }, async () => {
      const blocks = blocksOf(join(ROOT, 'README.md'))
      const script = blocks.find(({ body }) => body.includes('curl '))!.body
      const shown = blocks.find(({ language }) => language === 'http')!.body
      const port = /^.*Ready on https:.*:(\d+)/m.exec(program.stdout)![1]!
      const options = { cwd: folder }
      const { stdout } = await promisify(execFile)(shell, ['-c', script.replaceAll('8443', port)], options)
      const left = stdout.replace(/^(Date|Connection|Keep-Alive|X-Content-Type-Options): .*\r\n/gm, '')
      const plain = (text: string) =>
        text
          .replaceAll('\r', '')
          .replace(/^ETag: "[\w-]{22}"/gm, 'ETag')
          .replace(/[0-9a-f-]{36}/g, 'UUID')
      assert.equal(plain(left), plain(shown))
    })
  }

  test('what it made is for its owner alone', () => {
    const data = join(folder, '.holdfast')
    assert.equal(statSync(data).mode & 0o777, 0o700)
    for (const name of ['keys/stores.json', 'tls/client-key.pem', 'tls/server-key.pem']) {
      assert.equal(statSync(join(data, name)).mode & 0o777, 0o600, name)
    }
  })

  test('its probes answer on the port beside', async () => {
    const url = /http:\/\/localhost:\d+\/readyz/.exec(program.stdout)?.[0]
    const answer = await fetch(url!.replace('localhost', '127.0.0.1'))
    assert.equal(answer.status, 200)
  })

  test('SIGTERM to npm ends everything with 0, and the next start finds what was kept', async () => {
    const [put] = printedLines(program)
    const key = 'kept-over-a-restart'
    const kept = put!.replace(/[0-9a-f]{32}$/, key)
    assert.equal((await paste(kept)).status, 201)
    const { code } = await program.stop('SIGTERM')
    assert.equal(code, 0, program.stderr)

    program = await start()
    assert.doesNotMatch(program.stdout, /Made |with new parts/)
    const [, get] = printedLines(program)
    assert.notEqual(keyOf(get!), keyOf(put!), 'a fresh key for each start')
    const read = await paste(get!.replace(/[0-9a-f]{32}$/, key))
    assert.equal(read.status, 200)
    assert.equal(read.body, 'hello, session\n')
  })
})
