/**
 * A run of clients against simulated instances under simulated faults, recorded as a real one would be. At its end the
 * network is whole, `healing` passes, and every key is read in both datacenters.
 */
import type { Random } from '../../fuzz/random.ts'
import type { Action } from '../../history/cell.ts'
import type { Event, Header, History, StoreRules } from '../events.ts'
import { Cluster, type Shape } from './cluster.ts'
import { type Breakage, Instance } from './instance.ts'
import { World } from './world.ts'

export interface Plan {
  readonly seed: number
  readonly rules: StoreRules
  readonly shape: Shape
  readonly faults: readonly ('cut' | 'replica' | 'instance')[]
  /** Ms that clocks of instances are apart. */
  readonly skew: number
  readonly clients: number
  readonly operations: number
  /** That are worked on at a time. */
  readonly keys: number
  /** Share of messages that take ten times as long. */
  readonly slow: number
}

/** Operations after which one key makes room for the next. */
const ON_ONE_KEY = 12

const HEALING_MS = 3000

class Run {
  readonly events: Event[] = []
  readonly #world: World
  readonly #cluster: Cluster
  readonly #instances: Instance[]
  readonly #plan: Plan
  #nextOperation = 0
  #nextWrite = 1
  readonly #seen = new Map<string, number[]>()

  constructor(plan: Plan, broken: Breakage | undefined) {
    this.#plan = plan
    this.#world = new World(plan.seed, plan.slow)
    this.#cluster = new Cluster(this.#world, plan.shape)
    this.#instances = this.#cluster.datacenters.flatMap((dc) => {
      return [1, 2].map((n) => {
        const skew = plan.skew * (this.#world.random.fraction() - 0.5)
        return new Instance(this.#world, this.#cluster, plan.rules, { name: `${dc}${n}`, dc, skew }, broken)
      })
    })
  }

  async record(): Promise<void> {
    const work = async () => {
      const clients = Array.from({ length: this.#plan.clients }, (_, i) => this.#client(i))
      const faults = this.#plan.faults.map((fault) => this.#fault(fault))
      await Promise.all([...clients, ...faults])
      this.#mark('healed', 'the network and every replica')
      await this.#world.sleep(HEALING_MS + 1)
      const keys = Array.from({ length: this.#oldest() + this.#plan.keys }, (_, i) => `k${i}`)
      for (const key of [...keys, ...keys]) {
        for (const dc of this.#cluster.datacenters) await this.#ask('last', dc, key, { kind: 'get' })
      }
    }
    await this.#world.run(work())
  }

  async #client(number: number): Promise<void> {
    const { random } = this.#world
    const { datacenters } = this.#cluster
    const home = datacenters[number % datacenters.length]!
    for (let i = 0; i < this.#plan.operations; i++) {
      await this.#world.delay(0, 60)
      const key = `k${this.#oldest() + random.between(0, this.#plan.keys - 1)}`
      const dc = random.chance(0.8) ? home : random.pick(datacenters)
      await this.#ask(`client ${number}`, dc, key, this.#choose(random, key))
    }
  }

  #oldest(): number {
    return Math.floor(this.#nextOperation / ON_ONE_KEY)
  }

  #choose(random: Random, key: string): Action {
    const dice = random.between(1, 100)
    const { final, atomic } = this.#plan.rules
    const isExact = atomic !== 'no'
    if (dice <= 45) return { kind: 'get' }
    if (dice <= (final ? 50 : 60)) return { kind: 'end' }
    if (!isExact || dice <= 70) return { kind: 'put', write: this.#nextWrite++ }
    if (dice <= (final ? 75 : 82)) return { kind: 'take' }
    const latest = this.#seen.get(key)?.at(-1)
    return { kind: 'put', write: this.#nextWrite++, only: latest === undefined || dice <= 85 ? 'absent' : latest }
  }

  async #ask(client: string, dc: string, key: string, action: Action): Promise<void> {
    const instance = this.#world.random.pick(this.#instances.filter((each) => each.dc === dc && !each.dead))
    const id = this.#nextOperation++
    const where = { client, dc, instance: instance.name, store: 's', key }
    this.events.push({ at: this.#world.now, begin: id, ...where, action })
    const told = await instance.ask(key, action)
    this.events.push({ at: this.#world.now, answer: id, told })
    const write = 'lost' in told ? undefined : told.status === 201 && action.kind === 'put' ? action.write : told.value
    if (write !== undefined) this.#seen.set(key, [...(this.#seen.get(key) ?? []), write])
  }

  #mark(mark: 'fault' | 'healed' | 'note', what: string): void {
    this.events.push({ at: this.#world.now, mark, what })
  }

  async #fault(fault: Plan['faults'][number]): Promise<void> {
    const { random } = this.#world
    await this.#world.sleep(random.between(50, 900))
    const length = random.between(50, 1500)
    this.#mark('fault', fault)
    if (fault === 'cut') {
      this.#cluster.cut()
      await this.#world.sleep(length)
      this.#cluster.heal()
    } else if (fault === 'replica') {
      const replica = random.pick(this.#cluster.replicas)
      this.#cluster.stop(replica)
      await this.#world.sleep(length)
      this.#cluster.restart(replica)
    } else {
      const mortal = this.#instances.filter(({ name, dead }) => name.endsWith('1') && !dead)
      if (mortal.length > 0) random.pick(mortal).dead = true
    }
  }
}

export async function simulate(plan: Plan, broken?: Breakage): Promise<History> {
  const run = new Run(plan, broken)
  await run.record()
  const header: Header = {
    ...{ history: 1, datacenters: Object.keys(plan.shape.replicas), stores: { s: plan.rules } },
    ...{ clocksApart: plan.skew, healing: HEALING_MS, seed: plan.seed },
  }
  return { header, events: run.events }
}
