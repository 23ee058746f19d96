/** Keys against real storage, written by real engines with real heartbeats. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { Site } from '../../../../../test/support/site.ts'
import { complaints, factsOf } from '../../../test/doctor.ts'
import { fingerprint } from '../../config/fingerprint.ts'
import { EmbeddedEngine } from '../../engines/embedded/embedded-engine.ts'
import { Heartbeat, INSTANCES, Keyset, Records } from '../../records/index.ts'
import { storeSpace } from '../../stores/rules.ts'
import type { Facts } from './facts.ts'
import { keys } from './keys.ts'

const DAY = 86_400_000
let site: Site
let facts: Facts
let keyset: Keyset
const opened: (() => Promise<void>)[] = []
before(async () => {
  site = await Site.make()
  facts = await factsOf(site)
  keyset = facts.keyset!
})
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})
after(() => site.remove())

interface Instance {
  readonly pid?: number
  readonly now?: () => number
  readonly configuration?: string
}

/** An instance that serves with these keys and beats; `now` is its clock. */
async function live(held: Keyset, { pid = 1, now = Date.now, configuration }: Instance = {}): Promise<void> {
  const engine = new EmbeddedEngine({ file: join(site.folder, 'db/holdfast.sqlite'), now })
  const spaces = [...facts.config.stores.map(storeSpace), INSTANCES]
  const records = await Records.open(engine, [{ room: 'stores', keyset: held, spaces }], now)
  const describe = () => {
    return { host: 'here', pid, version: '1.2.3', configuration: configuration ?? fingerprint(facts.config) }
  }
  const heartbeat = new Heartbeat({ records, describe, failed: (error) => assert.fail(String(error)) })
  await heartbeat.start()
  opened.push(
    () => engine.close(),
    () => heartbeat.stop(),
  )
}

const say = async (change: Partial<Facts> = {}) => complaints(await keys({ ...facts, ...change }))
const one = (lines: readonly string[], pattern: RegExp) => {
  assert.equal(lines.length, 1, lines.join('\n'))
  assert.match(lines[0]!, pattern)
}

test('before the first start', async () => {
  const told = await keys(facts)
  assert.deepEqual(complaints(told), [])
  assert.match(told[0]!.what, /^1 key; the primary, \d+, is of \d{4}-\d\d-\d\d$/)
  assert.match(told[1]!.what, /^the database is empty yet/)
})

test('the keyset of the data, and instances that agree', async () => {
  await live(keyset)
  await live(keyset, { pid: 2 })
  const told = await keys(facts)
  assert.deepEqual(complaints(told), [])
  assert.deepEqual(
    told.slice(1).map(({ what }) => what),
    ['the keyset belongs to the data', '2 instances of 1.2.3, with these keys and this configuration'],
  )
})

test('nobody lives: said, and wrong only if a server runs here', async () => {
  assert.match((await keys(facts)).at(-1)!.what, /^no instance lives$/)
  const server = { state: 'running', uid: 0, process: undefined, ready: new Error(), metrics: new Error() } as const
  one(await say({ server }), /^warning: a server runs here, and no instance has given a sign of life/)
})

test('the keyset of other data', async () => {
  one(
    await say({ keyset: Keyset.generate('stores') }),
    /^problem: the keyset of the stores does not open the check cell/,
  )
})

test('an instance that does not know a key yet, or knows it in another state', async () => {
  const { keyset: grown, id } = keyset.add()
  await live(grown, { pid: 7 })
  await live(keyset, { pid: 8 })
  one(
    await say({ keyset: grown }),
    /^warning: other keys than in the keyset file.* held by process 8 on here => .* kill -HUP 8$/,
  )
  one(await say({ keyset: grown.disable(id, { longestTtl: 1 }) }), /held by process 7 on here, process 8 on here => /)
})

test('an instance that serves by another configuration', async () => {
  await live(keyset, { pid: 7, configuration: 'another' })
  one(await say(), /^warning: other stores, grants or callers .* served by process 7 on here => kill -HUP 7$/)
})

test('an instance whose clock is ahead', async () => {
  await live(keyset, { now: () => Date.now() + 50_000 })
  assert.deepEqual(await say(), [])
  await live(keyset, { now: () => Date.now() + 70_000 })
  one(
    await say(),
    /^problem: signs of life from more than a minute in the future, by process 1 on here: a clock is wrong, or was/,
  )
})

test('an old primary', async () => {
  const aged = (days: number) => ({ now: keyset.primary.createdAt + days * DAY })
  assert.deepEqual(await say(aged(366)), [])
  one(await say(aged(368)), /^warning: the primary key, \d+, is of .* => holdfast keys add --config \//)
})

test('a key that the check cells need is not given up: no server could start', async () => {
  const { keyset: grown, id } = keyset.add()
  const promoted = grown.promote(id)
  assert.deepEqual(await say({ keyset: promoted, now: promoted.keys[0]!.demotedAt! + 366 * DAY - 1 }), [])
})

// From here on the storage has gone over to another key.
test('an old copy of the keyset, and a key whose time is over', async () => {
  const { keyset: grown, id } = keyset.add()
  const promoted = grown.promote(id)
  await live(promoted)
  one(
    await say({ keyset: grown }),
    /^warning: the keyset is an old copy, from before key \d+ was promoted => cp NEWEST-COPY \//,
  )
  one(await say({ keyset }), /^problem: .* => This is another keyset, or an old copy/)
  const year = 365 * DAY
  const later = (ms: number) => ({ keyset: promoted, now: promoted.keys[0]!.demotedAt! + ms })
  // Instances of the tests before sealed with it until now, one of them by a clock that is 70 s ahead.
  assert.deepEqual(await say(later(year + 60_000)), [], 'echoseen keeps records for a year')
  one(
    await say(later(year + 200_000)),
    new RegExp(
      `^warning: nothing that lives is sealed with key ${keyset.primary.id} any more.* => holdfast keys disable ${keyset.primary.id} --config /`,
    ),
  )
})

test('a database that is none, or cannot be looked at', async () => {
  for (const name of ['db/holdfast.sqlite-wal', 'db/holdfast.sqlite-shm']) site.write(name, '')
  site.write('db/holdfast.sqlite', 'x'.repeat(5_000))
  one(await say(), /^problem: .*holdfast\.sqlite: not a database => name another file/)
})
