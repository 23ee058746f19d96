/** What the parts of the suite share: an engine to test, a clock that tests move, and fresh addresses. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { ADDRESS_BYTES, type Atomicity, type Cell, type Engine, type Shape, type Space } from '../index.ts'

/** An engine on storage of its own, empty at first. */
export interface Subject {
  readonly engine: Engine
  /** Closes the engine and opens the same storage anew; absent if the engine keeps nothing. */
  readonly reopen?: () => Promise<Engine>
  /** Closes whatever is open and removes the storage. */
  close(): Promise<void>
}

/**
 * Makes a subject whose engine takes the time (Unix ms) from `now`, and from `monotonic` the ms that have passed, however
 * the clock was set. The engine is not opened yet.
 */
export type Make = (clocks: Pick<Clock, 'now' | 'monotonic'>) => Promise<Subject>

export class Clock {
  time = 1_800_000_000_000
  #passed = 0
  readonly now = (): number => this.time
  readonly monotonic = (): number => this.#passed
  /** Time passes. */
  forward(seconds: number): void {
    this.time += seconds * 1000
    this.#passed += seconds * 1000
  }
  /** The clock is set. */
  step(seconds: number): void {
    this.time += seconds * 1000
  }
}

export const DAY = 86_400

export const FINAL = space('store:final', { final: true, longestTtl: DAY })
export const REUSABLE = space('store:reusable', { longestTtl: DAY })
export const FAST = space('store:fast', { atomic: 'no', longestTtl: DAY })
export const FOREVER = space('room:test/check', { longestTtl: 0 })
export const ROWS = space('room:test/rows', { shape: 'rows', atomic: 'no', longestTtl: DAY })
const SPACES = [FINAL, REUSABLE, FAST, FOREVER, ROWS]

export function space(id: string, rules: Partial<Space>): Space {
  return { id, shape: 'cell', final: false, atomic: 'datacenter', longestTtl: DAY, maxSize: 4096, ...rules }
}

/** Deadline in half a minute: for calls that are not about deadlines. */
export function soon(): number {
  return performance.now() + 30_000
}

export function address(): Uint8Array {
  return randomBytes(ADDRESS_BYTES)
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function assertCell(answer: Cell | 'ended' | 'absent', sealed: Uint8Array): Cell {
  if (typeof answer === 'string') assert.fail(`a cell was expected, not ${answer}`)
  assert.deepEqual(Buffer.from(answer.sealed), Buffer.from(sealed))
  return answer
}

/** Runs a test on a fresh subject with the usual spaces open; skips it if the engine does not offer what they need. */
export function onEngine(
  make: Make,
  test: (engine: Engine, clock: Clock, subject: Subject) => Promise<void>,
  needs: { readonly shape?: Shape; readonly atomic?: Atomicity } = {},
): (context: TestContext) => Promise<void> {
  return async (context) => {
    const clock = new Clock()
    const subject = await make(clock)
    try {
      const { shapes, atomic } = subject.engine.capabilities
      const offered = SPACES.filter((one) => shapes.includes(one.shape) && atomic.includes(one.atomic))
      if (needs.shape && !shapes.includes(needs.shape)) return context.skip(`no ${needs.shape}`)
      if (needs.atomic && !atomic.includes(needs.atomic)) return context.skip(`no atomic: ${needs.atomic}`)
      await subject.engine.open(offered)
      await test(subject.engine, clock, subject)
    } finally {
      await subject.close()
    }
  }
}
