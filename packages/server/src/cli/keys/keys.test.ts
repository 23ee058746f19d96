/**
 * `holdfast keys` where no server runs, beside storage as servers leave it: what each command does to the file, and what it
 * refuses, leaving it as it was.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Site } from '../../../../../test/support/site.ts'
import { holdfast, MAIN, must, noTerminal, run } from '../../../test/cli.ts'
import { loadPlaced } from '../../config/load.ts'
import { EmbeddedEngine } from '../../engines/embedded/embedded-engine.ts'
import { Heartbeat, INSTANCES, loadKeysetFile, Records } from '../../records/index.ts'
import { storeSpace } from '../../stores/rules.ts'

async function siteFor(t: TestContext, change?: Parameters<typeof Site.make>[0]): Promise<Site> {
  const site = await Site.make(change)
  t.after(() => site.remove())
  return site
}

/** An instance on the site's storage, with the keyset as its file has it now. `end`: as a crash would, without a farewell. */
async function instanceOn(site: Site, now: () => number = Date.now) {
  const engine = new EmbeddedEngine({ file: join(site.folder, 'db/holdfast.sqlite'), now })
  const { stores } = loadPlaced(join(site.folder, 'holdfast.yaml')).config
  const room = { room: 'stores', keyset: await load(site), spaces: [...stores.map(storeSpace), INSTANCES] }
  const records = await Records.open(engine, [room], now)
  const describe = () => ({ host: 'here', pid: 42, version: '1.2.3', configuration: 'abc' })
  const heartbeat = new Heartbeat({ records, describe, failed: () => {} })
  const end = async () => {
    await engine.close()
    await heartbeat.stop()
  }
  return { records, heartbeat, end }
}

/** A server was started on the storage with the keyset as it is now, and stopped. */
async function wasServed(site: Site): Promise<void> {
  await (await instanceOn(site)).end()
}

const keysetFile = ({ folder }: Site) => join(folder, 'keys/stores.json')
const flags = ['--config', 'holdfast.yaml']
const keys = ({ folder }: Site, command: string, ...args: string[]) =>
  holdfast(folder, 'keys', command, ...flags, ...args)

function load(site: Site, passphrase = readFileSync(join(site.folder, 'passphrase'))) {
  return loadKeysetFile(keysetFile(site), 'stores', { passphrase })
}

async function list(site: Site) {
  return JSON.parse((await must(keys(site, 'list', '--json'))).stdout)
}

/** It ends with this code and these words, nothing on standard output, and changes nothing. */
async function refused(site: Site, code: number, says: RegExp, command: string, ...args: string[]): Promise<void> {
  const before = existsSync(keysetFile(site)) ? readFileSync(keysetFile(site)) : undefined
  const told = await keys(site, command, ...args)
  assert.deepEqual([told.code, told.stdout], [code, ''], told.stderr)
  assert.match(told.stderr, says)
  assert.match(told.stderr, /\n {2}\S|yes|whole number/, 'a way out')
  if (before !== undefined) assert.deepEqual(readFileSync(keysetFile(site)), before)
  assert.deepEqual(readdirSync(join(site.folder, 'keys')), before === undefined ? [] : ['stores.json'])
}

test('list: the keys, and that no instance lives; the storage is not made', async (t) => {
  const site = await siteFor(t)
  const { stdout, stderr } = await must(keys(site, 'list'))
  const { primary } = await load(site)
  assert.match(stdout, /^KEY +STATE +MADE +DEMOTED +DISABLE FROM +OPENS ON +SEALS ON\n/)
  assert.match(stdout, new RegExp(`^${primary.id} +primary +20\\S+ +0 of 0 +0 of 0\\n$`, 'm'))
  assert.equal(stderr, 'no instance lives\n')
  const { file, keys: told, ...rest } = await list(site)
  assert.equal(file, keysetFile(site))
  assert.deepEqual(rest, { instances: [], problem: null, behind: null })
  assert.deepEqual(told, [
    {
      id: primary.id,
      state: 'primary',
      madeAt: new Date(primary.createdAt).toISOString(),
      demotedAt: null,
      disableFrom: null,
      opensOn: 0,
      sealsOn: 0,
    },
  ])
  assert.deepEqual(readdirSync(join(site.folder, 'db')), [])
})

test('a rotation with nobody there: add, promote, disable when its time is over; enable', async (t) => {
  const site = await siteFor(t)
  await wasServed(site)
  const old = (await load(site)).primary.id
  const added = await must(keys(site, 'add'))
  const id = Number(added.stdout)
  assert.equal(added.stdout, `${id}\n`)
  assert.match(added.stderr, new RegExp(`holdfast keys promote --config holdfast.yaml ${id}\n`))
  assert.deepEqual(
    (await load(site)).keys.map((key) => [key.id, key.state]),
    [
      [old, 'primary'],
      [id, 'enabled'],
    ],
  )
  const promoted = await must(keys(site, 'promote', String(id)))
  assert.match(promoted.stderr, /no instance lives\n/)
  const { keys: after } = await load(site)
  assert.deepEqual(
    after.map((key) => key.state),
    ['enabled', 'primary'],
  )
  const over = after[0]!.demotedAt! + 365 * 86_400_000
  assert.ok(promoted.stderr.includes(new Date(over).toISOString()), 'the longest TTL is that of echoseen')
  const [first, second] = (await list(site)).keys
  assert.equal(first.disableFrom, new Date(over).toISOString())
  assert.equal(second.disableFrom, null)

  await refused(site, 3, /records sealed with key .* may live until .*\n {2}.*--lose/, 'disable', String(old))
  await wasServed(site)
  await refused(site, 2, /lost while it is disabled.*: confirm it by --yes/, 'disable', String(old), '--lose')
  await must(keys(site, 'disable', String(old), '--lose', '--yes'))
  assert.equal((await load(site)).keys[0]!.state, 'disabled')
  await must(keys(site, 'enable', String(old)))
  assert.deepEqual((await load(site)).keys[0], { ...after[0], secret: (await load(site)).keys[0]!.secret })
})

test('what makes no sense is refused', async (t) => {
  const site = await siteFor(t)
  await wasServed(site)
  const { id } = (await load(site)).primary
  const other = String(id === 1 ? 2 : 1)
  await refused(site, 3, /have no key/, 'promote', other)
  await refused(site, 3, /is primary\n/, 'promote', String(id))
  await refused(site, 3, /is the primary\n/, 'disable', String(id))
  await refused(site, 3, /is not disabled\n/, 'enable', String(id))
  for (const text of ['0', '4294967296']) {
    await refused(site, 2, /A key id is a whole number from 1 to 4294967295/, 'promote', text)
  }
})

test('the storage cannot be read: list says so, promote and disable are refused, add and enable are not', async (t) => {
  const site = await siteFor(t)
  const id = Number((await must(keys(site, 'add'))).stdout)
  const makes: [says: RegExp, make: () => void][] = [
    [/not a database/, () => site.write('db/holdfast.sqlite', 'x'.repeat(4096))],
    [/db: cannot be read \(ENOENT\)/, () => rmSync(join(site.folder, 'db'), { recursive: true })],
  ]
  for (const [says, make] of makes) {
    make()
    const { stdout, stderr } = await must(keys(site, 'list'))
    assert.match(stdout, new RegExp(`^${id} +enabled .* \\? +\\?\n`, 'm'))
    assert.match(stderr, new RegExp(`^warning: nobody can tell which instances live: .*${says.source}`))
    const { problem, instances, keys: told } = await list(site)
    assert.match(problem, says)
    assert.deepEqual([instances, told[1].opensOn], [null, null])
    await refused(site, 3, new RegExp(`nobody can tell.*${says.source}`), 'promote', String(id))
    await refused(site, 3, new RegExp(`nobody can tell.*${says.source}`), 'disable', String(id))
  }
  await must(keys(site, 'add'))
})

test('storage that no server has set up, as where it is not mounted: promote and disable are refused', async (t) => {
  const site = await siteFor(t)
  const id = Number((await must(keys(site, 'add'))).stdout)
  for (const make of [() => {}, () => site.write('db/holdfast.sqlite', '')]) {
    make()
    for (const command of ['promote', 'disable']) {
      await refused(
        site,
        3,
        /no server has set up \S+\/db\/holdfast\.sqlite.*\n {2}.*start a server/,
        command,
        String(id),
      )
    }
  }
})

test('an instance whose copy of the file came late: what it sealed until then is waited for, though it is gone', async (t) => {
  const site = await siteFor(t, ({ stores }) => {
    for (const store of stores) Object.assign(store, { ttl: '1s', maxTtl: '1s' })
  })
  const old = (await load(site)).primary.id
  const id = Number((await must(keys(site, 'add'))).stdout)
  const late = await instanceOn(site)
  t.after(() => late.end())
  await late.heartbeat.start()
  await must(keys(site, 'promote', String(id)))
  await wasServed(site)
  const { demotedAt } = (await load(site)).keys[0]!
  while (Date.now() < demotedAt! + 1_000) await sleep(50)
  await late.heartbeat.beat()
  const sealedAt = Date.now()
  await refused(site, 3, /1 of 1 instances that live seal with key/, 'disable', String(old))
  await late.heartbeat.stop()
  await refused(site, 3, /records sealed with key .* may live until/, 'disable', String(old))
  const { disableFrom } = (await list(site)).keys[0]
  assert.ok(Math.abs(Date.parse(disableFrom) - sealedAt - 31_000) < 5_000, disableFrom)
  await must(keys(site, 'disable', String(old), '--lose', '--yes'))
  await refused(site, 3, /is the primary\n/, 'disable', String(id))
})

test('an instance from the future counts if it lives, and only then', { timeout: 120_000 }, async (t) => {
  const future = () => Date.now() + 365 * 86_400_000
  const promote = async (lives: boolean) => {
    const site = await siteFor(t)
    const instance = await instanceOn(site, future)
    await instance.heartbeat.start()
    if (lives) t.after(() => instance.end())
    else await instance.end()
    const id = (await must(keys(site, 'add'))).stdout.trim()
    assert.match((await must(keys(site, 'list'))).stderr, /^warning: seen in the future: .*\n {2}process 42 on here/)
    return keys(site, 'promote', id)
  }
  const [living, gone] = await Promise.all([promote(true), promote(false)])
  for (const { stderr } of [living, gone]) assert.match(stderr, /^seen in the future, by this clock/)
  assert.deepEqual([living.code, gone.code], [3, 0], living.stderr + gone.stderr)
  assert.match(living.stderr, /does not open on 1 of 1 instances that live:\n {2}process 42 on here/)
  assert.match(gone.stderr, /no instance lives\n/)
})

test('commands at the same time: what one says it did is there', async (t) => {
  const site = await siteFor(t)
  const first = (await load(site)).primary.id
  const all = await Promise.all(Array.from({ length: 4 }, () => keys(site, 'add')))
  const done = all.filter(({ code }) => code === 0).map(({ stdout }) => Number(stdout))
  for (const { code, stderr } of all) if (code !== 0) assert.match(stderr, /meanwhile|there already/)
  assert.ok(done.length > 0)
  const held = (await load(site)).keys.map((key) => key.id)
  assert.deepEqual(new Set(held), new Set([first, ...done]))
})

test('rewrap: the same keys under the new passphrase; the old one opens nothing, and neither is told', async (t) => {
  const site = await siteFor(t)
  const before = await load(site)
  const old = readFileSync(join(site.folder, 'passphrase'))
  const next = 'a new passphrase, of 32 bytes or so'
  site.write('next', `${next}\n`)
  const { stdout, stderr } = await must(keys(site, 'rewrap', '--passphrase-file', 'next'))
  assert.ok(!(stdout + stderr).includes(next) && !(stdout + stderr).includes(String(old)))
  assert.match(stderr, /mv \S+\/next \S+\/passphrase\n.*holdfast\.yaml:\d+, keys\.stores\.passphraseFile/)
  const after = await load(site, Buffer.from(next))
  assert.deepEqual(after.addressKey.export(), before.addressKey.export())
  assert.deepEqual(after.primary.secret.export(), before.primary.secret.export())
  await assert.rejects(load(site, old), /wrong passphrase/)
  assert.deepEqual(readdirSync(join(site.folder, 'keys')), ['stores.json'])
  await refused(site, 3, /wrong passphrase, or damaged/, 'add')
  await must(run(site.folder, 'mv', 'next', 'passphrase'))
  await must(keys(site, 'add'))
})

test('rewrap: a passphrase that will not do changes nothing', async (t) => {
  const site = await siteFor(t)
  site.write('same', `${readFileSync(join(site.folder, 'passphrase'))}\n`)
  site.write('short', 'fifteen bytes..')
  site.write('open', 'a new passphrase, of 32 bytes or so')
  chmodSync(join(site.folder, 'open'), 0o644)
  for (const [file, says] of [
    ['same', /same: the passphrase that it has/],
    ['short', /at least 16 bytes/],
    ['open', /others than its owner/],
    ['none', /cannot be opened \(ENOENT\)/],
  ] as const) {
    await refused(site, 3, says, 'rewrap', '--passphrase-file', file)
  }
})

test('rewrap says what to change, wherever the passphrase comes from', async (t) => {
  const site = await siteFor(t)
  const passphrase = join(site.folder, 'passphrase')
  mkdirSync(join(site.folder, 'run'))
  const sources: [source: object, says: RegExp][] = [
    [
      { passphraseCredential: 'hold' },
      /systemd-creds encrypt --name=hold \S+\/next \/etc\/credstore.encrypted\/hold, and restart/,
    ],
    [{ passphraseCommand: ['/bin/cat', passphrase] }, /make the command print it: holdfast\.yaml:\d+/],
  ]
  for (const [index, [source, says]] of sources.entries()) {
    site.configure((draft) => {
      draft.keys.stores = { file: 'keys/stores.json', ...source }
    })
    site.write('run/hold', readFileSync(passphrase))
    site.write('next', `a new passphrase of some length ${index}`)
    const { stderr } = await must(
      run(
        site.folder,
        'env',
        `CREDENTIALS_DIRECTORY=${site.folder}/run`,
        process.execPath,
        MAIN,
        ...['keys', 'rewrap', ...flags, '--passphrase-file', 'next'],
      ),
    )
    assert.match(stderr, says)
    writeFileSync(passphrase, readFileSync(join(site.folder, 'next')))
  }
})

test('a person is asked before a loss', { skip: noTerminal }, async (t) => {
  const site = await siteFor(t)
  await wasServed(site)
  const old = (await load(site)).primary.id
  const id = Number((await must(keys(site, 'add'))).stdout)
  await must(keys(site, 'promote', String(id)))
  await wasServed(site)
  const command = `${process.execPath} ${MAIN} keys disable ${flags.join(' ')} ${old} --lose`
  const answer = (text: string) =>
    run(site.folder, 'sh', '-c', `printf '${text}\\n' | script -qec "${command}" /dev/null`)
  assert.match((await answer('n')).stdout, /nothing was disabled/)
  assert.equal((await load(site)).keys[0]!.state, 'enabled')
  assert.match((await answer('y')).stdout, new RegExp(`Disable key ${old}, and lose what it sealed\\?`))
  assert.equal((await load(site)).keys[0]!.state, 'disabled')
})
