/**
 * Hundreds of reloads leave nothing behind: no memory, no timer, no listener, no line of the metrics. Here in this process,
 * so that garbage can be collected before it is weighed.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { compose } from '../../packages/server/src/compose.ts'
import { loadConfig } from '../../packages/server/src/config/load.ts'
import { Site } from '../support/site.ts'

const RELOADS = 200
/** So many come first, until everything that is made once is made. */
const WARM_UP = 60
/** Compiled code and caches; a leak of 20 KiB each would be as much. */
const MOST_BYTES = 2 ** 22

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

test(`${RELOADS} reloads`, async (t) => {
  const site = await Site.make((draft) => {
    draft.audit = { file: 'audit.log' }
  })
  const file = join(site.folder, 'holdfast.yaml')
  let next = Promise.withResolvers<void>()
  const log = {
    info: (_: object, text: string) => void (text === 'reloaded' && next.resolve()),
    warn: () => {},
    error: (fields: object) => next.reject(new Error(JSON.stringify(fields))),
  }
  const source = { file, load: () => loadConfig(file), explain: String }
  const running = await compose(source.load(), { development: false }, log as never, source)
  t.after(async () => {
    await running.close('test')
    site.remove()
  })
  const reload = async (times: number) => {
    for (let n = 0; n < times; n++) {
      next = Promise.withResolvers()
      // What is known is changed, too, and does not grow.
      if (n % 25 === 0) site.edit(({ grants }) => grants.reverse())
      running.reload()
      await next.promise
    }
  }
  const weigh = async () => {
    for (let n = 0; n < 3; n++) {
      collect()
      await pause(20)
    }
    const { heapUsed, external } = process.memoryUsage()
    const scraped = await (await fetch(`http://127.0.0.1:${running.ports.admin}/metrics`)).text()
    return {
      bytes: heapUsed + external,
      resources: process.getActiveResourcesInfo().length,
      lines: scraped.split('\n').length,
    }
  }
  await reload(WARM_UP)
  const before = await weigh()
  await reload(RELOADS)
  const now = await weigh()
  t.diagnostic(`${now.bytes - before.bytes} bytes more after ${RELOADS} reloads`)
  assert.ok(now.bytes - before.bytes < MOST_BYTES, `${now.bytes - before.bytes}`)
  assert.ok(now.resources <= before.resources + 2, `${before.resources}, then ${now.resources}`)
  assert.ok(now.lines <= before.lines + 5, `${before.lines}, then ${now.lines}`)
})
