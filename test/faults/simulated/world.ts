/**
 * Time that passes only when everybody waits: programs written with promises run in an order that a seed decides, and an
 * hour of theirs takes milliseconds. One at a time; nothing in it may wait for anything real.
 */
import { setImmediate } from 'node:timers/promises'
import { Random } from '../../fuzz/random.ts'

interface Alarm {
  readonly at: number
  readonly order: number
  readonly ring: () => void
}

export class World {
  /** Ms. */
  now = 0
  readonly random: Random
  readonly #slow: number
  readonly #alarms: Alarm[] = []
  #order = 0

  /** `slow`: the share of all delays that are ten times as long as they should be. */
  constructor(seed: number, slow: number) {
    this.random = new Random(seed)
    this.#slow = slow
  }

  sleep(ms: number): Promise<void> {
    return new Promise((ring) => this.#add({ at: this.now + Math.max(0, ms), order: this.#order++, ring }))
  }

  /** Anything from `low` to `high` ms, now and then ten times that. */
  delay(low: number, high: number): Promise<void> {
    const ms = low + this.random.fraction() * (high - low)
    return this.sleep(this.random.chance(this.#slow) ? ms * 10 : ms)
  }

  /** Until `programs` are through. Whatever else sleeps then is forgotten. */
  async run(programs: Promise<unknown>): Promise<void> {
    let over = false
    const end = programs.finally(() => {
      over = true
    })
    end.catch(() => {})
    for (;;) {
      // Every promise that can go on does, before time does.
      await setImmediate()
      if (over) return void (await end)
      const alarm = this.#take()
      if (alarm === undefined) throw new Error('everybody waits for ever')
      this.now = alarm.at
      alarm.ring()
    }
  }

  /** A heap: the earliest first, and of one moment the one that was set first. */
  #add(alarm: Alarm): void {
    const heap = this.#alarms
    let at = heap.push(alarm) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(alarm, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = alarm
  }

  #take(): Alarm | undefined {
    const heap = this.#alarms
    const first = heap[0]
    const last = heap.pop()
    if (heap.length === 0 || last === undefined) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (child >= heap.length || isBefore(last, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: Alarm, b: Alarm) => a.at < b.at || (a.at === b.at && a.order < b.order)
