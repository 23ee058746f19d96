/**
 * Clients that read, write, end and take, conditionally and not, at many instances in many datacenters, each one thing at a
 * time; all they asked and were told is recorded. Which engine serves is no matter.
 *
 * A seed decides what is tried, where and on which key; how operations interleave is the machine's.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../fuzz/random.ts'
import type { Door } from './door.ts'
import type { Answer } from './events.ts'
import { Keys, type Task } from './keys.ts'
import type { Recorder } from './recorder.ts'

export interface LoadOptions {
  readonly seed: number
  readonly clients: number
  /** Keys that are worked on at a time. */
  readonly keys: number
  /** Ms between two operations of a client, on average. */
  readonly pause: number
}

/** On average, after a fault: clients that ask at once again keep a node from coming up. */
const FAULT_PAUSE_MS = 150
/** How long a client leaves an instance alone that it did not reach. */
const AVOIDED_MS = 200

export class Load {
  readonly #recorder: Recorder
  readonly #options: LoadOptions
  readonly #keys: Keys
  readonly #doors: Door[]
  readonly #avoided = new Map<Door, number>()
  readonly #working: Promise<void>[] = []
  #stopped = false

  constructor(recorder: Recorder, doors: readonly Door[], options: LoadOptions) {
    this.#recorder = recorder
    this.#options = options
    this.#keys = new Keys(recorder.header, `${options.seed}`, options.keys)
    this.#doors = [...doors]
  }

  /** One more instance, from now on. */
  add(door: Door): void {
    this.#doors.push(door)
  }

  /** An instance that will not come back. */
  remove(instance: string): void {
    const gone = this.#doors.findIndex((each) => each.instance === instance)
    if (gone >= 0) this.#doors.splice(gone, 1)
  }

  start(): void {
    for (let i = 0; i < this.#options.clients; i++) this.#working.push(this.#work(i))
  }

  /** Lets every operation be answered. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#working)
  }

  /** Reads every key there ever was `times` times in each datacenter, again where it was no answer. */
  async inspect(times: number, patienceMs: number): Promise<void> {
    const until = performance.now() + patienceMs
    const random = new Random(this.#options.seed)
    const looks = this.#keys.all.flatMap((key) => {
      return this.#recorder.header.datacenters.flatMap((dc) => Array.from({ length: times }, () => ({ key, dc })))
    })
    const look = async (name: string) => {
      for (let next = looks.shift(); next !== undefined; next = looks.shift()) {
        for (;;) {
          const told = await this.#ask(name, this.#door(random, next.dc), { ...next, action: { kind: 'get' } })
          if ('status' in told && told.status < 500) break
          if (performance.now() > until)
            throw new Error(`no answer to a last look in ${next.dc}: ${JSON.stringify(told)}`)
          await sleep(100)
        }
      }
    }
    await Promise.all(Array.from({ length: this.#options.clients }, (_, i) => look(`last ${i}`)))
  }

  async #work(number: number): Promise<void> {
    const random = new Random(this.#options.seed, number + 1)
    const { datacenters } = this.#recorder.header
    const home = datacenters[number % datacenters.length]!
    while (!this.#stopped) {
      const task = this.#keys.next(random)
      const dc = task.dc ?? (random.chance(0.8) ? home : random.pick(datacenters))
      const door = this.#door(random, dc)
      const told = await this.#ask(`client ${number}`, door, task)
      if ('lost' in told) this.#avoided.set(door, performance.now() + AVOIDED_MS)
      const isFault = 'lost' in told || told.status === 503
      await sleep(random.fraction() * 2 * (isFault ? FAULT_PAUSE_MS : this.#options.pause))
    }
  }

  /** An instance of the datacenter, if possible one that was reached lately. */
  #door(random: Random, dc: string): Door {
    const all = this.#doors.filter((each) => each.dc === dc)
    const now = performance.now()
    const well = all.filter((each) => (this.#avoided.get(each) ?? 0) < now)
    return random.pick(well.length > 0 ? well : all)
  }

  async #ask(client: string, door: Door, task: Task): Promise<Answer> {
    const { key, action } = task
    const { dc, instance } = door
    const where = { client, dc, instance, store: key.store, key: key.name }
    const operation = this.#recorder.begin({ ...where, action })
    const isOver = action.kind === 'put' && typeof action.only === 'number'
    const only = isOver ? this.#keys.tagOf(action.only as number) : ''
    const { told, tag } = await door.ask({ store: key.store, key: key.name, action, only })
    this.#recorder.answer(operation, told)
    this.#keys.learn(task, told, tag)
    return told
  }
}
