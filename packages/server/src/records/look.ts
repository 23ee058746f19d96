/**
 * What the storage tells to somebody who only looks: an operator's command, beside servers that run. It opens the check
 * cell and the list of instances and changes nothing, so it can be asked at any time and of any storage; a keyset that is
 * not this storage's is noticed before anything is concluded from what it does not find.
 */
import type { Engine } from '@holdfast/engine'
import { openCheck } from './check-cells.ts'
import { Envelope } from './envelope.ts'
import { KeysetMismatch } from './errors.ts'
import { INSTANCES, type InstanceReport, readInstances, readSealedUntil } from './instances.ts'
import { Keyring } from './keyring.ts'
import type { Keyset } from './keyset.ts'
import { readRows, type SealedRows } from './rows.ts'

/** An engine, opened to be read. */
export interface EngineView extends Pick<Engine, 'get' | 'read'> {
  /** Those that somebody has set up; none: no server has used the storage yet. */
  readonly spaces: ReadonlySet<string>
  /** The longest TTL that any of them ever had, in seconds. */
  readonly longestTtl: number
}

export interface Look {
  readonly instances: readonly InstanceReport[]
  /** By id, Unix ms until which an instance may have sealed with a key that is not disabled, by what they said. */
  readonly sealedUntil: ReadonlyMap<number, number>
  /** The key that the check cell is sealed with; absent while there is none: no server has set this storage up. */
  readonly checkKey?: number
  /** A key whose promotion the keyset does not know: it is an old copy. */
  readonly behind?: number
}

const PATIENCE_MS = 5_000

/** A row from the future is told, and not judged: whoever looks can tell whether it is written again. */
const CLOCK = (writtenAt: number) => Math.max(Date.now(), writtenAt)

/** Rejects with `KeysetMismatch`, with `Unreadable`, or as the engine does. */
export async function look(view: EngineView, keyset: Keyset): Promise<Look> {
  if (view.spaces.size === 0) return { instances: [], sealedUntil: new Map() }
  if (!view.spaces.has(INSTANCES.id)) {
    throw new KeysetMismatch(
      'the servers that set this storage up do not say which keys they hold: they are older than this command',
      'Update them first.',
    )
  }
  const { keyId: checkKey } = await openCheck(view, keyset, INSTANCES.id, performance.now() + PATIENCE_MS)
  const envelope = new Envelope(INSTANCES, new Keyring(keyset))
  const list: Pick<SealedRows, 'read'> = {
    read: (key, range, deadline) => readRows(view, envelope, CLOCK, key, range, deadline),
  }
  const instances = await readInstances(list)
  const sealedUntil = new Map<number, number>()
  for (const { id, state } of keyset.keys) {
    const until = state === 'disabled' ? undefined : await readSealedUntil(list, id)
    if (until !== undefined) sealedUntil.set(id, until)
  }
  return { instances, sealedUntil, checkKey, ...(!keyset.hasPromoted(checkKey) && { behind: checkKey }) }
}
