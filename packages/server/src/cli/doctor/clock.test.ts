/** The clock: what its keepers say, by programs that say it, and times that lie in the future, by real files and keys. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Site } from '../../../../../test/support/site.ts'
import { complaints, factsOf } from '../../../test/doctor.ts'
import { clock } from './clock.ts'
import type { Facts } from './facts.ts'

let site: Site
let facts: Facts
const path = process.env.PATH!
before(async () => {
  site = await Site.make()
  facts = await factsOf(site)
})
after(() => {
  process.env.PATH = path
  site.remove()
})

/** Programs of these names, which print this; and no others. */
function keepers(says: Record<string, string>): void {
  const folder = join(site.folder, `bin-${Object.keys(says).join('-')}-${Math.random()}`)
  mkdirSync(folder)
  for (const [name, text] of Object.entries(says)) {
    site.write(join(folder.slice(site.folder.length + 1), name), `#!/bin/sh\necho '${text}'\n`)
    chmodSync(join(folder, name), 0o755)
  }
  process.env.PATH = folder
}

const SAID: [says: Record<string, string>, level: string][] = [
  [{ timedatectl: 'yes' }, 'ok'],
  [{ timedatectl: 'no' }, 'warning: nothing keeps the clock in step => timedatectl set-ntp true'],
  [{ chronyc: 'Leap status     : Normal' }, 'ok'],
  [{ chronyc: 'Leap status     : Not synchronised' }, 'warning: nothing keeps'],
  [{ timedatectl: 'Failed to connect to bus', chronyc: 'Leap status     : Normal' }, 'ok'],
  [{ timedatectl: 'no', chronyc: 'Leap status     : Normal' }, 'warning: nothing keeps'],
  [
    { timedatectl: 'Failed', chronyc: '506 Cannot talk to daemon' },
    'warning: whether the clock is kept in step is not',
  ],
  [{}, 'warning: whether the clock is kept in step is not known'],
]
for (const [says, level] of SAID) {
  test(`${JSON.stringify(says)}: ${level}`, () => {
    keepers(says)
    const [line = 'ok'] = complaints(clock(facts))
    assert.ok(line.startsWith(level), line)
  })
}

test('files and keys of the future, beyond what clocks may differ by', () => {
  keepers({ timedatectl: 'yes' })
  const certificate = join(site.folder, 'tls/ca.pem')
  const soon = (ms: number) => new Date(facts.now + ms)
  utimesSync(certificate, soon(0), soon(59_000))
  assert.deepEqual(complaints(clock(facts)), [])
  utimesSync(certificate, soon(0), soon(61_000))
  const [line, ...more] = complaints(clock(facts))
  assert.match(line!, /^warning: .*ca\.pem is of \d{4}.*, which is in the future/)
  assert.equal(more.length, 0)
  utimesSync(certificate, soon(0), soon(0))
  const before = { ...facts, now: facts.keyset!.primary.createdAt - 61_000 }
  assert.ok(complaints(clock(before)).some((told) => /^warning: key \d+ of the keyset is of/.test(told)))
})
