/** A real server, started well and badly, as the kernel and its admin listener show it; and others in its place. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { MAIN, Program, whenReady } from '../../../../../test/support/process.ts'
import { Site } from '../../../../../test/support/site.ts'
import { complaints, factsOf, findings, freePort } from '../../../test/doctor.ts'
import { askAdmin } from './admin-client.ts'
import { CHECKS } from './checks.ts'
import type { Facts } from './facts.ts'
import { version } from './node.ts'

let site: Site
let ports: number[]
const programs: Program[] = []
before(async () => {
  ports = await Promise.all([freePort(), freePort(), freePort()])
  site = await Site.make()
})
afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop('SIGKILL')
})
after(() => site.remove())

/** A server on fixed ports, with these limits of a shell and this environment. */
async function start(limits = 'ulimit -c 0', env: NodeJS.ProcessEnv = {}, admin: object = {}): Promise<Facts> {
  site.configure((draft) => {
    draft.listen.port = ports[0]
    draft.basicListen.port = ports[1]
    draft.admin = { port: ports[2], ...admin }
  })
  const command = ['serve', '--config', join(site.folder, 'holdfast.yaml')]
  const usual = { ...process.env, NODE_EXTRA_CA_CERTS: undefined, NODE_OPTIONS: undefined, ...env }
  const program = new Program(['sh', '-c', `${limits}; exec "$0" "$@"`, process.execPath, MAIN, ...command], {
    env: usual,
  })
  programs.push(program)
  await whenReady(program)
  return factsOf(site)
}

const say = async (check: string, facts: Facts) => complaints(await CHECKS[check]!(facts))
const one = (lines: readonly string[], pattern: RegExp) => {
  assert.equal(lines.length, 1, lines.join('\n'))
  assert.match(lines[0]!, pattern)
}

test('a server that was started well: found, ready, closed', async () => {
  const facts = await start()
  const pid = programs[0]!.child.pid
  assert.deepEqual(await CHECKS.server!(facts), [
    { level: 'ok', what: `process ${pid} is ready, on 127.0.0.1:${ports[2]}` },
  ])
  assert.deepEqual(await say('debugging', facts), [])
  assert.deepEqual(await say('node', facts), [])
  const memory = await say('memory', facts)
  assert.ok(!memory.some((line) => line.includes('core')), memory.join('\n'))
  assert.equal(
    memory.some((line) => line.includes('runs as root')),
    process.geteuid!() === 0,
  )
  assert.equal(
    memory.some((line) => line.includes('its own code')),
    process.geteuid!() !== 0,
  )
})

test('by TLS where the admin listener has it, and by its own certificate alone', async () => {
  const facts = await start('ulimit -c 0', {}, { certificate: 'tls/server.pem', key: 'tls/server-key.pem' })
  assert.deepEqual(await say('server', facts), [])
  const certificate = join(site.folder, 'tls/all.pem')
  await assert.rejects(askAdmin({ ...facts.config.admin, certificate }, '/readyz'), /certificate/)
})

test('core files, and too few open files', async () => {
  const facts = await start('ulimit -c unlimited; ulimit -n 4000')
  one(
    await say('node', facts),
    /^warning: 4000 files may be open, and 4096 connections need 4708 => \[Service\] LimitNOFILE=4708$/,
  )
  const cores = (await say('memory', facts)).filter((line) => line.includes('core'))
  one(cores, /^warning: a crash writes its memory, .* => \[Service\] LimitCORE=0$/)
})

test('code beside ours, and an environment that weakens', async () => {
  site.write('harmless.mjs', '')
  const facts = await start('ulimit -c 0', {
    NODE_OPTIONS: `--import=${site.folder}/harmless.mjs`,
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    LD_LIBRARY_PATH: '/a/secret/path',
  })
  const told = await say('debugging', facts)
  assert.equal(told.length, 3, told.join('\n'))
  assert.match(told[0]!, /^warning: --import in NODE_OPTIONS of its environment loads code beside ours/)
  assert.match(
    told[1]!,
    /^problem: NODE_TLS_REJECT_UNAUTHORIZED in its environment lets TLS accept any certificate => \[Service\] Unset/,
  )
  assert.match(told[2]!, /^warning: LD_LIBRARY_PATH in its environment/)
  assert.ok(!told.join().includes('secret'))
})

test('an inspector that opened later is a port that the configuration does not have', async () => {
  const open = "import { open } from 'node:inspector'\nprocess.once('SIGUSR2', () => open(0, '127.0.0.1'))\n"
  site.write('later.mjs', open)
  await start('ulimit -c 0', { NODE_OPTIONS: `--import=${site.folder}/later.mjs` })
  const [program] = programs
  program!.child.kill('SIGUSR2')
  await program!.until('the inspector', ({ stderr }) => stderr.includes('ws://') || undefined)
  const told = await say('debugging', await factsOf(site))
  one(told.slice(1), /^problem: its process listens on port \d+, which the configuration does not have/)
})

test('a server of another configuration, which has the same admin port', async () => {
  const facts = await start()
  const { config } = facts
  const other = { ...facts, config: { ...config, listen: { ...config.listen, port: 1 } } }
  one(await say('server', other), /^problem: process \d+ listens on .* and not on port 1: it has another configuration/)
})

test('a server whose newest files are broken', async (t) => {
  await start()
  const whole = readFileSync(join(site.folder, 'tls/server.pem'))
  t.after(() => site.write('tls/server.pem', whole))
  site.write('tls/server.pem', 'x')
  programs[0]!.child.kill('SIGHUP')
  await programs[0]!.until('word of it', ({ stdout }) => stdout.includes('not reloaded') || undefined)
  const told = await say('server', await factsOf(site))
  one(told, /^problem: what it read last is broken, so it serves by what it had before => .*reload/)
})

test('no server; others in its place: not ready, another program, one that says nothing', async (t) => {
  await start()
  await programs.pop()!.stop('SIGKILL')
  const [none] = await findings(site, 'server')
  assert.deepEqual(none, { level: 'ok', what: `no server runs here: nobody listens on 127.0.0.1:${ports[2]}` })
  let metrics = 'holdfast_reload_failed 0\nholdfast_audit_lines_failed 3\n'
  const other = createServer((request, response) => {
    if (request.url === '/metrics') response.end(metrics)
    else response.writeHead(503).end('[+] serving\n[-] engine: writing: no space left\nnot ready\n')
  }).listen(ports[2], '127.0.0.1')
  const stores = createServer().listen(ports[0], '127.0.0.1')
  t.after(() => {
    other.close()
    stores.close()
  })
  await Promise.all([once(other, 'listening'), once(stores, 'listening')])
  const [notReady, audit, ...more] = complaints(await findings(site, 'server'))
  assert.match(notReady!, /^problem: not ready: engine: writing: no space left => curl http:/)
  assert.match(audit!, /^problem: audit lines were refused by their file/)
  assert.deepEqual(more, [])
  metrics = 'other_metric 1\n'
  one(
    complaints(await findings(site, 'server')),
    /^problem: on 127\.0\.0\.1:\d+ listens another program than holdfast => .*ss -ltnp/,
  )
  other.removeAllListeners('request').on('request', (_, response) => response.destroy())
  one(complaints(await findings(site, 'server')), /^problem: somebody listens on .* does not answer/)
  site.configure()
  assert.match((await findings(site, 'server'))[0]!.what, /^the server was not looked at: admin\.port is 0/)
})

test('a server of another user, whose process may not be seen', async () => {
  const facts = await start()
  assert.equal(facts.server.state, 'running')
  const hidden = { ...facts, server: { ...facts.server, uid: 998, process: undefined } } as Facts
  one(
    await say('server', hidden),
    /^warning: the server's process, of user 998, may not be read .* => sudo holdfast doctor --config /,
  )
  for (const check of ['debugging', 'memory', 'node']) assert.ok(Array.isArray(await CHECKS[check]!(hidden)), check)
})

test('without a server, the shell that would start one', async (t) => {
  const facts: Facts = { ...(await factsOf(site)), server: { state: 'none' } }
  const before = process.env.NODE_OPTIONS
  t.after(() => {
    if (before === undefined) delete process.env.NODE_OPTIONS
    else process.env.NODE_OPTIONS = before
  })
  process.env.NODE_OPTIONS = '--max-old-space-size=500 "--inspect=0"'
  process.env.NODE_DEBUG = 'tls'
  t.after(() => delete process.env.NODE_DEBUG)
  const all = await say('debugging', facts)
  assert.ok(
    all.includes(
      'problem: NODE_DEBUG in the environment of this shell prints what goes through connections => unset NODE_DEBUG',
    ),
    all.join('\n'),
  )
  const told = (await say('debugging', facts)).filter((line) => line.startsWith('problem: --'))
  one(
    told,
    /^problem: --inspect in NODE_OPTIONS of the environment of this shell opens an inspector => take --inspect out/,
  )
})

/** The machine as it would be described: what cannot be changed here for a test. */
function machine(files: Readonly<Record<string, string>>): Facts['system'] {
  const root = join(site.folder, `machine-${Math.random()}`)
  for (const [path, text] of Object.entries({ 'proc/swaps': 'Filename\n', ...files })) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    site.write(join(root, path).slice(site.folder.length + 1), text)
  }
  return { proc: join(root, 'proc'), sys: join(root, 'sys') }
}

test('ptrace, and where cores go whatever the limit is', async () => {
  const facts = await start()
  const about = async (word: string, files: Record<string, string>) => {
    return (await say('memory', { ...facts, system: machine(files) })).filter((line) => line.includes(word))
  }
  const scope = 'proc/sys/kernel/yama/ptrace_scope'
  assert.deepEqual(await about('ptrace', { [scope]: '1\n' }), [])
  one(await about('ptrace', { [scope]: '0\n' }), /=> sysctl -w kernel\.yama\.ptrace_scope=1$/)
  one(await about('ptrace', {}), /no Yama/)
  const pattern = 'proc/sys/kernel/core_pattern'
  assert.deepEqual(await about('crash', { [pattern]: 'core\n' }), [])
  assert.deepEqual(await about('crash', { [pattern]: '|/usr/lib/systemd/systemd-coredump %P\n' }), [])
  one(await about('crash', { [pattern]: '|/usr/bin/keeper %P\n' }), /to \/usr\/bin\/keeper, whatever the limit is/)
})

test('swap: none, in memory, encrypted, in the clear, or not for this process', async () => {
  const facts = await start()
  const disk = '/dev/null' // A device that is everywhere: 1:3.
  const swaps = (path: string) => ({ 'proc/swaps': `Filename Type\n${path} partition 1 0 -2\n` })
  const about = async (
    files: Record<string, string>,
    prepare: (system: Facts['system']) => void = () => {},
    group?: string,
  ) => {
    const system = machine(files)
    prepare(system)
    const { server } = facts
    assert.ok(server.state === 'running' && server.process !== undefined)
    const grouped = { ...server, process: { ...server.process, group } }
    return (await say('memory', { ...facts, system, server: grouped })).filter((line) => line.includes('swap'))
  }
  assert.deepEqual(await about({}), [])
  assert.deepEqual(await about(swaps('/dev/zram0')), [])
  one(await about(swaps(disk)), /^warning: memory may be swapped to \/dev\/null, .* => \[Service\] MemorySwapMax=0$/)
  one(await about(swaps('/nowhere')), /swapped to \/nowhere/)
  const device = (uuid: string) => ({ 'sys/dev/block/1:3/dm/uuid': uuid })
  assert.deepEqual(await about({ ...swaps(disk), ...device('CRYPT-PLAIN-swap\n') }), [])
  one(await about({ ...swaps(disk), ...device('LVM-abc\n') }), /swapped/)
  const alone = (system: Facts['system']) => mkdirSync(join(system.sys, 'dev/block/1:3/slaves'))
  one(await about({ ...swaps(disk), ...device('LVM-abc\n') }, alone), /swapped/)
  const over = (uuid: string) => (system: Facts['system']) => {
    mkdirSync(join(system.sys, 'dev/block/1:3/slaves'))
    mkdirSync(join(system.sys, 'below/dm'), { recursive: true })
    site.write(join(system.sys, 'below/dm/uuid').slice(site.folder.length + 1), uuid)
    symlinkSync(join(system.sys, 'below'), join(system.sys, 'dev/block/1:3/slaves/dm-1'))
  }
  assert.deepEqual(await about({ ...swaps(disk), ...device('LVM-abc\n') }, over('CRYPT-LUKS2-x\n')), [])
  one(await about({ ...swaps(disk), ...device('LVM-abc\n') }, over('LVM-other\n')), /swapped/)
  const limit = { 'sys/fs/cgroup/holdfast/memory.swap.max': '0\n' }
  assert.deepEqual(await about({ ...swaps(disk), ...limit }, undefined, '/holdfast'), [])
  one(
    await about({ ...swaps(disk), 'sys/fs/cgroup/holdfast/memory.swap.max': 'max\n' }, undefined, '/holdfast'),
    /swapped/,
  )
})

test('versions of Node: mended, for some months yet, no longer, not known', () => {
  const on = (day: string) => Date.parse(`${day}T12:00:00Z`)
  assert.equal(version('24.21.0', on('2026-11-25')).level, 'ok')
  assert.match(version('24.21.0', on('2028-01-15')).what, /mended until 2028-04-30 only/)
  assert.match(version('24.21.0', on('2028-05-01')).what, /mended no longer, since 2028-04-30/)
  assert.match(version('31.0.0', on('2026-11-25')).what, /not known here/)
})
