/**
 * The load on real servers of the embedded engine: two processes on one file are two instances of one datacenter, and one
 * of them is killed. What they answered must pass the checker; what two servers answer that share nothing must not.
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Server, Site } from '../support/site.ts'
import { type Door, serverDoor } from './door.ts'
import { type Header, parse } from './events.ts'
import { judge } from './judge.ts'
import { Load } from './load.ts'
import { Recorder } from './recorder.ts'
import { tally } from './tally.ts'

/** The stores of every site. */
const HEADER: Header = {
  ...{ history: 1, datacenters: ['a'], clocksApart: 0, healing: 0 },
  stores: {
    sessions: { final: true, atomic: 'datacenter', logout: 'everywhere' },
    echoseen: { final: false, atomic: 'datacenter', logout: 'everywhere' },
    plain: { final: false, atomic: 'no', logout: 'everywhere' },
  },
}

const OPTIONS = { clients: 8, keys: 9, pause: 4 }

function doorTo({ site, ports }: Server, instance: string): Door {
  const { certificate: cert, key } = site.certificates.all
  const tls = { ca: site.authority.certificate, cert, key }
  const url = `https://localhost:${ports.public}/`
  return serverDoor({ dc: 'a', instance, url, tls, connections: OPTIONS.clients, timeout: 4000 })
}

async function operations(recorder: Recorder, enough: number): Promise<void> {
  while (recorder.operations < enough) await sleep(10)
}

describe('load on the embedded engine', { timeout: 120_000 }, () => {
  test('two instances on one file, one of them killed, hold every promise', async (t) => {
    const site = await Site.make()
    t.after(() => site.remove())
    const [first, second] = await Promise.all([site.start(), site.start()])
    t.after(() => Promise.all([first, second].map((server) => server.stop('SIGKILL'))))
    const seed = randomInt(2 ** 31)
    t.diagnostic(`seed ${seed}`)
    const file = join(site.folder, 'history.jsonl')
    const recorder = new Recorder({ ...HEADER, seed }, file)
    const doors = [doorTo(first, 'a1'), doorTo(second, 'a2')]
    t.after(() => Promise.all(doors.map((door) => door.close())))
    const load = new Load(recorder, doors, { ...OPTIONS, seed })
    load.start()
    await operations(recorder, 700)
    recorder.mark('fault', 'a1 is killed')
    await first.stop('SIGKILL')
    await operations(recorder, 1500)
    await load.stop()
    load.remove('a1')
    recorder.mark('healed', 'a2 is alone')
    await load.inspect(2, 10_000)
    const history = recorder.history()
    const [complaint] = judge(history)
    assert.equal(complaint, undefined, `(${complaint?.rule}) ${complaint?.why}\n${complaint?.story}`)
    const counted = tally(history)
    t.diagnostic(JSON.stringify(counted))
    assert.ok(counted.definite > 1400 && counted.ends > 15 && counted.taken > 5, JSON.stringify(counted))
    assert.ok(counted.looksAfterEnds >= 2 && counted.unconfirmed + counted.refused > 0, JSON.stringify(counted))
    assert.deepEqual(parse(readFileSync(file, 'utf8')), JSON.parse(JSON.stringify(history)))
  })

  test('two servers that share nothing are found out', async (t) => {
    const sites = [await Site.make(), await Site.make()]
    t.after(() => sites.map((site) => site.remove()))
    const servers = await Promise.all(sites.map((site) => site.start()))
    t.after(() => Promise.all(servers.map((server) => server.stop('SIGKILL'))))
    const recorder = new Recorder(HEADER)
    const doors = servers.map((server, i) => doorTo(server, `a${i}`))
    t.after(() => Promise.all(doors.map((door) => door.close())))
    const load = new Load(recorder, doors, { ...OPTIONS, seed: 1 })
    load.start()
    await operations(recorder, 400)
    await load.stop()
    const rules = new Set(judge(recorder.history()).map(({ rule }) => rule))
    assert.ok(rules.has('a') && rules.has('b'), [...rules].join())
  })
})
