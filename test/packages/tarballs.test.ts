/**
 * What is published, used as a stranger would: tarballs installed into an empty folder. `npx holdfast dev` serves, every
 * package imports and has sound types, and nothing of development is inside.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { publint } from 'publint'
import { buildAll, buildOrder } from '../../scripts/build.ts'
import { Client } from '../support/client.ts'
import { follow } from '../support/follow.ts'
import { blocksOf } from '../support/guide.ts'
import { Program, ROOT } from '../support/process.ts'

const BUILD = join(ROOT, 'build')
/** Packages that are imported, and what each part of them must export. */
const PARTS: Readonly<Record<string, string>> = {
  '@holdfast/engine': 'EngineUnavailable',
  '@holdfast/client': 'createClient',
  'connect-holdfast': 'HoldfastStore',
}
/** What a user of these packages has besides. */
const COMPANIONS = ['express-session', '@types/express-session', '@types/node', 'express', 'better-auth'] as const
/** Pages whose steps a stranger follows with what is installed. */
const PAGES = ['client', 'connect-holdfast', 'adapters', 'server'].map((name) => `packages/${name}/README.md`)

/** Nothing is asked of a registry once more: what a page installs must be installed already. */
const NPM = `[ "$1" = install ] || exec ${JSON.stringify(spawnSync('sh', ['-c', 'command -v npm']).stdout.toString().trim())} "$@"
shift; for name; do [ -d "../../node_modules/$name" ] || { echo "$name is not installed" >&2; exit 1; }; done`
const NPX = 'name=$1; shift; exec "../../node_modules/.bin/$name" "$@"'

let folder: string
let tarballs: string[]

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

describe('the tarballs', () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-install-'))
    tarballs = buildAll(() => {})
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
    const versions = COMPANIONS.map((name) => `${name}@${locked(name)}`)
    const packages = tarballs.map((name) => join(BUILD, name))
    run('npm', ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', ...packages, ...versions])
  })

  after(() => rmSync(folder, { recursive: true, force: true }))

  test('hold compiled code, a readme and a licence, and nothing of development', () => {
    for (const name of tarballs) {
      const files = run('tar', ['tzf', join(BUILD, name)])
        .trim()
        .split('\n')
      for (const wanted of ['package/package.json', 'package/README.md', 'package/LICENSE']) {
        assert.ok(files.includes(wanted), `${name} lacks ${wanted}`)
      }
      const unwanted = files.filter(
        (file) => !/^package\/(dist\/.*\.(js|d\.ts)|package\.json|README\.md|LICENSE)$/.test(file),
      )
      assert.deepEqual(unwanted, [], name)
      assert.deepEqual(
        files.filter((file) => /\.test\.|test-support/.test(file)),
        [],
        name,
      )
    }
  })

  test('publint finds nothing', async () => {
    for (const packageFolder of buildOrder()) {
      const { messages } = await publint({ pkgDir: join(BUILD, packageFolder), pack: false })
      assert.deepEqual(messages, [], packageFolder)
    }
  })

  test('every package has its bill of materials, which names it and its version', () => {
    for (const name of tarballs) {
      const bill = JSON.parse(readFileSync(join(BUILD, name.replace(/-[^-]+\.tgz$/, '.cdx.json')), 'utf8'))
      assert.equal(bill.bomFormat, 'CycloneDX')
      assert.ok(name.includes(bill.metadata.component.name.replace('@holdfast/', 'holdfast-')), name)
      assert.equal(
        bill.metadata.component.version,
        JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version,
      )
    }
  })

  test('every part imports, and its types are sound', () => {
    const adapters = readdirSync(join(BUILD, 'adapters/dist')).filter((file) => file.endsWith('.js'))
    assert.ok(adapters.length >= 5)
    const lines = Object.entries(PARTS).map(([name, what]) => `import { ${what} } from '${name}'\nvoid ${what}`)
    const { exports } = JSON.parse(readFileSync(join(BUILD, 'adapters/package.json'), 'utf8'))
    for (const [n, part] of Object.keys(exports).entries()) {
      lines.push(`import * as adapter${n} from '@holdfast/adapters/${part.slice(2)}'\nvoid adapter${n}`)
    }
    lines.push("import session from 'express-session'", "const client = createClient({ url: 'https://localhost' })")
    lines.push(
      "session({ store: new HoldfastStore({ client }), secret: 's', resave: false, saveUninitialized: false })",
    )
    writeFileSync(join(folder, 'consumer.ts'), `${lines.join('\n')}\n`)
    const options = {
      strict: true,
      module: 'nodenext',
      target: 'es2024',
      types: ['node'],
      noEmit: true,
      skipLibCheck: false,
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }))
    run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'])
    run(process.execPath, ['consumer.ts'])
    run(process.execPath, [
      '-e',
      Object.keys(PARTS)
        .map((name) => `require('${name}')`)
        .join(';'),
    ])
  })

  for (const page of [...PAGES, 'docs/quickstart.md']) {
    test(`${page} does what it says`, async () => {
      const place = mkdtempSync(join(folder, 'page-'))
      await follow(join(ROOT, page), { folder: place, commands: { npx: NPX, npm: NPM } })
    })
  }

  test('the command, installed as docs/guides/production.md says, and found where it says', () => {
    const page = join(ROOT, 'docs/guides/production.md')
    const blocks = blocksOf(page)
    const line = /^npm install -g .*$/m.exec(blocks.find(({ language }) => language === 'bash')!.body)![0]
    const prefix = join(folder, 'prefix')
    const [command, ...args] = line.split(' ')
    const { status, stderr } = spawnSync(command!, [...args, '--prefix', prefix, '--prefer-offline'], { cwd: ROOT })
    assert.equal(status, 0, String(stderr))
    const main = /^ExecStart=\/opt\/node24\/bin\/node \/opt\/node24\/(\S+) serve /m.exec(
      readFileSync(page, 'utf8'),
    )![1]!
    assert.match(run(process.execPath, [join(prefix, main), '--version']), /^\d/)
    assert.match(run(join(prefix, 'bin/holdfast'), ['--version']), /^\d/)
  })

  test('npx holdfast dev serves a PUT and a GET', async () => {
    const program = new Program(['npx', '--no-install', 'holdfast', 'dev', '--port', '0'], {
      cwd: folder,
      // The Node of these tests, first: the machine's own may be older than the server needs.
      env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` },
    })
    try {
      const port = await program.until('ready', (it) => /Ready on https:\/\/localhost:(\d+)/.exec(it.stdout)?.[1])
      const pem = (name: string) => readFileSync(join(folder, '.holdfast/tls', name), 'utf8')
      const identity = { ca: pem('ca.pem'), cert: pem('client.pem'), key: pem('client-key.pem') }
      const client = new Client(`https://localhost:${port}`, identity, 1)
      assert.equal((await client.put('/sessions/v1/packed', 'a value')).status, 201)
      assert.equal((await client.get('/sessions/v1/packed')).body.toString(), 'a value')
      await client.close()
      assert.match(program.stdout, /For production: npx holdfast init/)
      // As Ctrl-C does: to the whole group. npx dies of it; the server, which ends in order, is the one that counts.
      process.kill(-program.child.pid!, 'SIGINT')
      await program.ended
      assert.deepEqual(program.audit().at(-1)?.event, 'stop', program.stdout)
    } finally {
      if (program.child.exitCode === null) await program.stop('SIGKILL')
    }
  })
})

function locked(name: string): string {
  const versions = ['package-lock.json', 'test/frameworks/package-lock.json'].map((file) => {
    return JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages[`node_modules/${name}`]?.version
  })
  return versions.find((version) => version !== undefined)
}
