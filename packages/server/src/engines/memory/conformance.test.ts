import { conformance } from '@holdfast/engine/conformance'
import { MemoryEngine } from './memory-engine.ts'

conformance(
  'memory',
  async (clocks) => {
    const engine = new MemoryEngine(clocks)
    return { engine, close: () => engine.close() }
  },
  { durable: false },
)
