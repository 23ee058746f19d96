/**
 * Check cells answer the quietest disaster of a sealed store: an instance with the wrong keyset finds nothing at any
 * address and would tell everybody that they are logged out. For each space there is one known record, in a space of the
 * room's own, which never expires. It is written when the engine says that a space is new, never because it was not found;
 * an instance that cannot find and open it does not become ready.
 *
 * The record stands at an address that every keyset finds: its address key is 32 zero bytes. So of two instances that set
 * up an empty storage at once with different keysets, the second meets the first one's record and stops. Its content is
 * an address under the true address key, which vouches for that key too.
 *
 * The cell moves to the primary key when an instance comes up with a newly promoted one, so an instance whose keyset is
 * older than that promotion, and lacks the key, is stopped as well. It does not answer a keyset that lost an enabled key
 * which only some records use: those are `Unreadable`, one by one.
 */
import { createSecretKey } from 'node:crypto'
import { ADDRESS_BYTES, type Deadline, type Engine, type Space } from '@holdfast/engine'
import { type Opened, SealedCells } from './cells.ts'
import { Envelope, sealedSize } from './envelope.ts'
import { KeysetMismatch, Unreadable } from './errors.ts'
import { Keyring } from './keyring.ts'
import { Keyset, SECRET_BYTES } from './keyset.ts'

/** The same for everybody, on purpose. */
const PUBLIC_ADDRESS_KEY = createSecretKey(Buffer.alloc(SECRET_BYTES))

/** Check cells are written at the time 0: a wrong clock is no wrong keyset. */
const NO_CLOCK = () => 0

/** The space of a room's check cells. Keys are the ids of the spaces that they vouch for. */
export function checkSpace(room: string): Space {
  return {
    id: `room:${room}/check`,
    shape: 'cell',
    final: false,
    atomic: 'global',
    longestTtl: 0,
    maxSize: sealedSize(ADDRESS_BYTES),
  }
}

/**
 * Resolves when the keyset has found and opened the check cell of every space; rejects with `KeysetMismatch` if one is
 * absent or does not open. Spaces among `fresh` get theirs first, or open what another instance wrote meanwhile.
 */
export async function vouch(
  engine: Engine,
  keyset: Keyset,
  spaces: readonly Space[],
  fresh: readonly string[],
  deadline: Deadline,
): Promise<void> {
  const { room, keys } = keyset
  const space = checkSpace(room)
  const truth = new Envelope(space, new Keyring(keyset))
  const found = new Envelope(space, new Keyring(new Keyset(room, PUBLIC_ADDRESS_KEY, keys)))
  const cells = new SealedCells(engine, found, NO_CLOCK)
  for (const { id } of spaces) {
    const key = Buffer.from(id, 'latin1')
    const content = truth.address(key)
    if (fresh.includes(id)) await cells.put(key, content, { ttl: 0, condition: 'absent' }, deadline)
    const check = await openCheck(cells, key, room, deadline)
    if (!content.equals(check.value)) {
      throw new KeysetMismatch(
        `the keyset of room ${room} has another address key than the one that ${id} was set up with`,
        `Bring the keyset of room ${room} that belongs to this storage.`,
      )
    }
    // Another instance may do the same at this moment; a conflict means that it was done.
    if (!check.current) await cells.put(key, content, { ttl: 0, condition: { version: check.version } }, deadline)
  }
}

async function openCheck(cells: SealedCells, key: Buffer, room: string, deadline: Deadline): Promise<Opened> {
  try {
    const found = await cells.get(key, deadline)
    if (typeof found !== 'string') return found
    throw new KeysetMismatch(
      `${key} was set up before, but its check cell is not there, so no keyset can be checked against it`,
      'The storage lost records: restore it from a backup, or start anew with an empty one.',
    )
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    throw new KeysetMismatch(
      `the keyset of room ${room} does not open the check cell of ${key}: ${error.reason}`,
      error.reason === 'unknown-key' || error.reason === 'disabled-key'
        ? `This is another keyset, or an old copy of the right one, which holds key ${error.keyId} and has not disabled it.`
        : 'The record was edited or damaged: restore the storage from a backup.',
    )
  }
}
