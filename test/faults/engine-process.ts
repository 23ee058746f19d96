/**
 * An instance in a process of its own that is an engine and nothing else, so that it can be killed, and given a clock of its
 * own. Its parent asks by messages (engine-door.ts). Values are not sealed and addresses are hashes of keys: what is under
 * test is what the engine answers.
 */
import { createHash } from 'node:crypto'
import { type Cell, EngineStorageFull, EngineUnavailable, EngineUnconfirmed, type Space } from '@holdfast/engine'
import { CassandraEngine, type CassandraOptions } from '@holdfast/engine-cassandra'
import { valueFor } from '../history/values.ts'
import { type Asked as Asking, breakEngine, brokenSpace } from './broken.ts'
import { type Question, type Told, toldOf } from './door.ts'
import type { Breakage } from './simulated/instance.ts'

/** The first message that it is sent. It answers `ready`. */
export interface Opening {
  readonly options: CassandraOptions
  readonly spaces: readonly Space[]
  readonly broken: Breakage | undefined
}

export interface Asked extends Question {
  readonly id: number
}

const TTL_SECONDS = 3600
/** As a server's are: ms for a read, a write, an end. */
const PATIENCE_MS = { get: 2000, put: 3000, take: 3000, end: 3000 } as const

let engine: Asking | undefined

process.on('message', async (message: Opening | Asked) => {
  if ('options' in message) {
    const { options, spaces, broken } = message
    const whole = new CassandraEngine(options)
    engine = breakEngine(whole, broken, spaces)
    const { fresh } = await whole.open(spaces.map((space) => brokenSpace(space, broken)))
    await whole.confirm(fresh)
    process.send!('ready')
  } else process.send!({ id: message.id, ...(await answer(engine!, message).catch(fault)) })
})
process.on('disconnect', () => process.exit())

async function answer(engine: Asking, { store, key, action, only }: Asked): Promise<Told> {
  const address = createHash('sha256').update(key).digest()
  const deadline = performance.now() + PATIENCE_MS[action.kind]
  if (action.kind === 'end') {
    const done = await engine.end(store, address, { everywhere: true }, deadline)
    return { told: done === 'done' ? { status: 204 } : { status: 503, code: 'logout-pending' } }
  }
  if (action.kind === 'put') {
    const named = only === '' ? undefined : { version: JSON.parse(only) }
    const condition = action.only === 'absent' ? action.only : named
    const options = { ttl: TTL_SECONDS, ...(condition === undefined ? {} : { condition }) }
    const written = await engine.put(store, address, valueFor(action.write), options, deadline)
    return { told: { status: { written: 201, ended: 409, conflict: 412 }[written] } }
  }
  return found(await engine[action.kind](store, address, deadline))
}

function found(cell: Cell | 'ended' | 'absent'): Told {
  if (typeof cell === 'string') return { told: { status: 404 } }
  return { told: toldOf(Buffer.from(cell.sealed)), tag: JSON.stringify(cell.version) }
}

function fault(error: unknown): Told {
  if (error instanceof EngineUnavailable) return { told: { status: 503, code: 'unavailable' } }
  if (error instanceof EngineUnconfirmed) return { told: { status: 503, code: 'unconfirmed' } }
  if (error instanceof EngineStorageFull) return { told: { status: 503, code: 'storage-full' } }
  return { told: { status: 500, code: (error as Error).stack ?? String(error) } }
}
