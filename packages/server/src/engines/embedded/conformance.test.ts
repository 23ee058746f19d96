import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { conformance } from '@holdfast/engine/conformance'
import { EmbeddedEngine } from './embedded-engine.ts'

conformance(
  'embedded',
  async (clocks) => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-embedded-'))
    const options = { file: join(folder, 'holdfast.db'), ...clocks, minFree: { writes: 0, ends: 0 } }
    const engine = new EmbeddedEngine(options)
    let current = engine
    return {
      engine,
      reopen: async () => {
        await current.close()
        current = new EmbeddedEngine(options)
        return current
      },
      close: async () => {
        await current.close()
        rmSync(folder, { recursive: true })
      },
    }
  },
  { durable: true },
)
