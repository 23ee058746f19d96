/**
 * Check cells answer the quietest disaster of a sealed store: an instance with the wrong keyset finds nothing at any
 * address and would tell everybody that they are logged out. For each space there is one known record, in a space of the
 * room's own, which never expires. It is written when the engine says that a space is new, never because it was not found;
 * an instance that cannot find and open it does not become ready.
 *
 * The cell moves to the primary key when an instance comes up with a newly promoted one, so an instance whose keyset is
 * older than that promotion, and lacks the key, is stopped too. It does not answer a keyset that lost an enabled key which
 * only some records use: those are `Unreadable`, one by one.
 */
import type { Deadline, Engine, Space } from '@holdfast/engine'
import { type Opened, SealedCells } from './cells.ts'
import { Envelope, sealedSize } from './envelope.ts'
import { KeysetMismatch, Unreadable } from './errors.ts'
import type { Keyring } from './keyring.ts'

const CONTENT = Buffer.from('holdfast check cell', 'latin1')

/** The space of a room's check cells. Keys are the ids of the spaces that they vouch for. */
export function checkSpace(room: string): Space {
  return {
    id: `room:${room}/check`,
    shape: 'cell',
    final: false,
    atomic: 'global',
    longestTtl: 0,
    maxSize: sealedSize(CONTENT.length),
  }
}

/**
 * Resolves when the keyring has found and opened the check cell of every space; rejects with `KeysetMismatch` if one is
 * absent or does not open. Spaces among `fresh` get theirs first, or open what another instance wrote meanwhile.
 */
export async function vouch(
  engine: Engine,
  ring: Keyring,
  spaces: readonly Space[],
  fresh: readonly string[],
  now: () => number,
  deadline: Deadline,
): Promise<void> {
  const cells = new SealedCells(engine, new Envelope(checkSpace(ring.room), ring), now)
  for (const { id } of spaces) {
    const key = Buffer.from(id, 'latin1')
    if (fresh.includes(id)) await cells.put(key, CONTENT, { ttl: 0, condition: 'absent' }, deadline)
    const found = await openCheck(cells, key, id, ring.room, deadline)
    // Another instance may do the same at this moment; a conflict means that it was done.
    if (!found.current) {
      await cells.put(key, CONTENT, { ttl: 0, condition: { version: found.version } }, deadline)
    }
  }
}

async function openCheck(
  cells: SealedCells,
  key: Buffer,
  id: string,
  room: string,
  deadline: Deadline,
): Promise<Opened> {
  try {
    const found = await cells.get(key, deadline)
    if (typeof found !== 'string' && CONTENT.equals(found.value)) return found
    throw new KeysetMismatch(
      `the keyset of room ${room} is not the one that ${id} was set up with: its check cell is not there`,
      `Put the keyset of room ${room} back that belongs to this storage, or give the room an empty storage.`,
    )
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    throw new KeysetMismatch(
      `the keyset of room ${room} does not open the check cell of ${id}: ${error.reason}`,
      error.reason === 'unknown-key' || error.reason === 'disabled-key'
        ? `This keyset may be an old copy: bring the newest, which holds key ${error.keyId} as primary or enabled.`
        : 'Compare the clock of this machine with its neighbours, and the storage with its backups.',
    )
  }
}
