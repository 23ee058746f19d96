/**
 * `kill -9` amid writes and ends: whatever was acknowledged is there afterwards. The child says what it is about to end
 * before it asks, and what was acknowledged as soon as it is; it is killed in mid-sentence, and the file is opened anew.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { Space } from '@holdfast/engine'
import { EmbeddedEngine } from './embedded-engine.ts'

const SPACE: Space = { id: 'store:s', shape: 'cell', final: true, atomic: 'global', longestTtl: 3600, maxSize: 5000 }
const ROUNDS = 4
const soon = () => performance.now() + 30_000
const addressOf = (name: string) => createHash('sha256').update(name).digest()
const bytesOf = (name: string) => Buffer.alloc(1600, name)

if (process.argv[2] === 'child') await writeForEver(process.argv[3]!, process.argv[4]!)
else register()

async function writeForEver(file: string, round: string): Promise<void> {
  const engine = new EmbeddedEngine({ file })
  await engine.open([SPACE])
  const say = (line: string) => writeSync(1, `${line} .\n`)
  const worker = async (who: number) => {
    for (let i = 0; ; i++) {
      const name = `${round}/${who}/${i}`
      await engine.put(SPACE.id, addressOf(name), bytesOf(name), { ttl: 3600 }, soon())
      say(`written ${name}`)
      if (i % 3 !== 0) continue
      say(`ending ${name}`)
      await engine.end(SPACE.id, addressOf(name), { everywhere: true }, soon())
      say(`ended ${name}`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, who) => worker(who)))
}

function register(): void {
  test('every acknowledged write and end survives kill -9', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-kill-'))
    const file = join(folder, 'holdfast.db')
    const state = new Map<string, string>()
    try {
      for (let round = 0; round < ROUNDS; round++) {
        await runAndKill(file, round, state)
        await assertAllHold(file, state)
      }
      const counts = Map.groupBy(state.values(), (value) => value)
      assert.ok(counts.get('written')!.length > 100 && counts.get('ended')!.length > 50)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

async function runAndKill(file: string, round: number, state: Map<string, string>): Promise<void> {
  const args = [import.meta.filename, 'child', file, `${round}`]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let lines = 0
  for await (const line of createInterface(child.stdout)) {
    const [what, name, end] = line.split(' ')
    // The last line may be cut short, and then its end mark is missing.
    if (end === '.') state.set(name!, what!)
    if (++lines === 200 + round * 67) child.kill('SIGKILL')
  }
  assert.deepEqual(await exited, [null, 'SIGKILL'])
}

async function assertAllHold(file: string, state: Map<string, string>): Promise<void> {
  const engine = new EmbeddedEngine({ file })
  await engine.open([SPACE])
  try {
    for (const [name, what] of state) {
      const answer = await engine.get(SPACE.id, addressOf(name), soon())
      if (what === 'ended') assert.equal(answer, 'ended', name)
      if (what === 'written') {
        assert.ok(typeof answer === 'object', `${name} is ${String(answer)}`)
        assert.ok(bytesOf(name).equals(answer.sealed), name)
      }
    }
  } finally {
    await engine.close()
  }
}
