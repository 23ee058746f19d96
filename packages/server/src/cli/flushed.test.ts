/** What a command made is on the disk before it is built upon, and before the command ends: the real program under strace. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Site } from '../../../../test/support/site.ts'
import { MAIN, must, run, temporary } from '../../test/cli.ts'

const works = spawnSync('strace', ['-f', 'true']).status === 0
const skip = works ? false : 'strace is missing or may not trace'

/** The calls of a command in `folder`, in order: `fsync NAME`, `rename TO` and `link TO`, without the random part of names. */
async function traced(folder: string, ...words: string[]): Promise<string[]> {
  const trace = join(folder, 'trace')
  const options = ['-f', '-y', '-qq', '-s', '4096', '-e', 'trace=fsync,rename,link', '-o', trace]
  await must(run(folder, 'strace', ...options, process.execPath, MAIN, ...words))
  return readFileSync(trace, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, call, words] = / (fsync|rename|link)\((.*)/.exec(line) ?? []
      if (call === undefined) return []
      const name = call === 'fsync' ? /<([^>]*)>/.exec(words!)![1]! : /, "([^"]*)"/.exec(words!)![1]!
      return [`${call} ${name.replace(folder, '.').replace(/\.[0-9a-f-]{36}\.new$/, '.new')}`]
    })
}

/** These calls are among those, in this order. */
function inOrder(calls: readonly string[], wanted: readonly string[]): void {
  let from = 0
  for (const call of wanted) {
    const at = calls.indexOf(call, from)
    assert.ok(at >= 0, `${call}, after the others, in\n${calls.join('\n')}`)
    from = at + 1
  }
}

test('init: each file before it has its name, and each folder after', { skip }, async (t) => {
  const folder = temporary(t)
  const calls = await traced(folder, 'init', 'new/site')
  inOrder(calls, ['fsync .', 'fsync ./new'])
  for (const [name, above] of [
    ['passphrase', ''],
    ['keys/stores.json', '/keys'],
    ['holdfast.yaml', ''],
  ] as const) {
    const file = `./new/site/${name}`
    inOrder(calls, [`fsync ${file}.new`, `link ${file}`, `fsync ./new/site${above}`])
  }
  inOrder(calls, ['link ./new/site/passphrase', 'link ./new/site/keys/stores.json', 'fsync ./new/site'])
})

test('rewrap: the passphrase, wherever its name leads, before the keyset depends on it', { skip }, async (t) => {
  const site = await Site.make()
  t.after(() => site.remove())
  mkdirSync(join(site.folder, 'real'))
  site.write('real/next', 'a new passphrase, of 32 bytes or so')
  symlinkSync('real/next', join(site.folder, 'next'))
  const rewrap = ['keys', 'rewrap', '--config', 'holdfast.yaml', '--passphrase-file', 'next']
  const calls = await traced(site.folder, ...rewrap)
  for (const first of ['fsync ./real/next', 'fsync ./real', 'fsync .']) {
    inOrder(calls, [first, 'rename ./keys/stores.json', 'fsync ./keys'])
  }
})
