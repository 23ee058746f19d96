import assert from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { parseConfig } from '../config/load.ts'
import { sampleConfig } from '../config/sample.ts'
import { configFields } from '../config/schema.ts'
import { FileWatch, readFilesOf } from './files.ts'

/** Longer than a look, a rest and a second look. */
const NOTICED_MS = 1500

/** Two files that are followed, and how often a change was told. */
async function watched(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-watch-'))
  const path = (name: string) => join(folder, name)
  for (const name of ['a', 'b']) writeFileSync(path(name), name)
  let told = 0
  let news = Promise.withResolvers<void>()
  const watch = new FileWatch(() => {
    told++
    news.resolve()
    news = Promise.withResolvers()
  })
  await watch.follow([path('a'), path('b')])
  watch.start()
  t.after(() => {
    watch.stop()
    rmSync(folder, { recursive: true })
  })
  return { watch, path, told: () => told, next: () => news.promise, settled: () => pause(NOTICED_MS) }
}

describe('a change is', { concurrency: true }, () => {
  const changes: [what: string, change: (path: (name: string) => string) => void][] = [
    ['more content', (path) => appendFileSync(path('a'), '.')],
    [
      'other content of the same size and time',
      (path) => {
        const time = new Date(0)
        utimesSync(path('a'), time, time)
        writeFileSync(path('a'), 'A')
        utimesSync(path('a'), time, time)
      },
    ],
    [
      'another file moved to its place',
      (path) => {
        writeFileSync(path('new'), 'a')
        renameSync(path('new'), path('a'))
      },
    ],
    ['another mode', (path) => chmodSync(path('a'), 0o600)],
    ['a file that goes', (path) => rmSync(path('a'))],
    [
      'a folder in its place',
      (path) => {
        rmSync(path('a'))
        mkdirSync(path('a'))
      },
    ],
  ]
  for (const [what, change] of changes) {
    test(what, async (t) => {
      const { path, told, next, settled } = await watched(t)
      change(path)
      await next()
      await settled()
      assert.equal(told(), 1)
    })
  }

  test('a file that comes, and a link that is turned', async (t) => {
    const { watch, path, next } = await watched(t)
    for (const version of ['1', '2']) {
      mkdirSync(path(version))
      writeFileSync(path(`${version}/file`), 'same')
    }
    symlinkSync('1', path('data'))
    symlinkSync('data/file', path('link'))
    await watch.follow([path('link'), path('later')])
    writeFileSync(path('later'), '')
    await next()
    symlinkSync('2', path('turned'))
    renameSync(path('turned'), path('data'))
    await next()
  })

  test('not what nobody did', async (t) => {
    const { told, settled } = await watched(t)
    await settled()
    assert.equal(told(), 0)
  })
})

describe('when it is told', { concurrency: true }, () => {
  test('once, when all have rested', async (t) => {
    const { path, told, next, settled } = await watched(t)
    const done = next().then(() => performance.now())
    let written = 0
    for (let n = 0; n < 60; n++) {
      appendFileSync(path(n % 2 ? 'a' : 'b'), '.')
      written = performance.now()
      await pause(20)
    }
    assert.ok((await done) >= written, 'they had not rested')
    await settled()
    assert.equal(told(), 1)
  })

  test('not, if whoever reads them looked after the change', async (t) => {
    const { watch, path, told, settled } = await watched(t)
    appendFileSync(path('a'), '.')
    await watch.refresh()
    await settled()
    assert.equal(told(), 0)
  })

  test('also, if it came between the look and the reading', async (t) => {
    const { watch, path, next } = await watched(t)
    await watch.refresh()
    appendFileSync(path('a'), '.')
    await watch.follow([path('a'), path('b'), path('c')])
    await next()
  })

  test('not of a file that is followed no more', async (t) => {
    const { watch, path, told, settled } = await watched(t)
    await watch.follow([path('b')])
    appendFileSync(path('a'), '.')
    await settled()
    assert.equal(told(), 0)
  })

  test('not after the end', async (t) => {
    const { watch, path, told, settled } = await watched(t)
    appendFileSync(path('a'), '.')
    watch.stop()
    await settled()
    assert.equal(told(), 0)
  })
})

test('the files of a configuration are those that the server reads, absolute, each once', () => {
  const everything = sampleConfig(configFields, '')
    .replace(/^( *)#(?! |$)/gm, '$1')
    .replace(/^ *passphrase(Credential|Command):.*\n/gm, '')
  const names = ['tls/server.pem', 'tls/server-key.pem', 'tls/ca.pem', 'tls/ca.crl', 'keys/stores.json', 'passphrase']
  const cassandra = ['ca', 'client', 'client-key'].map((name) => `tls/cassandra-${name}.pem`)
  const others = { embedded: ['cassandra-password', ...cassandra], cassandra: [] }
  for (const [without, more] of Object.entries(others)) {
    const one = everything.replace(new RegExp(`^  ${without}:\\n(( {4}.*)?\\n)*`, 'm'), '')
    const files = readFilesOf(parseConfig(one, { name: 'sample', folder: '/srv', development: false }))
    assert.deepEqual(files.toSorted(), [...names, ...more].map((name) => `/srv/${name}`).sort())
  }
})
