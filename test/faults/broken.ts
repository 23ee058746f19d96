/**
 * The engine with one mistake (the same as simulated/instance.ts names), to see that a run on a real cluster finds it. Each is
 * made around the engine or by replacing one method of its parts, so that the engine itself knows nothing of it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Cell, type Engine, EngineUnavailable, EngineUnconfirmed, type Space } from '@holdfast/engine'
import { types } from 'cassandra-driver'
import { Ends } from '../../packages/engine-cassandra/src/ends.ts'
import { nothingRan } from '../../packages/engine-cassandra/src/faults.ts'
import { PendingEnds } from '../../packages/engine-cassandra/src/pending-ends.ts'
import { type Run, Session, type Value } from '../../packages/engine-cassandra/src/session.ts'
import { Stamps } from '../../packages/engine-cassandra/src/stamps.ts'
import { BREAKAGES, type Breakage } from './simulated/instance.ts'

/** What the load asks of an engine. */
export type Asked = Pick<Engine, 'get' | 'put' | 'take' | 'end'>

/** The faults under which each shows. */
export const SHOWS_UNDER: Readonly<Record<Breakage, string>> = {
  'end at LOCAL_QUORUM only': 'cut',
  "marker in the value's column": 'slow-link',
  'a read joins one already sent': 'kill-instances',
  'LOCAL_ONE reads': 'kill-node',
  'retry of a write that is not idempotent': 'flutter',
  'time-out typed as unavailable': 'pause-node',
  'success on Unavailable': 'cut',
  'pending row kept in memory': 'cut',
  'take at LOCAL_SERIAL in a global store': 'slow-link',
  'timestamps from a skewed clock': 'skew-instances',
}

export function isBreakage(name: string): name is Breakage {
  return (BREAKAGES as readonly string[]).includes(name)
}

/** The rules by which the broken engine opens a space. */
export function brokenSpace(space: Space, broken: Breakage | undefined): Space {
  if (broken === 'take at LOCAL_SERIAL in a global store' && space.atomic === 'global') {
    return { ...space, atomic: 'datacenter' }
  }
  return broken === "marker in the value's column" && isFast(space) ? { ...space, final: false } : space
}

const isFast = ({ final, atomic }: Space) => final && atomic === 'no'

/** `spaces`: as they should be. */
export function breakEngine(engine: Asked, broken: Breakage | undefined, spaces: readonly Space[]): Asked {
  const whole: Asked = {
    get: (...call) => engine.get(...call),
    put: (...call) => engine.put(...call),
    take: (...call) => engine.take(...call),
    end: (...call) => engine.end(...call),
  }
  switch (broken) {
    case undefined:
    case 'take at LOCAL_SERIAL in a global store':
      return whole
    case 'end at LOCAL_QUORUM only':
      return {
        ...whole,
        end: (space, address, _, deadline) => engine.end(space, address, { everywhere: false }, deadline),
      }
    case "marker in the value's column":
      return markedInValue(whole, new Set(spaces.filter(isFast).map(({ id }) => id)))
    case 'a read joins one already sent':
      return { ...whole, get: joining(whole.get) }
    case 'LOCAL_ONE reads': {
      const { run } = Session.prototype
      Session.prototype.run = function (this: Session, statement: string, values: readonly Value[], how: Run) {
        return run.call(this, statement, values, how.reads ? { ...how, level: types.consistencies.localOne } : how)
      }
      return whole
    }
    case 'retry of a write that is not idempotent':
      return { ...whole, put: twice(whole.put), take: twice(whole.take) }
    case 'time-out typed as unavailable': {
      const typed = <T>(answer: Promise<T>) =>
        answer.catch((error) => {
          throw error instanceof EngineUnconfirmed ? new EngineUnavailable(error.message) : error
        })
      return {
        get: whole.get,
        put: (...call) => typed(engine.put(...call)),
        take: (...call) => typed(engine.take(...call)),
        end: (...call) => typed(engine.end(...call)),
      }
    }
    case 'success on Unavailable': {
      const { seeThrough } = Ends.prototype
      Ends.prototype.seeThrough = function (this: Ends, ...call) {
        return seeThrough.apply(this, call).catch((error) => {
          if (!nothingRan(error)) throw error
        })
      }
      return whole
    }
    case 'pending row kept in memory':
      // Of an instance that is gone by the time at which it could see it through.
      PendingEnds.prototype.add = () => Promise.resolve()
      return whole
    case 'timestamps from a skewed clock':
      Stamps.prototype.after = () => BigInt(Date.now()) * 1000n
      return whole
  }
}

const MARKER = Buffer.from('ended')
const TTL = { ttl: 3600 }

function markedInValue(engine: Asked, spaces: ReadonlySet<string>): Asked {
  const isMarker = (cell: Cell | string) => typeof cell !== 'string' && MARKER.equals(cell.sealed)
  const get: Asked['get'] = async (space, ...call) => {
    const cell = await engine.get(space, ...call)
    return spaces.has(space) && isMarker(cell) ? 'ended' : cell
  }
  return {
    ...engine,
    get,
    async put(space, address, sealed, options, deadline) {
      if (spaces.has(space) && (await get(space, address, deadline)) === 'ended') return 'ended'
      return engine.put(space, address, sealed, options, deadline)
    },
    async end(space, address, options, deadline) {
      if (!spaces.has(space)) return engine.end(space, address, options, deadline)
      await engine.end(space, address, options, deadline)
      await engine.put(space, address, MARKER, TTL, deadline)
      return 'done'
    },
  }
}

/** Answers are slow on their way, which alone breaks nothing: then a mistake that takes a slow answer shows in every run. */
const SLOW_MS = 40

function joining(get: Asked['get']): Asked['get'] {
  const flying = new Map<string, ReturnType<Asked['get']>>()
  return (space, address, deadline) => {
    const id = `${space}/${Buffer.from(address).toString('hex')}`
    const mine = flying.get(id) ?? slowly(get(space, address, deadline)).finally(() => flying.delete(id))
    flying.set(id, mine)
    return mine
  }
}

async function slowly<T>(answer: Promise<T>): Promise<T> {
  const told = await answer
  await sleep(SLOW_MS)
  return told
}

function twice<Call extends unknown[], T>(ask: (...call: Call) => Promise<T>): (...call: Call) => Promise<T> {
  return (...call) =>
    ask(...call).catch((error) => {
      if (error instanceof EngineUnconfirmed) return ask(...call)
      throw error
    })
}
