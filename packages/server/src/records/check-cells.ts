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
 * The cell moves to the primary key when an instance comes up with a newly promoted one, and never back: before anything
 * else is sealed with a key, the cells are. So a keyset that lacks the last promoted key is stopped. One that has the key
 * and does not know that it was promoted is merely behind: it reads everything, and seals with the key before. During a
 * rotation that is how an instance comes up which has not got the newest file yet, so it may serve; a running instance
 * does not go back to such a keyset. It does not answer a keyset that lost an enabled key which only some records use:
 * those are `Unreadable`, one by one. Nor one that is older than the disabling of a key: it opens more than it should.
 */
import { createSecretKey } from 'node:crypto'
import { ADDRESS_BYTES, type Deadline, type Engine, type Space, titleOf, type Version } from '@holdfast/engine'
import { getCell, type Opened, SealedCells } from './cells.ts'
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
 * absent or does not open. Spaces among `fresh` get theirs first, or open what another instance wrote meanwhile. If the
 * keyset is behind, the outcome is the id of the key whose promotion it does not know.
 */
export async function vouch(
  engine: Engine,
  keyset: Keyset,
  spaces: readonly Space[],
  fresh: readonly string[],
  deadline: Deadline,
): Promise<number | undefined> {
  const { truth, found } = envelopes(keyset)
  const cells = new SealedCells(engine, found, NO_CLOCK)
  const write = (id: string, condition: 'absent' | { version: Version }) => {
    const key = Buffer.from(id, 'latin1')
    return cells.put(key, truth.address(key), { ttl: 0, condition }, deadline)
  }
  for (const { id } of spaces) {
    // One that another instance wrote meanwhile is judged below, like any other.
    if (fresh.includes(id)) await write(id, 'absent').catch(unlessUnreadable)
  }
  let behind: number | undefined
  for (const { id, keyId, current, version } of await openChecks(engine, keyset, spaces, deadline)) {
    if (!keyset.hasPromoted(keyId)) behind = keyId
    // Another instance may do the same at this moment; a conflict means that it was done.
    else if (!current) await write(id, { version })
  }
  return behind
}

/** The check cells of all these spaces, opened; rejects as {@link vouch} does. Changes nothing. */
export async function openChecks(
  engine: Pick<Engine, 'get'>,
  keyset: Keyset,
  spaces: readonly Space[],
  deadline: Deadline,
): Promise<({ readonly id: string } & Opened)[]> {
  const checks = []
  for (const { id } of spaces) checks.push({ id, ...(await openCheck(engine, keyset, id, deadline)) })
  return checks
}

/** The check cell of a space, opened; rejects as {@link vouch} does. Changes nothing. */
export async function openCheck(
  engine: Pick<Engine, 'get'>,
  keyset: Keyset,
  spaceId: string,
  deadline: Deadline,
): Promise<Opened> {
  const { room } = keyset
  const { truth, found } = envelopes(keyset)
  const key = Buffer.from(spaceId, 'latin1')
  const check = await getCell(engine, found, NO_CLOCK, key, deadline).catch((error: unknown) => {
    throw error instanceof Unreadable ? mismatch(error, spaceId, room) : error
  })
  if (typeof check === 'string') {
    throw new KeysetMismatch(
      `${titleOf(spaceId)} was set up before, but its check cell is not there, the record that proves its keyset`,
      'The storage lost records: restore it from a backup, or start anew with an empty one.',
    )
  }
  if (truth.address(key).equals(check.value)) return check
  throw new KeysetMismatch(
    `the keyset of the ${room} has another address key than the one that ${titleOf(spaceId)} was set up with`,
    `Bring the keyset that belongs to this storage.`,
  )
}

/** The room's own, by which a cell's content is made, and that by which every keyset finds it. */
function envelopes(keyset: Keyset): { truth: Envelope; found: Envelope } {
  const { room, keys } = keyset
  const space = checkSpace(room)
  const truth = new Envelope(space, new Keyring(keyset))
  return { truth, found: new Envelope(space, new Keyring(new Keyset(room, PUBLIC_ADDRESS_KEY, keys))) }
}

function unlessUnreadable(error: unknown): void {
  if (!(error instanceof Unreadable)) throw error
}

function mismatch({ reason, keyId }: Unreadable, spaceId: string, room: string): KeysetMismatch {
  const hints: Partial<Record<typeof reason, string>> = {
    'unknown-key': `This is another keyset, or an old copy of the right one, which holds key ${keyId}: bring the newest.`,
    'disabled-key': `Enable key ${keyId} again, or bring the keyset that has not disabled it.`,
  }
  return new KeysetMismatch(
    `the keyset of the ${room} does not open the check cell of ${titleOf(spaceId)}, the record that proves it: ${reason}`,
    hints[reason] ?? 'The record was edited or damaged: restore the storage from a backup.',
  )
}
