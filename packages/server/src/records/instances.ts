/**
 * Which instances live, and which keys each of them holds: what must be known before a key is promoted, since an instance
 * without it could not read what the others write from then on. Every instance writes one sealed row, every ten seconds
 * and whenever its keyset changes; a row that is not written again is over after thirty. And until when each key was sealed
 * with, before it is disabled: one more row for each key, which every instance that seals with the key writes again at each
 * beat, and which outlives them all. What an instance with an old copy of the keyset sealed late is so waited for, also if
 * it died since.
 *
 * It is a help for operators and no part of serving: a beat that fails is told and tried again, nothing else. It proves
 * nothing against somebody who writes to the storage: rows can be taken away there. An instance that cannot reach the
 * storage is not seen, and can read nothing either.
 */
import { randomBytes } from 'node:crypto'
import type { Space } from '@holdfast/engine'
import { sealedSize } from './envelope.ts'
import type { KeyState } from './keyset.ts'
import type { Records } from './records.ts'
import type { SealedRows } from './rows.ts'
import { CLOCK_TOLERANCE_MS } from './times.ts'

/** Between two beats, and how long one is believed, in seconds. */
const BEAT_SECONDS = 10
export const BELIEVED_SECONDS = 30
/** What the storage may take for a beat or for a look at all of them, in ms. */
const PATIENCE_MS = 5_000
/** What it may take to say that an instance is gone, in ms. */
const FAREWELL_MS = 500
/** Instances that are told of, at most. */
const MOST = 1_000
const INSTANCE_BYTES = 16
/** The list of instances. */
const KEY = Buffer.from('instances')
/** The list of one row that tells when a key was last sealed with: that row's own time. It is sealed with the key itself. */
const sealedWith = (id: number) => Buffer.from(`sealed with ${id}`)
const ONLY_ROW = { order: Buffer.of(0), value: Buffer.alloc(0), ttl: 0 }

/** Opened with the stores' room, by servers and by whoever reads what they wrote. */
export const INSTANCES: Space = {
  id: 'room:stores/instances',
  shape: 'rows',
  final: false,
  atomic: 'no',
  longestTtl: 0,
  maxSize: sealedSize(65_536),
}

/** What an instance says of itself. */
interface Described {
  /** Name of its machine, and its process there: where to go. */
  readonly host: string
  readonly pid: number
  readonly version: string
  /** Changes with the configuration; tells nothing of it. */
  readonly configuration: string
}

export interface InstanceReport extends Described {
  /** Random, new at each start, hex. */
  readonly instance: string
  /** Unix ms, by its own clock. */
  readonly seenAt: number
  readonly keys: readonly { readonly room: string; readonly id: number; readonly state: KeyState }[]
}

/**
 * The instances that were seen within the last thirty seconds, from the list of {@link INSTANCES}. Rejects as the engine
 * does, or with `Unreadable`.
 */
export async function readInstances(list: Pick<SealedRows, 'read'>): Promise<InstanceReport[]> {
  const rows = await list.read(KEY, { limit: MOST }, performance.now() + PATIENCE_MS)
  return rows.map(({ order, value, writtenAt }) => ({
    instance: Buffer.from(order).toString('hex'),
    seenAt: writtenAt,
    ...(JSON.parse(value.toString()) as Omit<InstanceReport, 'instance' | 'seenAt'>),
  }))
}

/** Whether it was seen in the future: its clock is wrong, or was when it was killed, or `now` is. */
export function isAhead({ seenAt }: InstanceReport, now: number = Date.now()): boolean {
  return seenAt > now + CLOCK_TOLERANCE_MS
}

/**
 * Unix ms until which an instance may have sealed with the key, by what they said; undefined if none ever said that it does.
 * Rejects as {@link readInstances}, and if the key is not enabled.
 */
export async function readSealedUntil(list: Pick<SealedRows, 'read'>, id: number): Promise<number | undefined> {
  const [row] = await list.read(sealedWith(id), { limit: 1 }, performance.now() + PATIENCE_MS)
  return row && row.writtenAt + BELIEVED_SECONDS * 1000
}

interface HeartbeatOptions {
  readonly records: Records
  /** Asked at each beat. */
  readonly describe: () => Described
  /** A beat failed; the next one is due all the same. */
  readonly failed: (error: unknown) => void
}

/** Says that this instance lives, until it stops. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #instance = randomBytes(INSTANCE_BYTES)
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  /** Resolves when the first beat is written, or failed. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => this.beat(), BEAT_SECONDS * 1000).unref()
    await this.beat()
  }

  /** To be called when the keys changed. Never rejects. Does nothing once it was stopped. */
  async beat(): Promise<void> {
    if (this.#stopped) return
    const { records, describe, failed } = this.#options
    const keys = records.keyUsage().map(({ room, keyId, state }) => ({ room, id: keyId, state }))
    const sealing = keys.find(({ room, state }) => room === 'stores' && state === 'primary')!
    const value = Buffer.from(JSON.stringify({ ...describe(), keys }))
    const list = records.rows(INSTANCES.id)
    const deadline = performance.now() + PATIENCE_MS
    try {
      await Promise.all([
        list.append(KEY, [{ order: this.#instance, value, ttl: BELIEVED_SECONDS }], deadline),
        list.append(sealedWith(sealing.id), [ONLY_ROW], deadline),
      ])
    } catch (error) {
      failed(error)
    }
  }

  /** Takes its row away, so that nobody waits for an instance that is gone. Never rejects, and does not take long. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    const { records, failed } = this.#options
    await records
      .rows(INSTANCES.id)
      .remove(KEY, this.#instance, performance.now() + FAREWELL_MS)
      .catch(failed)
  }
}
