/** The command as it is called: its two forms, its exit codes, what it leaves alone and what it never prints. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, chownSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { type Server, Site } from '../../../../../test/support/site.ts'
import { holdfast, MAIN, run as runIn, type Told } from '../../../test/cli.ts'
import { freePort } from '../../../test/doctor.ts'
import { inDays, issue } from '../pki.ts'
import { CHECKS } from './checks.ts'

let site: Site
let server: Server | undefined
before(async () => {
  site = await Site.make()
})
beforeEach(() => site.configure())
afterEach(async () => {
  await server?.stop()
  server = undefined
})
after(() => site.remove())

const doctor = (...args: string[]) => holdfast(site.folder, 'doctor', '--config', 'holdfast.yaml', ...args)
interface Json {
  readonly ok: boolean
  readonly findings: { check: string; level: string; what: string; mend?: string }[]
}

/** Starts the server where doctor finds it. */
async function run(): Promise<void> {
  const port = await freePort()
  site.configure((draft) => {
    draft.admin.port = port
  })
  server = await site.start()
}

/** Every file of the folder: its owner, mode, times and content. */
function everything(): string[] {
  return readdirSync(site.folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(site.folder, name)
      const { uid, mode, mtimeMs, size } = lstatSync(path)
      const content = lstatSync(path).isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''
      return [name, uid, mode, mtimeMs, size, content].join(' ')
    })
}

test('for programs: every check says something, each complaint has its mend', async () => {
  await run()
  const { code, stdout, stderr } = await doctor('--json')
  assert.equal(stderr, '')
  const { ok, findings } = JSON.parse(stdout) as Json
  assert.equal(code, 0, stdout)
  assert.equal(ok, true)
  assert.deepEqual([...new Set(findings.map(({ check }) => check))], Object.keys(CHECKS))
  for (const { level, what, mend, ...rest } of findings) {
    assert.deepEqual(Object.keys(rest), ['check'])
    assert.match(level, /^(ok|warning)$/)
    assert.equal(mend === undefined, level === 'ok', what)
  }
})

test('for people: a line for each, its mend below; a count on standard error', async () => {
  const { stdout, stderr } = await doctor()
  for (const line of stdout.trimEnd().split('\n')) {
    assert.match(line, /^(ok {6}|warning |problem ) [a-z]+ +\S|^ {24}mend: \S/)
  }
  const many = (level: string) => stdout.split('\n').filter((line) => line.startsWith(level)).length
  assert.equal(stderr, `ok: ${many('ok')}, warnings: ${many('warning')}, problems: ${many('problem')}\n`)
  assert.equal(stdout.match(/mend: /g)?.length, many('warning') + many('problem'))
})

test('exit codes: a warning is 0, unless it is asked for; a problem is 5', async () => {
  const { authority } = site
  const soon = { authority, name: 'soon', dns: ['localhost'], usages: ['server'] as const }
  const { certificate, key } = await issue({ ...soon, notBefore: inDays(-9), notAfter: inDays(1) })
  site.write('tls/server.pem', certificate)
  site.write('tls/server-key.pem', key)
  assert.equal((await doctor()).code, 0)
  const strict = await doctor('--strict', '--json')
  assert.equal(strict.code, 5)
  assert.equal(JSON.parse(strict.stdout).ok, false)
  const { code, stdout } = await doctor('--names', 'other.example.org', '--json')
  assert.equal(code, 5)
  assert.equal(JSON.parse(stdout).ok, false)
})

test('a configuration that is wrong or not there is a problem, told by its line', async () => {
  site.configure((draft) => draft.grants[0].stores.push('sesions'))
  const { code, stdout } = await doctor('--json')
  assert.equal(code, 5)
  const { findings } = JSON.parse(stdout) as Json
  assert.equal(findings.length, 1)
  assert.match(findings[0]!.what, /^holdfast\.yaml:\d+: grants\[0\]\.stores\[3\]: no store has the path "sesions"/)
  assert.equal(findings[0]!.mend, 'holdfast config check --config holdfast.yaml')
  const nowhere = await holdfast(site.folder, 'doctor', '--config', 'nowhere.yaml')
  assert.equal(nowhere.code, 5)
  assert.match(nowhere.stdout, /^problem {2}configuration {2}nowhere\.yaml: no such file/)
})

test('what a start would refuse is told, and the rest is looked at all the same', async (t) => {
  const passphrase = readFileSync(join(site.folder, 'passphrase'))
  t.after(() => site.write('passphrase', passphrase))
  site.write('passphrase', 'a wrong passphrase of some length')
  const { code, stdout } = await doctor('--json')
  assert.equal(code, 5)
  const { findings } = JSON.parse(stdout) as Json
  const problems = findings.filter(({ level }) => level === 'problem')
  assert.deepEqual(
    problems.map(({ check, mend }) => [check, mend]),
    [
      [
        'configuration',
        'Bring its passphrase from escrow, or the file from its backup: nothing else opens what is stored.',
      ],
    ],
  )
  assert.ok(findings.length > 6)
})

test('nothing is changed: before a start, beside a server, after a crash, after an orderly end', async () => {
  const unchanged = async (when: string, but: (line: string) => boolean = () => true) => {
    const before = everything().filter(but)
    assert.equal((await doctor()).code, 0)
    assert.deepEqual(everything().filter(but), before, when)
  }
  for (const name of readdirSync(join(site.folder, 'db'))) rmSync(join(site.folder, 'db', name))
  await unchanged('before a start')
  await run()
  // A server that lives writes by itself.
  await unchanged('beside a server', (line) => !line.startsWith('db/holdfast.sqlite'))
  await server!.stop('SIGKILL')
  assert.ok(readdirSync(join(site.folder, 'db')).length > 1)
  await unchanged('after a crash')
  server = await site.start()
  await server.stop()
  server = undefined
  assert.deepEqual(readdirSync(join(site.folder, 'db')), ['holdfast.sqlite'])
  await unchanged('after an orderly end')
})

test('no secret is printed', async () => {
  await run()
  site.write('tls/another-key.pem', site.certificates.all.key)
  const secrets = [
    readFileSync(join(site.folder, 'passphrase'), 'utf8'),
    createHash('sha256').update(site.basicSecret).digest('hex'),
    ...JSON.stringify(JSON.parse(readFileSync(join(site.folder, 'keys/stores.json'), 'utf8'))).matchAll(
      /[\w+/=]{40,}/g,
    ),
    ...readdirSync(join(site.folder, 'tls')).flatMap((name) => {
      const [body] =
        /(?<=PRIVATE KEY-----\n)[\w+/=]{40,}/.exec(readFileSync(join(site.folder, 'tls', name), 'utf8')) ?? []
      return body === undefined ? [] : [body]
    }),
  ].map(String)
  assert.ok(secrets.length > 6)
  for (const { stdout, stderr } of [await doctor(), await doctor('--json')]) {
    for (const secret of secrets) assert.ok(!(stdout + stderr).includes(secret))
  }
})

const NOBODY = 65_534
const others = process.geteuid!() !== 0 && 'only root becomes another user'

/** The command as another user, to whom the folders of this repository may be closed: it is loaded before. */
function asNobody(...args: string[]): Promise<Told> {
  const words = ['doctor', '--config', 'holdfast.yaml', ...args]
  const program = `
    const [{ run }] = await Promise.all(${JSON.stringify([join(MAIN, '../program.ts'), join(import.meta.dirname, 'doctor.ts')])}.map((path) => import(path)))
    process.setgroups([])
    process.setgid(${NOBODY})
    process.setuid(${NOBODY})
    process.exitCode = await run(${JSON.stringify(words)})`
  return runIn(site.folder, process.execPath, '--input-type=module', '-e', program)
}

test('a user who may not read everything hears of it, and how to', { skip: others }, async (t) => {
  t.after(() => chmodSync(site.folder, 0o700))
  await run()
  chmodSync(site.folder, 0o755)
  for (const name of ['holdfast.yaml', 'tls/ca.pem', 'tls/server.pem']) chmodSync(join(site.folder, name), 0o644)
  chmodSync(join(site.folder, 'tls'), 0o755)
  const { code, stdout, stderr } = await asNobody('--json')
  assert.equal(stderr, '')
  assert.equal(code, 0, stdout)
  const { findings } = JSON.parse(stdout) as Json
  const [found] = findings.filter(({ what }) => what.includes('server-key.pem'))
  assert.equal(found?.level, 'warning', stdout)
  assert.equal(found?.mend, 'sudo holdfast doctor --config holdfast.yaml')
  const shown = (check: string) => findings.filter((finding) => finding.check === check).map(({ what }) => what)
  assert.match(shown('server').join(), /the server's process, of user 0, may not be read/)
  assert.match(shown('certificates').join(), /listen: /)
  assert.match(shown('configuration').join(), /not looked at: .*passphrase: cannot be opened/)
  assert.match(shown('disk').join() + shown('keys').join(), /may not be read|not finished/)
})

test('the user that runs it, or would, must read everything', { skip: others }, async (t) => {
  t.after(() => chmodSync(site.folder, 0o700))
  chmodSync(site.folder, 0o755)
  chmodSync(join(site.folder, 'holdfast.yaml'), 0o644)
  const { code, stdout } = await asNobody('--json')
  assert.equal(code, 5)
  const { findings } = JSON.parse(stdout) as Json
  assert.ok(
    findings.some(({ level, what }) => level === 'problem' && /passphrase: cannot be opened \(EACCES\)/.test(what)),
    stdout,
  )
  chownSync(join(site.folder, 'holdfast.yaml'), 0, 0)
  chmodSync(join(site.folder, 'holdfast.yaml'), 0o600)
  const blind = await asNobody()
  assert.equal(blind.code, 5)
  assert.match(blind.stdout, /^problem {2}configuration {2}holdfast\.yaml: cannot be read \(EACCES\)/)
})
