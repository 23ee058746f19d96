/**
 * `holdfast ca list`: what the authority issued, from its record; no passphrase is needed. What ends soon is a message on
 * standard error.
 */
import type { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readRevocationList } from '../../access/revocation-list.ts'
import { EXIT } from '../exit.ts'
import { invocation } from '../invocation.ts'
import { shellWord } from '../shell-word.ts'
import { table } from '../table.ts'
import { caFolder, readCaCertificate } from './folder.ts'
import { readRecord, stateOf } from './record.ts'
import { WARNING_DAYS } from './revocations.ts'

const DAY_MS = 86_400_000
/** Before the end of a certificate, as servers warn of theirs. */
const SOON_DAYS = 30

/** Exit code. */
export function listCommand({ ca, json }: { readonly ca: string; readonly json?: true }): number {
  const at = caFolder({ ca })
  const { certificate } = readCaCertificate(at)
  const nextUpdate = endOfList(at.list, certificate)
  const certificates = readRecord(at.record).map((one) => ({ ...one, state: stateOf(one) }))
  if (json) {
    const told = {
      authority: {
        name: certificate.subject.replace(/^CN=/, ''),
        notAfter: certificate.validToDate.toISOString(),
        fingerprint: certificate.fingerprint256,
      },
      revocationList: { nextUpdate: nextUpdate?.toISOString() ?? null },
      certificates,
    }
    process.stdout.write(`${JSON.stringify(told, null, 2)}\n`)
  } else {
    const rows = certificates.map(({ serial, usage, names, notAfter, state, revokedAt }) => {
      return [
        serial,
        usage,
        notAfter.slice(0, 10),
        state + (revokedAt ? ` ${revokedAt.slice(0, 10)}` : ''),
        names.join(' '),
      ]
    })
    process.stdout.write(table(['SERIAL', 'USAGE', 'UNTIL', 'STATE', 'NAMES'], rows))
  }
  const soon = (end: Date, days: number) => end.getTime() < Date.now() + days * DAY_MS
  if (nextUpdate === undefined || soon(nextUpdate, WARNING_DAYS)) {
    warn(
      nextUpdate === undefined
        ? `${at.list}: not a revocation list of this authority`
        : `the revocation list ends on ${nextUpdate.toISOString()}; then servers that have it refuse everybody`,
    )
    process.stderr.write(`  ${invocation} ca renew --ca ${shellWord(at.folder)}\n`)
  }
  if (soon(certificate.validToDate, 365)) warn(`the authority ends on ${certificate.validToDate.toISOString()}`)
  const ending = certificates.filter(({ state, notAfter }) => state === 'valid' && soon(new Date(notAfter), SOON_DAYS))
  const last = ending.filter(({ names, notAfter }) => {
    return !certificates.some(
      (other) => other.state === 'valid' && other.names.join() === names.join() && other.notAfter > notAfter,
    )
  })
  for (const { names, notAfter } of last) warn(`${names.join(', ')}: the certificate ends on ${notAfter}`)
  return EXIT.stopped
}

/** The next update of the list, if it is there, whole and of this authority. */
function endOfList(file: string, certificate: X509Certificate): Date | undefined {
  try {
    const list = readRevocationList(readFileSync(file, 'utf8'))
    return list.signedBy(certificate) ? list.nextUpdate : undefined
  } catch {
    return undefined
  }
}

function warn(text: string): void {
  process.stderr.write(`warning: ${text}\n`)
}
