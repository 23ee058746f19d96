/** The command line as a person meets it: the real program, started with these words. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig } from '../config/load.ts'
import { loadKeysetFile, readPassphraseFile } from '../records/index.ts'

const MAIN = join(import.meta.dirname, 'main.ts')

function holdfast(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    env: { ...process.env, npm_lifecycle_event: '' },
  })
  return { code: status, stdout, stderr }
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-cli-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

test('help leads with examples and tells the exit codes, on standard output', () => {
  const { code, stdout, stderr } = holdfast('--help')
  assert.equal(code, 0)
  assert.match(stdout, /^Examples:\n {2}holdfast dev /)
  assert.match(stdout, /Exit codes:/)
  assert.equal(stderr, '')
  assert.match(holdfast('serve', '--help').stdout, /^Examples:\n {2}holdfast serve --config/)
})

const MISTAKES: [args: string[], says: RegExp][] = [
  [[], /Usage: holdfast/],
  [['dvev'], /unknown command 'dvev'\n\(Did you mean dev\?\)/],
  [['dev', '--prot', '1'], /unknown option '--prot'\n\(Did you mean --port\?\)/],
  [['dev', '--port', '65536'], /A port is a number from 0 to 65535/],
  [['dev', '--port', '8e3'], /A port is a number from 0 to 65535/],
  [['dev', '--host', '0.0.0.0'], /listens on loopback only/],
  [['dev', '--host', '127.0.0.1.example.org'], /listens on loopback only/],
  [['serve'], /required option '--config <file>' not specified/],
  [['serve', '--config', '/nowhere/holdfast.yaml'], /\/nowhere\/holdfast\.yaml: no such file/],
]

for (const [args, says] of MISTAKES) {
  test(`wrong usage ends with 2 and a way out: holdfast ${args.join(' ')}`, () => {
    const { code, stdout, stderr } = holdfast(...args)
    assert.equal(code, 2)
    assert.match(stderr, says)
    assert.equal(stdout, '')
  })
}

test('an old Node gets a sentence, not a stack trace', () => {
  const older = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"22.21.0"})'
  const { status, stderr } = spawnSync(process.execPath, ['--import', older, MAIN, 'dev'], { encoding: 'utf8' })
  assert.equal(status, 2)
  assert.match(stderr, /^holdfast needs Node 24 or newer; this is Node 22\.21\.0 \(/)
})

test('init makes a configuration, a passphrase and a keyset that belong together', async (t) => {
  const path = join(folder(t), 'new')
  const { code, stdout } = holdfast('init', path)
  assert.equal(code, 0)
  assert.match(stdout, new RegExp(`holdfast serve --config ${path}/holdfast\\.yaml`))
  const config = loadConfig(join(path, 'holdfast.yaml'))
  const { file, passphraseFile } = config.keys.stores
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(passphraseFile!).mode & 0o777, 0o600)
  assert.equal(statSync(join(path, 'db')).mode & 0o777, 0o700)
  const keyset = await loadKeysetFile(file, 'stores', { passphrase: await readPassphraseFile(passphraseFile!) })
  assert.equal(keyset.keys.length, 1)
  assert.ok(!stdout.includes(readFileSync(passphraseFile!, 'utf8').trim()))
})

test('init overwrites nothing, and writes nothing if it cannot write all', (t) => {
  const path = folder(t)
  assert.equal(holdfast('init', path).code, 0)
  const keyset = readFileSync(join(path, 'keys/stores.json'), 'utf8')
  rmSync(join(path, 'holdfast.yaml'))
  const again = holdfast('init', path)
  assert.equal(again.code, 3)
  assert.match(again.stderr, /keys\/stores\.json: already there/)
  assert.equal(readFileSync(join(path, 'keys/stores.json'), 'utf8'), keyset)
  assert.ok(!readdirSync(path).includes('holdfast.yaml'))
})
