/**
 * What was declared of spaces, durable in every datacenter. Reading it needs this datacenter alone, so an instance starts
 * while another datacenter is away; a new space, or a longer TTL, needs a majority of all replicas, since two datacenters
 * must never hold different rules. All changes are conditional on what was read: two instances that start at once agree.
 *
 * Each instance looks again every minute: markers must outlive records of the longest TTL that any instance allows.
 */
import { checkUnchanged, EngineRefused, type Space, titleOf } from '@holdfast/engine'
import { eachQuorum, localQuorum, type Row, type Run, type Session, serial } from './session.ts'
import type { OpenSpace } from './space.ts'

type Rules = Pick<Space, 'shape' | 'final' | 'atomic'>

interface Declared extends Rules {
  readonly highestTtl: number
  readonly confirmed: boolean
}

/** Tries at a conditional change; more would mean that instances with different rules fight. */
const TRIES = 10

export class Spaces {
  readonly #session: Session
  readonly #table: string
  readonly #open = new Map<string, OpenSpace>()

  constructor(session: Session, keyspace: string) {
    this.#session = session
    this.#table = `${keyspace}.spaces`
  }

  get open(): ReadonlyMap<string, OpenSpace> {
    return this.#open
  }

  /** Ids of those that nobody has confirmed. Changes nothing if one is refused. */
  async declare(spaces: readonly Space[], deadline: number): Promise<string[]> {
    for (const space of spaces) {
      const before = await this.#read(space.id, deadline)
      if (before?.confirmed) checkUnchanged(before, space)
    }
    const opened: (Declared & { space: Space })[] = []
    for (const space of spaces) opened.push({ ...(await this.#declare(space, deadline)), space })
    for (const { space, highestTtl } of opened) this.#open.set(space.id, { ...space, highestTtl })
    return opened.filter(({ confirmed }) => !confirmed).map(({ space }) => space.id)
  }

  async confirm(ids: readonly string[], deadline: number): Promise<void> {
    const spaces = ids.map((id) => {
      const space = this.#open.get(id)
      if (space === undefined) throw new TypeError(`space ${id} was not opened`)
      return space
    })
    for (const { id, shape, final, atomic, highestTtl } of spaces) {
      const applied = await this.#change(
        id,
        `UPDATE ${this.#table} SET confirmed = true WHERE id = ? IF shape = ? AND final = ? AND atomic = ? AND highest_ttl = ?`,
        [id, shape, final, atomic, BigInt(highestTtl)],
        deadline,
      )
      if (applied) continue
      throw new EngineRefused(
        `${titleOf(id)}: another instance has opened it by other rules meanwhile`,
        'give all instances the same configuration, then start this one again',
      )
    }
  }

  /** Takes over longer TTLs that other instances have declared. */
  async refresh(deadline: number): Promise<void> {
    for (const space of this.#open.values()) {
      const now = await this.#read(space.id, deadline)
      if (now === undefined || !outlasts(now.highestTtl, space.highestTtl)) continue
      this.#open.set(space.id, { ...space, highestTtl: now.highestTtl })
    }
  }

  async #declare(space: Space, deadline: number): Promise<Declared> {
    const { id, shape, final, atomic, longestTtl } = space
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const before = await this.#read(id, deadline)
      if (before?.confirmed) checkUnchanged(before, space)
      const highestTtl = before?.confirmed ? longer(before.highestTtl, longestTtl) : longestTtl
      const next = { shape, final, atomic, highestTtl, confirmed: before?.confirmed ?? false }
      if (before !== undefined && isSame(before, next)) return next
      const values = [shape, final, atomic, BigInt(highestTtl)]
      const applied =
        before === undefined
          ? await this.#change(
              id,
              `INSERT INTO ${this.#table} (id, shape, final, atomic, highest_ttl, confirmed) VALUES (?, ?, ?, ?, ?, false) IF NOT EXISTS`,
              [id, ...values],
              deadline,
            )
          : await this.#change(
              id,
              `UPDATE ${this.#table} SET shape = ?, final = ?, atomic = ?, highest_ttl = ? WHERE id = ? IF confirmed = ? AND highest_ttl = ?`,
              [...values, id, before.confirmed, BigInt(before.highestTtl)],
              deadline,
            )
      if (applied) return next
    }
    throw new EngineRefused(
      `${titleOf(id)}: other instances keep declaring it by other rules`,
      'give all instances the same configuration',
    )
  }

  async #read(id: string, deadline: number, level = localQuorum): Promise<Declared | undefined> {
    const run: Run = { level, deadline, reads: true }
    const [row] = await this.#session.run(
      `SELECT shape, final, atomic, highest_ttl, confirmed FROM ${this.#table} WHERE id = ?`,
      [id],
      run,
    )
    return row === undefined ? undefined : declared(row)
  }

  /** A quorum of every datacenter holds a change when it is answered: the read repairs those that lack it. */
  async #change(
    id: string,
    statement: string,
    values: readonly (string | boolean | bigint)[],
    deadline: number,
  ): Promise<boolean> {
    const [row] = await this.#session.run(statement, values, { level: localQuorum, serial, deadline })
    if (row?.['[applied]'] !== true) return false
    await this.#read(id, deadline, eachQuorum)
    return true
  }
}

function declared(row: Row): Declared {
  const { shape, final, atomic, highest_ttl: highest, confirmed } = row as unknown as Rules & Record<string, unknown>
  return { shape, final, atomic, highestTtl: Number(highest), confirmed: confirmed === true }
}

function isSame(a: Declared, b: Declared): boolean {
  return (
    a.shape === b.shape &&
    a.final === b.final &&
    a.atomic === b.atomic &&
    a.highestTtl === b.highestTtl &&
    a.confirmed === b.confirmed
  )
}

/** 0 is for ever. */
function outlasts(a: number, b: number): boolean {
  return b !== 0 && (a === 0 || a > b)
}

function longer(a: number, b: number): number {
  return outlasts(a, b) ? a : b
}
