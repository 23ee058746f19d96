/**
 * How long a cluster lives: with the process that started it and no longer, even if that is killed; or, for `npm run cluster`,
 * until `down`. For `npm run test:cassandra`.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { Program } from '../support/process.ts'
import { prepare } from './classes.ts'
import type { NodeStatus } from './cluster.ts'
import { openCluster } from './cluster.ts'
import { lacking } from './get.ts'
import { cableOf, lackingNetwork } from './network.ts'
import { until } from './until.ts'

const GONE_MS = 10_000
const MAIN = join(import.meta.dirname, 'main.ts')

interface Shown {
  readonly folder: string
  readonly status: readonly NodeStatus[]
}

/** A path that is there as long as the node runs; what ended and was not yet noticed by its parent has none. */
function programOf({ pid }: NodeStatus): string {
  return `/proc/${pid}/exe`
}

if (lacking() === undefined) before(prepare)

describe('a cluster whose owner is killed', { skip: lacking() ?? lackingNetwork() ?? false }, () => {
  test('leaves neither nodes nor network', async () => {
    const script = `
      import { startCluster } from '${join(import.meta.dirname, 'cluster.ts')}'
      const cluster = await startCluster({ shape: '1+1' })
      console.log(JSON.stringify({ folder: cluster.folder, status: await cluster.status() }))
      setInterval(() => {}, 1000)`
    const owner = new Program([process.execPath, '--input-type=module', '--eval', script])
    const { folder, status } = await owner.until('its cluster', (it) => it.lines()[0] as Shown | undefined)
    try {
      const cables = status.map(({ host }, i) => `/sys/class/net/${cableOf(host, i)}`)
      const nodes = status.map(programOf)
      for (const path of [...cables, ...nodes]) assert.ok(existsSync(path), path)
      await owner.stop('SIGKILL')
      await until('the end of it all', GONE_MS, async () => ![...cables, ...nodes].some(existsSync) || undefined)
    } finally {
      await openCluster(folder).remove()
    }
  })
})

describe('npm run cluster', { skip: lacking() ?? false }, () => {
  const parent = mkdtempSync(join(tmpdir(), 'holdfast-cluster-'))
  const folder = join(parent, 'cluster')
  const run = async (...args: string[]) => {
    const program = new Program([process.execPath, MAIN, ...args, '--folder', folder])
    const { code } = await program.ended
    return { code, stdout: program.stdout, stderr: program.stderr }
  }

  test('starts one that stays, shows it, and ends it', async () => {
    try {
      const up = await run('up', '1')
      assert.equal(up.code, 0, up.stderr)
      assert.match(up.stdout, /npm run cluster -- down/)
      assert.match((await run('status')).stdout, /dc1-1.*running.*true/)
      const [node] = await openCluster(folder).status()

      assert.match((await run('up', '1')).stderr, /holds a cluster already/)
      assert.match((await run('cql', 'SELECT data_center FROM system.local')).stdout, /dc1/)
      assert.match((await run('cut')).stderr, /loopback/)
      assert.match((await run('start', 'dc1-1')).stderr, /running already/)
      assert.equal((await run('kill', 'dc1-1')).code, 0)
      assert.match((await run('status')).stdout, /dc1-1.*ended.*false/)
      assert.equal((await run('start', 'dc1-1')).code, 0)
      assert.match((await run('status')).stdout, /dc1-1.*running.*true/)

      const [again] = await openCluster(folder).status()
      assert.notEqual(again!.pid, node!.pid)
      assert.equal((await run('down')).code, 0)
      assert.ok(!existsSync(programOf(again!)))
      assert.ok(!existsSync(folder))
    } finally {
      if (existsSync(folder)) await run('down')
      rmSync(parent, { recursive: true })
    }
  })

  test('says what is wrong with a command', async () => {
    for (const [args, message] of [
      [['fly'], /no command "fly"/],
      [['up', '2+2'], /no shape "2\+2"/],
      [['up', '1', '--wan-delay', 'long'], /--wan-delay needs milliseconds/],
      [['kill'], /kill needs the name of a node/],
      [['--colour'], /--colour/],
    ] as const) {
      const { code, stderr } = await run(...args)
      assert.equal(code, 2)
      assert.match(stderr, message)
    }
    const { code, stderr } = await run('status')
    assert.equal(code, 1)
    assert.match(stderr, /there is no cluster in /)
  })
})
