import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { chmod, chown, lstat, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { KeysetError } from './errors.ts'
import { Keyset } from './keyset.ts'
import { changeKeysetFile, createKeysetFile, loadKeysetFile } from './keyset-file.ts'

const passphrase = Buffer.from('correct horse battery staple')
const wrapping = { passphrase }
const NOW = 1_790_000_000_000

/** Everything of a keyset that can be compared, secrets too. */
function shown({ room, addressKey, keys }: Keyset) {
  const bare = keys.map((key) => ({ ...key, secret: key.secret.export() }))
  return { room, addressKey: addressKey.export(), keys: bare }
}

function refused(attempt: Promise<unknown>, message: RegExp): Promise<void> {
  return assert.rejects(attempt, (error: unknown) => {
    assert.ok(error instanceof KeysetError, `rejected with ${error}`)
    assert.match(error.message, message)
    assert.ok(error.hint.length > 0)
    return true
  })
}

describe('keyset file', () => {
  let folder: string
  let wrapped: string
  let plain: string
  const { keyset: two, id } = Keyset.generate('stores', NOW).add(NOW + 1)
  const keyset = two.promote(id, NOW + 2)

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-keyset-'))
    wrapped = join(folder, 'wrapped.json')
    plain = join(folder, 'plain.json')
    await createKeysetFile(wrapped, keyset, wrapping)
    await createKeysetFile(plain, keyset, 'unwrapped')
  })
  after(() => rm(folder, { recursive: true }))

  const leftovers = () => readdirSync(folder).filter((name) => /\.(new|lock)$/.test(name))

  async function changed(from: string, change: (file: Record<string, unknown>) => unknown): Promise<string> {
    const file = JSON.parse(await readFile(from, 'utf8'))
    change(file)
    const path = join(folder, 'changed.json')
    await writeFile(path, JSON.stringify(file), { mode: 0o600 })
    return path
  }

  test('comes back as it was, wrapped and unwrapped', async () => {
    assert.deepEqual(shown(await loadKeysetFile(wrapped, 'stores', wrapping)), shown(keyset))
    assert.deepEqual(shown(await loadKeysetFile(plain, 'stores', 'unwrapped')), shown(keyset))
  })

  test('is for its owner alone, and leaves nothing beside it', async () => {
    assert.equal((await stat(wrapped)).mode & 0o777, 0o600)
    assert.deepEqual(leftovers(), [])
    const loose = join(folder, 'loose.json')
    await writeFile(loose, await readFile(plain), { mode: 0o600 })
    for (const mode of [0o640, 0o604, 0o620, 0o601]) {
      await chmod(loose, mode)
      await refused(loadKeysetFile(loose, 'stores', 'unwrapped'), /others than its owner may use it/)
    }
    await chmod(loose, 0o400)
    await loadKeysetFile(loose, 'stores', 'unwrapped')
  })

  test('wrapped, it shows no key in any spelling', async () => {
    const text = await readFile(wrapped, 'latin1')
    for (const secret of [keyset.addressKey, ...keyset.keys.map((key) => key.secret)]) {
      for (const spelling of ['hex', 'base64', 'base64url', 'latin1'] as const) {
        assert.equal(text.includes(secret.export().toString(spelling)), false)
      }
    }
    const shownPlain = await readFile(plain, 'latin1')
    assert.ok(shownPlain.includes(keyset.addressKey.export().toString('base64')), 'the search finds what is there')
  })

  test('a first keyset is never written over another; a changed one is', async () => {
    const file = join(folder, 'once.json')
    await createKeysetFile(file, keyset, 'unwrapped')
    await refused(createKeysetFile(file, Keyset.generate('stores'), 'unwrapped'), /there already/)
    assert.deepEqual(shown(await loadKeysetFile(file, 'stores', 'unwrapped')), shown(keyset))
    assert.deepEqual(leftovers(), [])
  })

  describe('a change', () => {
    const file = () => join(folder, 'changing.json')
    const load = (by: typeof wrapping | 'unwrapped' = 'unwrapped') => loadKeysetFile(file(), 'stores', by)
    beforeEach(async () => {
      await rm(file(), { force: true })
      await createKeysetFile(file(), keyset, 'unwrapped')
    })

    test('takes the place of what was there, under the wrapping it is given', async () => {
      const next = keyset.add().keyset
      const seen: Keyset[] = []
      const put = (before: Keyset) => {
        seen.push(before)
        return next
      }
      assert.equal(await changeKeysetFile(file(), 'stores', 'unwrapped', put, wrapping), next)
      assert.deepEqual(shown(seen[0]!), shown(keyset))
      assert.deepEqual(shown(await load(wrapping)), shown(next))
      await refused(load(), /none was given/)
      assert.deepEqual(leftovers(), [])
    })

    test('keeps the mode, and the file where a link points', async () => {
      await chmod(file(), 0o400)
      const linked = join(folder, 'changing-link.json')
      await symlink(file(), linked)
      await changeKeysetFile(linked, 'stores', 'unwrapped', (before) => before.add().keyset)
      assert.equal((await load()).keys.length, 3)
      assert.equal((await stat(file())).mode & 0o777, 0o400)
      assert.ok((await lstat(linked)).isSymbolicLink())
    })

    test('keeps the owner', { skip: process.geteuid!() !== 0 && 'only root can give a file away' }, async () => {
      await chown(file(), 12_345, 54_321)
      await changeKeysetFile(file(), 'stores', 'unwrapped', (before) => before.add().keyset)
      const { uid, gid } = await stat(file())
      assert.deepEqual([uid, gid], [12_345, 54_321])
    })

    test('that fails, or does not open, leaves all as it was', async () => {
      const before = await readFile(file())
      const fail = () => Promise.reject(new Error('no'))
      await assert.rejects(changeKeysetFile(file(), 'stores', 'unwrapped', fail), /^Error: no$/)
      await refused(changeKeysetFile(file(), 'stores', wrapping, fail), /only dev mode accepts/)
      assert.deepEqual(await readFile(file()), before)
      assert.deepEqual(leftovers(), [])
    })

    test('of many at once none is lost: each is there, or was refused', async () => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, async (_, index) => {
          const added = Promise.withResolvers<number>()
          const add = (before: Keyset) => {
            const { keyset, id } = before.add(NOW + index)
            added.resolve(id)
            return keyset
          }
          await changeKeysetFile(file(), 'stores', 'unwrapped', add)
          return added.promise
        }),
      )
      const done = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
      const ids = (await load()).keys.map((key) => key.id)
      assert.ok(done.length > 0)
      assert.deepEqual(new Set(ids), new Set([...keyset.keys.map((key) => key.id), ...done]))
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') assert.match(String(outcome.reason), /meanwhile|there already/)
      }
      assert.deepEqual(leftovers(), [])
    })

    test('does not write over what came meanwhile, nor past the place that another holds', async () => {
      const other = Keyset.generate('stores')
      const meanwhile = async (before: Keyset) => {
        await rm(file())
        await createKeysetFile(file(), other, 'unwrapped')
        return before.add().keyset
      }
      await refused(changeKeysetFile(file(), 'stores', 'unwrapped', meanwhile), /changed by somebody else meanwhile/)
      assert.deepEqual(shown(await load()), shown(other))
      await writeFile(`${file()}.lock`, '')
      await refused(
        changeKeysetFile(file(), 'stores', 'unwrapped', (same) => same),
        /\.lock: there already/,
      )
      assert.deepEqual(leftovers(), ['changing.json.lock'])
      await rm(`${file()}.lock`)
    })
  })

  test('each wrapping has its own salt', async () => {
    const again = join(folder, 'again.json')
    await createKeysetFile(again, keyset, wrapping)
    const saltOf = async (file: string) => JSON.parse(await readFile(file, 'utf8')).salt
    assert.notEqual(await saltOf(again), await saltOf(wrapped))
  })

  test('a wrong passphrase and every edit of a wrapped file are refused', async () => {
    const wrong = { passphrase: Buffer.from('correct horse battery stapler') }
    await refused(loadKeysetFile(wrapped, 'stores', wrong), /wrong passphrase, or damaged/)
    const edit = (text: string, at: number) =>
      `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
    for (const [field, at] of [
      ['salt', 3],
      ['keys', 0],
      ['keys', 200],
      ['keys', 30],
    ] as const) {
      const file = await changed(wrapped, (outer) => {
        outer[field] = edit(String(outer[field]), at)
      })
      await refused(loadKeysetFile(file, 'stores', wrapping), /wrong passphrase, or damaged/)
    }
    const moved = await changed(wrapped, (outer) => {
      outer.room = 'passwords'
    })
    await refused(loadKeysetFile(moved, 'passwords', wrapping), /wrong passphrase, or damaged/)
  })

  test('an unwrapped file is refused where a passphrase is given, and a wrapped one where none is', async () => {
    await refused(loadKeysetFile(plain, 'stores', wrapping), /only dev mode accepts/)
    await refused(loadKeysetFile(wrapped, 'stores', 'unwrapped'), /none was given/)
  })

  const faults: [name: string, message: RegExp, change: (file: Record<string, unknown>) => unknown][] = [
    ['another format', /is no keyset file/, (file) => Object.assign(file, { format: 'pem' })],
    ['a newer version', /version 2; only 1/, (file) => Object.assign(file, { version: 2 })],
    ['another room', /of the sessions, not of the stores/, (file) => Object.assign(file, { room: 'sessions' })],
    ['no check', /check is missing/, (file) => Object.assign(file, { check: undefined })],
    [
      'a wrong check',
      /check does not match/,
      (file) => Object.assign(file, { check: Buffer.alloc(32).toString('base64') }),
    ],
    ['no keys', /keys or check is missing/, (file) => Object.assign(file, { keys: undefined })],
    ['an unknown wrapping', /wrap, keys or check/, (file) => Object.assign(file, { wrap: 'rot13' })],
    ['keys that are no JSON', /no JSON object/, (file) => Object.assign(file, { keys: '{' })],
    ['keys that are no list', /no list/, (file) => Object.assign(file, { keys: '{"keys":{}}' })],
    ['an entry that is null', /not 32 bytes/, (file) => Object.assign(file, { keys: '{"keys":[null]}' })],
    [
      'an edited state',
      /exactly one/,
      (file) => Object.assign(file, { keys: String(file.keys).replace('primary', 'enabled') }),
    ],
    [
      'an edited time',
      /check does not match/,
      (file) => Object.assign(file, { keys: String(file.keys).replace('1790', '1791') }),
    ],
    ['a base64url key', /not 32 bytes/, (file) => Object.assign(file, { keys: String(file.keys).replace('=', '') })],
  ]
  for (const [name, message, change] of faults) {
    test(`refused: ${name}`, async () => {
      await refused(loadKeysetFile(await changed(plain, change), 'stores', 'unwrapped'), message)
    })
  }

  test('an error names the file and nothing that is in it', async () => {
    const file = join(folder, 'broken.json')
    await writeFile(file, '{"keys":"c2VjcmV0', { mode: 0o600 })
    await assert.rejects(loadKeysetFile(file, 'stores', 'unwrapped'), (error: Error) => {
      return error.message === `${file}: damaged keyset: it is no JSON object` && error.cause === undefined
    })
  })

  test('what is not a small regular file is refused', async () => {
    await refused(loadKeysetFile(join(folder, 'none.json'), 'stores', 'unwrapped'), /cannot be opened \(ENOENT\)/)
    await refused(loadKeysetFile(folder, 'stores', 'unwrapped'), /not a regular file/)
    const large = join(folder, 'large.json')
    await writeFile(large, Buffer.alloc(2 ** 20 + 1), { mode: 0o600 })
    await refused(loadKeysetFile(large, 'stores', 'unwrapped'), /not a regular file of at most 1048576/)
    const linked = join(folder, 'link.json')
    await symlink(plain, linked)
    await loadKeysetFile(linked, 'stores', 'unwrapped')
  })
})
