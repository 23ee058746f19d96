/** The three places of a passphrase: what each gives, and what each refuses, in words. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { KeysetError } from './errors.ts'
import { wrappingFrom } from './passphrase.ts'
import { MAX_OUTPUT_BYTES, outputOf } from './passphrase-command.ts'

const GOOD = 'correct horse battery staple'
const folder = mkdtempSync(join(tmpdir(), 'holdfast-passphrase-'))
after(() => rmSync(folder, { recursive: true }))

function refused(attempt: Promise<unknown>, message: RegExp): Promise<void> {
  return assert.rejects(attempt, (error: unknown) => {
    assert.ok(error instanceof KeysetError && error.hint.length > 0, `rejected with ${error}`)
    assert.match(error.message, message)
    return true
  })
}

async function told(source: Parameters<typeof wrappingFrom>[0]): Promise<string> {
  const wrapping = await wrappingFrom(source)
  return wrapping === 'unwrapped' ? wrapping : Buffer.from(wrapping.passphrase).toString()
}

test('no place: not wrapped', async () => {
  assert.equal(await told({}), 'unwrapped')
})

test('a file: what it holds, less one newline, and 16 bytes or more', async () => {
  const passphraseFile = join(folder, 'passphrase')
  const read = (content: string, mode = 0o600) => {
    writeFileSync(passphraseFile, content)
    chmodSync(passphraseFile, mode)
    return told({ passphraseFile })
  }
  assert.equal(await read('sixteen bytes ok'), 'sixteen bytes ok')
  assert.equal(await read('sixteen bytes ok\n'), 'sixteen bytes ok')
  assert.equal(await read('sixteen bytes ok\n\n'), 'sixteen bytes ok\n')
  await refused(read('fifteen bytes..\n'), /at least 16 bytes/)
  await refused(read('sixteen bytes ok', 0o640), /others than its owner/)
})

describe('a credential', () => {
  const before = process.env.CREDENTIALS_DIRECTORY
  const file = join(folder, 'credential')
  const read = (mode = 0o400) => {
    writeFileSync(file, `${GOOD}\n`, { mode: 0o600 })
    chmodSync(file, mode)
    return told({ passphraseCredential: 'credential' }).finally(() => rmSync(file))
  }
  beforeEach(() => {
    process.env.CREDENTIALS_DIRECTORY = folder
  })
  after(() => {
    delete process.env.CREDENTIALS_DIRECTORY
    if (before !== undefined) process.env.CREDENTIALS_DIRECTORY = before
  })

  test('is a file of that name, which an access list may let one more user read', async () => {
    assert.equal(await read(), GOOD)
    assert.equal(await read(0o440), GOOD)
    for (const mode of [0o460, 0o420, 0o450, 0o444, 0o402, 0o401]) await refused(read(mode), /others than its owner/)
  })

  test('that is not there, or where there are none, is refused', async () => {
    await refused(told({ passphraseCredential: 'none' }), /none: cannot be opened \(ENOENT\)/)
    delete process.env.CREDENTIALS_DIRECTORY
    await refused(read(), /\$CREDENTIALS_DIRECTORY is not set/)
  })
})

describe('a command', () => {
  const node = (script: string, ...args: string[]) => ({ passphraseCommand: [process.execPath, '-e', script, ...args] })

  test('what it prints, less one newline; its arguments as they are, no shell between', async () => {
    const args = [`${GOOD} $HOME`, '`id`', 'a;b', '*']
    assert.equal(await told(node('console.log(process.argv.slice(1).join("|"))', ...args)), args.join('|'))
    assert.equal(await told(node(`process.stdout.write("${GOOD}\\n\\n")`)), `${GOOD}\n`)
  })

  test('it has nothing to read, runs in /, and keeps the environment', async () => {
    const seen = 'console.log(JSON.stringify([process.cwd(), fs.readFileSync(0, "utf8"), process.env.PATH]))'
    assert.deepEqual(JSON.parse(await told(node(seen))), ['/', '', process.env.PATH])
  })

  test('how it failed is told; what it printed is not', async () => {
    for (const [script, why] of [
      ['process.exitCode = 7', /: ended with exit code 7$/],
      ['process.kill(process.pid, "SIGTERM")', /: was ended by SIGTERM$/],
      ['', /at least 16 bytes/],
    ] as const) {
      const source = node(`console.log("${GOOD.slice(0, 10)}"); console.error("${GOOD}"); ${script}`)
      await refused(told(source), why)
      await assert.rejects(told(source), (error: KeysetError) => !/correct/.test(error.message + error.hint))
    }
    await refused(told({ passphraseCommand: [join(folder, 'none')] }), /none: cannot be run \(ENOENT\)/)
    await refused(told({ passphraseCommand: [folder] }), /cannot be run \(EACCES\)/)
    await refused(told({ passphraseCommand: ['/bin/true', 'a\0b'] }), /cannot be run \(ERR_INVALID_ARG_VALUE\)/)
  })

  test('it may print 64 KiB, and not a byte more', async () => {
    const print = (bytes: number, then = '') => node(`process.stdout.write("x".repeat(${bytes}), () => {${then}})`)
    assert.equal((await told(print(MAX_OUTPUT_BYTES))).length, 65_536)
    await refused(told(print(MAX_OUTPUT_BYTES + 1, 'setInterval(() => {}, 1000)')), /printed more than 65536 bytes/)
  })

  test('out of time, it is killed, and so is what it started', { timeout: 30_000 }, async () => {
    const pids = join(folder, 'pids')
    const script = `const { pid } = require("node:child_process").spawn("sleep", ["600"], { stdio: "inherit" })
      fs.writeFileSync(process.argv[1] + ".new", process.pid + " " + pid); fs.renameSync(process.argv[1] + ".new", process.argv[1])`
    await refused(outputOf([process.execPath, '-e', script, pids], undefined, 3000), /took longer than 3 s$/)
    assert.ok(existsSync(pids), 'it came so far')
    for (const pid of readFileSync(pids, 'utf8').split(' ')) {
      while (isAlive(Number(pid))) await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })
})

/** A process that was killed and that nobody has asked after is a zombie: dead. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
