/** The command line as a person meets it: the real program, started with these words. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Command } from 'commander'
import { loadConfig } from '../config/load.ts'
import { loadKeysetFile, readPassphraseFile } from '../records/index.ts'
import { prepare } from './dev-files.ts'
import { makeProgram } from './program.ts'

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

test('help of every command leads with examples of that command', () => {
  const below = (command: Command, words: string): [string, Command][] => [
    [words, command],
    ...command.commands.flatMap((one) => below(one as Command, `${words} ${one.name()}`)),
  ]
  for (const [words, command] of below(makeProgram(), 'holdfast')) {
    let help = ''
    const writeOut = (text: string) => {
      help += text
    }
    command.configureOutput({ writeOut }).outputHelp()
    assert.match(help, new RegExp(`^Examples:\n {2}.*\\b${words} `), words)
  }
})

const MISTAKES: [args: string[], says: RegExp][] = [
  [[], /Usage: holdfast/],
  [['dvev'], /unknown command 'dvev'\n\(Did you mean dev\?\)/],
  [['dev', '--prot', '1'], /unknown option '--prot'\n\(Did you mean --port\?\)/],
  [['dev', '--port', '65536'], /A port is a number from 0 to 65535/],
  [['dev', '--port', '8e3'], /A port is a number from 0 to 65535/],
  [['dev', '--host', '0.0.0.0'], /listens on loopback only/],
  [['dev', '--host', '127.0.0.1.example.org'], /listens on loopback only/],
  [['ca'], /Usage: holdfast ca /],
  [['ca', 'isue', 'dns:a'], /unknown command 'isue'\n\(Did you mean issue\?\)/],
  [['ca', 'issue'], /missing required argument 'names'/],
  [['ca', 'revoke', 'a', '--yess'], /unknown option '--yess'\n\(Did you mean --yes\?\)/],
  [['caller', 'ad', 'a'], /unknown command 'ad'\n\(Did you mean add\?\)/],
  [['keys', 'lst'], /unknown command 'lst'\n\(Did you mean list\?\)\n\(try `holdfast keys --help`\)/],
  [['ca', 'issue', '--sever'], /unknown option '--sever'.*\n.*\n\(try `holdfast ca issue --help`\)/],
  [['ca', 'renew', '--due', '30'], /--due <time>' argument '30' is invalid\. Give its unit: 30d, 30h, 30m or 30s/],
  [['help', 'serv'], /Usage: holdfast /],
  [['config', 'check'], /required option '--config <file>' not specified/],
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

test('help is a command, too', () => {
  for (const words of [[], ['keys']]) {
    const { code, stdout } = holdfast('help', ...words)
    assert.equal(code, 0)
    assert.equal(stdout, holdfast(...words, '--help').stdout)
  }
})

test('who has read enough of the output makes no fault', () => {
  for (const words of ['--help', 'keys --help', '2>&1']) {
    const line = `{ sleep 0.2; "$0" "$1" ${words}; echo "ended with $?" >&3; } 3>&2 | true`
    const { stderr } = spawnSync('bash', ['-c', line, process.execPath, MAIN], { encoding: 'utf8' })
    assert.equal(stderr, `ended with ${words === '2>&1' ? 2 : 0}\n`, words)
  }
})

test('problems of a file are told as the command line names it, the same by check and serve', (t) => {
  const path = folder(t)
  const file = join(path, 'holdfast.yaml')
  writeFileSync(file, 'listen: {}\nzebra: 1\n')
  const [checked, served] = [holdfast('config', 'check', '--config', file), holdfast('serve', '--config', file)]
  assert.equal(served.stderr, checked.stderr)
  const lines = served.stderr.trimEnd().split('\n')
  assert.ok(lines.length > 2 && lines.every((line) => line.startsWith(`holdfast: ${file}:`)), served.stderr)

  const folderGiven = holdfast('serve', '--config', path)
  assert.equal(folderGiven.code, 2)
  assert.match(folderGiven.stderr, new RegExp(`${path}: a folder, not a file: --config ${file}\n`))
  rmSync(file)
  assert.match(holdfast('config', 'show', '--config', path).stderr, /a folder, not a file; `holdfast init` makes/)
})

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

test('what init and dev make is not committed by mistake', async (t) => {
  const path = folder(t)
  const git = (...args: string[]) => spawnSync('git', ['-C', path, ...args], { encoding: 'utf8' }).stdout
  git('init', '-q')
  assert.equal(holdfast('init', join(path, 'site')).code, 0)
  for (const name of ['tls/server-key.pem', 'tls/server.pem', 'db/holdfast.sqlite', 'wiki.secret', 'ca.passphrase']) {
    writeFileSync(join(path, 'site', name), 'x')
  }
  await prepare(join(path, '.holdfast'))
  const seen = git('status', '--porcelain', '--untracked-files=all').trimEnd().split('\n')
  assert.deepEqual(seen, ['?? site/.gitignore', '?? site/holdfast.yaml', '?? site/tls/server.pem'])
})

test('a folder that was there keeps what git sees of it', async (t) => {
  const path = folder(t)
  writeFileSync(join(path, '.gitignore'), 'mine\n')
  const { code, stdout } = holdfast('init', path)
  assert.equal(code, 0)
  assert.match(stdout, /\.gitignore +was there: it should name passphrase/)
  assert.equal(readFileSync(join(path, '.gitignore'), 'utf8'), 'mine\n')
  rmSync(join(path, '.gitignore'))
  await prepare(path)
  assert.ok(!readdirSync(path).includes('.gitignore'), 'dev in a folder of others')
})

test('what init makes revokes: its next steps bring a list, and the configuration has it', (t) => {
  const path = folder(t)
  const { stdout } = holdfast('init', join(path, 'site'))
  const steps = stdout.split('\n').flatMap((line) => /^ {7}(holdfast ca .*|cp .*)$/.exec(line)?.[1] ?? [])
  const script = `set -e; holdfast() { "$0" "$1" "$@"; }; cd "$2"\n${steps.join('\n')}`
    .replace('holdfast() { "$0" "$1" "$@"; }', `holdfast() { '${process.execPath}' '${MAIN}' "$@"; }`)
    .replace('cd "$2"', `cd '${path}'`)
  assert.equal(spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stderr.includes('rror'), false)
  const file = join(path, 'site/holdfast.yaml')
  const { code, stdout: good, stderr } = holdfast('config', 'check', '--config', file)
  assert.deepEqual([code, good, stderr], [0, `${file}: good\n`, ''])
  assert.equal(loadConfig(file).authorities[0]!.crl, join(path, 'site/tls/ca.crl'))
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
