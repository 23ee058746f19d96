/** A passphrase that a command tells: at the start, and when the keyset's file changed; not at any other reload. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { changeKeysetFile } from '../../packages/server/src/records/index.ts'
import { Site } from '../support/site.ts'
import { done, during, keys, notReloaded, tookOver } from './support.ts'

test('a KMS that is down stops a start and a changed keyset, and nothing else; its words stay out of the log', async (t) => {
  const site = await Site.make((draft) => {
    draft.keys.stores = { file: 'keys/stores.json', passphraseCommand: ['/bin/sh', 'SCRIPT'] }
  })
  t.after(() => site.remove())
  const script = join(site.folder, 'unwrap')
  const config = readFileSync(join(site.folder, 'holdfast.yaml'), 'utf8')
  site.write('holdfast.yaml', config.replace('SCRIPT', script))
  const passphrase = readFileSync(join(site.folder, 'passphrase'), 'utf8').trim()
  const works = `echo asked >> ${site.folder}/asked; cat ${site.folder}/passphrase; echo`
  const down = `cat ${site.folder}/passphrase >&2; cat ${site.folder}/passphrase; exit 75`
  const asked = () => readFileSync(join(site.folder, 'asked'), 'utf8').split('\n').length - 1

  site.write('unwrap', down)
  const failed = site.launch()
  assert.equal((await failed.ended).code, 3)
  assert.match(failed.stderr, /passphraseCommand \/bin\/sh: ended with exit code 75\n.*by hand/)

  site.write('unwrap', works)
  const server = await during(t, site.start())
  assert.equal(asked(), 1)
  site.write('unwrap', down)
  site.write('tls/ca.pem', `${readFileSync(join(site.folder, 'tls/ca.pem'), 'utf8')}\n`)
  await server.program.until('a reload', (it) => it.lines().some(({ msg }) => msg === 'reloaded') || undefined)
  assert.equal(asked(), 1, 'the keyset is the same: nobody was asked')

  const change = { passphrase: Buffer.from(passphrase) }
  await changeKeysetFile(join(site.folder, 'keys/stores.json'), 'stores', change, (keyset) => keyset.add().keyset)
  await notReloaded(server.program, /ended with exit code 75/)
  site.write('unwrap', works)
  server.program.child.kill('SIGHUP')
  await tookOver(server.program, 1)
  assert.equal(asked(), 2)
  await done(keys(site, 'add'))
  await tookOver(server.program, 2)
  assert.equal(asked(), 4, 'by the command line and by the server')

  for (const output of [failed.stdout, failed.stderr, server.program.stdout, server.program.stderr]) {
    assert.ok(!output.includes(passphrase))
  }
  await server.stop()
})

test('a stop does not wait for a command that a reload asked', async (t) => {
  const site = await Site.make((draft) => {
    draft.keys.stores = { file: 'keys/stores.json', passphraseCommand: ['/bin/sh', '-c', 'SCRIPT'] }
  })
  t.after(() => site.remove())
  const [slow, pid] = [join(site.folder, 'slow'), join(site.folder, 'pid')]
  const script = `[ -e ${slow} ] && { sleep 20 & echo $! > ${pid}.new; mv ${pid}.new ${pid}; wait; }; cat ${site.folder}/passphrase`
  const config = readFileSync(join(site.folder, 'holdfast.yaml'), 'utf8')
  site.write('holdfast.yaml', config.replace('SCRIPT', script))
  const { program } = await during(t, site.start())
  site.write('slow', '')
  await changeKeysetFile(join(site.folder, 'keys/stores.json'), 'stores', site, (keyset) => keyset.add().keyset)
  while (!existsSync(pid)) await pause(10)
  const before = performance.now()
  program.child.kill('SIGTERM')
  assert.deepEqual(await program.ended, { code: 0, signal: null })
  const took = performance.now() - before
  assert.ok(took < 5000, `${took} ms`)
  const sleeping = `/proc/${readFileSync(pid, 'utf8').trim()}/cmdline`
  assert.ok(!existsSync(sleeping) || !readFileSync(sleeping, 'utf8').includes('sleep'), 'what it started is gone')
  const bad = program.lines().filter(({ level }) => level === 'error' || level === 'fatal')
  assert.deepEqual([bad, program.stderr], [[], ''])
})
