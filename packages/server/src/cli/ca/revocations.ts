/**
 * The authority's revocation list, made anew by every command that opens its key, so that it does not grow stale where
 * the authority is in use. It ends after 30 days: a server refuses everybody once its copy is past that, so a timer has
 * to bring a new one; and a thief who keeps the new list from a server has 30 days.
 *
 * Commands may run at the same time. Each adds its line to the record first and looks at the record again after it has
 * put a list in place; if there is more by then it makes another. So whichever list is the last holds every revocation.
 */

import { replaceWhole } from '../../common/whole-file.ts'
import { PUBLIC } from '../files.ts'
import { inDays, makeRevocationList } from '../pki.ts'
import type { OpenCa } from './folder.ts'
import { readRecord } from './record.ts'

export const LIST_DAYS = 30
/** Warned of from here on, in days. */
export const WARNING_DAYS = 7
const DAY_MS = 86_400_000

/** Writes the list; resolves with its next update. */
export async function writeRevocationList({ at, authority }: OpenCa): Promise<Date> {
  for (;;) {
    const revoked = revocations(at.record)
    const notAfter = inDays(LIST_DAYS)
    replaceWhole(at.list, `${await makeRevocationList(authority, revoked, { notAfter })}\n`, PUBLIC)
    if (revocations(at.record).length === revoked.length) return notAfter
  }
}

/** Those that still matter: a certificate that is over, a day ago, is refused for that. */
function revocations(record: string): { serial: string; at: Date }[] {
  const yesterday = Date.now() - DAY_MS
  return readRecord(record).flatMap(({ serial, revokedAt, notAfter }) => {
    return revokedAt === undefined || Date.parse(notAfter) < yesterday ? [] : [{ serial, at: new Date(revokedAt) }]
  })
}
