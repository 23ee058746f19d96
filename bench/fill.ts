/**
 * Fills a database through records/ and the embedded engine, without HTTP: the records are those that a server would have
 * written. `node fill.ts CONFIG SESSIONS` ends with 0 if the sessions are there, from an earlier run or written now, and
 * with UNUSABLE if what is there is of another format, half filled, or about to expire: then it has to be made anew.
 */
import { randomFillSync } from 'node:crypto'
import { loadConfig } from '../packages/server/src/config/load.ts'
import { EmbeddedEngine } from '../packages/server/src/engines/embedded/embedded-engine.ts'
import { loadKeysetFile, Records, readPassphraseFile, type SealedCells } from '../packages/server/src/records/index.ts'
import { storeSpace } from '../packages/server/src/stores/rules.ts'
import { progress } from './progress.ts'
import { keyOf, VALUE_BYTES } from './workload.ts'

export const UNUSABLE = 9
/** Writes under way at once; they share commits. */
const PARALLEL = 512
const CALL_MS = 60_000
const DAY_MS = 86_400_000

if (import.meta.main) process.exitCode = await main(process.argv[2]!, Number(process.argv[3]))

async function main(file: string, sessions: number): Promise<number> {
  const config = loadConfig(file)
  const rules = config.stores[0]!
  const space = storeSpace(rules)
  const { embedded } = config.engine
  const engine = new EmbeddedEngine({ file: embedded!.file })
  try {
    const { file: keysetFile, passphraseFile } = config.keys.stores
    const passphrase = await readPassphraseFile(passphraseFile!)
    const keyset = await loadKeysetFile(keysetFile, 'stores', { passphrase })
    const records = await Records.open(engine, [{ room: 'stores', keyset, spaces: [space] }])
    const cells = records.cells(space.id)
    if ((await cells.get(Buffer.from(keyOf(0)), performance.now() + CALL_MS)) === 'absent') {
      await fill(cells, sessions, rules.ttl)
    }
    return (await isComplete(cells, sessions)) ? 0 : UNUSABLE
  } catch (error) {
    console.error(`${file}: ${error instanceof Error ? error.message : error}; making it anew`)
    return UNUSABLE
  } finally {
    await engine.close()
  }
}

async function fill(cells: SealedCells, sessions: number, ttl: number): Promise<void> {
  let next = 0
  const lane = async () => {
    const value = randomFillSync(Buffer.alloc(VALUE_BYTES))
    while (next < sessions) {
      const n = next++
      if (n % 1000 === 0) progress(`filling ${sessions.toLocaleString('en-US')} sessions: ${n.toLocaleString('en-US')}`)
      value.writeUInt32BE(n)
      const outcome = await cells.put(Buffer.from(keyOf(n)), value, { ttl }, performance.now() + CALL_MS)
      if (typeof outcome === 'string') throw new Error(`session ${n}: ${outcome}`)
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, lane))
}

/** The last sessions that a fill wrote, and some others, are there and have at least a month to live. */
async function isComplete(cells: SealedCells, sessions: number): Promise<boolean> {
  const last = Array.from({ length: PARALLEL }, (_, n) => sessions - 1 - n)
  const others = Array.from({ length: PARALLEL }, () => Math.floor(Math.random() * sessions))
  for (const n of [...last, ...others]) {
    const found = await cells.get(Buffer.from(keyOf(n)), performance.now() + CALL_MS)
    if (typeof found === 'string' || found.value.length !== VALUE_BYTES) return false
    if (found.expiresAt < Date.now() + 30 * DAY_MS) return false
  }
  return true
}
