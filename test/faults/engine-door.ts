/** The way to an instance that is an engine alone, in a process of its own: see engine-process.ts. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Space } from '@holdfast/engine'
import type { CassandraOptions } from '@holdfast/engine-cassandra'
import type { Door, Question, Told } from './door.ts'
import type { Asked, Opening } from './engine-process.ts'
import type { Breakage } from './simulated/instance.ts'

export interface EngineOptions {
  readonly dc: string
  readonly instance: string
  readonly options: CassandraOptions
  readonly spaces: readonly Space[]
  /** Seconds that its clock is ahead; needs libfaketime. */
  readonly skew?: number
  readonly broken?: Breakage | undefined
}

const LOST: Told = { told: { lost: 'connection' } }
const READY_MS = 60_000

export class EngineDoor implements Door {
  readonly dc: string
  readonly instance: string
  readonly #child: ChildProcess
  readonly #asked = new Map<number, (told: Told) => void>()
  #next = 0

  private constructor({ dc, instance }: EngineOptions, child: ChildProcess) {
    this.dc = dc
    this.instance = instance
    this.#child = child
    child.on('message', ({ id, ...told }: Told & { id: number }) => {
      this.#asked.get(id)?.(told)
      this.#asked.delete(id)
    })
    child.on('exit', () => {
      for (const lose of this.#asked.values()) lose(LOST)
      this.#asked.clear()
    })
  }

  /** Resolves when it serves. */
  static async start(options: EngineOptions): Promise<EngineDoor> {
    const clock = options.skew === undefined ? {} : clockOf(options.skew)
    // Buffers and bigints keep their types.
    const child = fork(join(import.meta.dirname, 'engine-process.ts'), {
      serialization: 'advanced',
      env: { ...process.env, ...clock },
    })
    const opening: Opening = { options: options.options, spaces: options.spaces, broken: options.broken }
    child.send(opening)
    const [word] = await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(READY_MS) }),
      once(child, 'exit').then(([code]) => [`ended with ${code}`]),
    ])
    if (word !== 'ready') throw new Error(`instance ${options.instance}: ${word}`)
    return new EngineDoor(options, child)
  }

  ask(question: Question): Promise<Told> {
    if (!this.#child.connected) return Promise.resolve(LOST)
    const id = this.#next++
    return new Promise((resolve) => {
      this.#asked.set(id, resolve)
      const asked: Asked = { id, ...question }
      this.#child.send(asked, (error) => {
        if (error !== null && this.#asked.delete(id)) resolve(LOST)
      })
    })
  }

  /** SIGKILL: what is under way is lost. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  close(): Promise<void> {
    return this.kill()
  }
}

/** For a process whose time of day is another; how fast time passes is not. */
export function clockOf(seconds: number): Record<string, string> {
  return {
    LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
    FAKETIME: `${seconds < 0 ? '' : '+'}${seconds}`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  }
}
