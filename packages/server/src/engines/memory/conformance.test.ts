import { conformance } from '@holdfast/engine/conformance'
import { MemoryEngine } from './memory-engine.ts'

conformance(
  'memory',
  async ({ now }) => {
    const engine = new MemoryEngine({ now })
    return { engine, close: () => engine.close() }
  },
  { durable: false },
)
