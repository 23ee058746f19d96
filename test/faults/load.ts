/**
 * Clients that read, write, end and take, conditionally and not, at many instances in many datacenters, each one thing at a
 * time; all they asked and were told is recorded. They are ordinary clients of @holdfast/client that never retry, so that
 * an operation happened once at most. Which engine serves is no matter.
 *
 * A seed decides what is tried, where and on which key; how operations interleave is the machine's.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, createClient, HoldfastError, type TlsOptions } from '@holdfast/client'
import { Random } from '../fuzz/random.ts'
import { valueFor, writeIn } from '../history/values.ts'
import type { Answer, Begin } from './events.ts'
import { Keys, type Task } from './keys.ts'
import type { Recorder } from './recorder.ts'

export interface Target {
  readonly dc: string
  readonly instance: string
  readonly url: string
  readonly tls: TlsOptions
}

export interface LoadOptions {
  readonly seed: number
  readonly clients: number
  /** Keys that are worked on at a time. */
  readonly keys: number
  /** Ms between two operations of a client, on average. */
  readonly pause: number
  /** Ms after which a client gives an operation up. */
  readonly timeout: number
}

interface Door extends Target {
  readonly client: Client
}

/** How long a client leaves an instance alone that it did not reach. */
const AVOIDED_MS = 200

export class Load {
  readonly #recorder: Recorder
  readonly #options: LoadOptions
  readonly #keys: Keys
  readonly #doors: Door[] = []
  readonly #avoided = new Map<Door, number>()
  readonly #working: Promise<void>[] = []
  #stopped = false

  constructor(recorder: Recorder, targets: readonly Target[], options: LoadOptions) {
    this.#recorder = recorder
    this.#options = options
    this.#keys = new Keys(recorder.header, `${options.seed}`, options.keys)
    for (const target of targets) this.add(target)
  }

  /** One more instance, from now on. */
  add(target: Target): void {
    const { clients, timeout } = this.#options
    const client = createClient({ url: target.url, tls: target.tls, retries: 0, timeout, connections: clients })
    this.#doors.push({ ...target, client })
  }

  /** An instance that will not come back. */
  async remove(instance: string): Promise<void> {
    const [gone] = this.#doors.splice(
      this.#doors.findIndex((each) => each.instance === instance),
      1,
    )
    await gone?.client.close()
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
  async inspect(times: number, patience: number): Promise<void> {
    const until = performance.now() + patience
    const looks = this.#keys.all.flatMap((key) => {
      return this.#recorder.header.datacenters.flatMap((dc) => Array.from({ length: times }, () => ({ key, dc })))
    })
    const look = async (name: string) => {
      for (let next = looks.shift(); next !== undefined; next = looks.shift()) {
        const task: Task = { ...next, action: { kind: 'get' } }
        for (;;) {
          const told = await this.#ask(name, this.#door(new Random(looks.length), next.dc), task)
          if ('status' in told && told.status < 500) break
          if (performance.now() > until)
            throw new Error(`no answer to the last look in ${next.dc}: ${JSON.stringify(told)}`)
          await sleep(100)
        }
      }
    }
    await Promise.all(Array.from({ length: this.#options.clients }, (_, i) => look(`last ${i}`)))
  }

  async close(): Promise<void> {
    await Promise.all(this.#doors.map(({ client }) => client.close()))
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
      await sleep(random.fraction() * 2 * this.#options.pause)
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
    const begin: Omit<Begin, 'at' | 'begin'> = { client, dc, instance, store: key.store, key: key.name, action }
    const operation = this.#recorder.begin(begin)
    const { told, tag } = await this.#call(door.client, task)
    this.#recorder.answer(operation, told)
    this.#keys.learn(task, told, tag)
    return told
  }

  async #call(client: Client, { key, action }: Task): Promise<{ told: Answer; tag?: string | undefined }> {
    const store = client.store(key.store)
    try {
      if (action.kind === 'end') {
        await store.end(key.name)
        return { told: { status: 204 } }
      }
      if (action.kind === 'put') {
        const { only, write } = action
        const condition =
          only === undefined ? {} : only === 'absent' ? { ifAbsent: true } : { ifMatch: this.#keys.tagOf(only) }
        const { etag } = await store.put(key.name, valueFor(write), condition)
        return { told: { status: 201 }, tag: etag }
      }
      const found = await store[action.kind](key.name)
      return found === undefined ? { told: { status: 404 } } : { told: toldOf(found.value), tag: found.etag }
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      const { answered, code } = error
      return { told: answered === undefined || code === 'gateway' ? { lost: code } : { status: answered, code } }
    }
  }
}

/** A value that no write wrote has no number, which the checker refuses. */
function toldOf(value: Buffer): Answer {
  try {
    return { status: 200, value: writeIn(value) }
  } catch (error) {
    return { status: 200, code: (error as Error).message }
  }
}
