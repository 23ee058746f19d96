/**
 * `holdfast ca revoke`: puts certificates on the revocation list. A name means every certificate it has that is not over:
 * after a renewal there are two, and a caller is out only when both are. It asks before it does, unless told `--yes`.
 *
 * A renewal may run at the same time. So what is meant is looked up again until all of it is revoked; and a renewal that
 * finds its certificate revoked, once its new one is on record, takes that back (./renew.ts). One of both sees the other.
 */
import { existsSync } from 'node:fs'
import { closest } from '../../config/problems.ts'
import { confirm } from '../confirm.ts'
import { EXIT, Refused } from '../exit.ts'
import { type CaFolder, type CaOptions, caFolder, openCa } from './folder.ts'
import { addLine, type Known, readRecord, stateOf } from './record.ts'
import { knownIn } from './renew.ts'
import { writeRevocationList } from './revocations.ts'

/** Exit code. `what` is a serial number, a file or a name. */
export async function revokeCommand(what: string, options: CaOptions & { readonly yes?: true }): Promise<number> {
  const found = meant(caFolder(options), what)
  const open = found.filter(({ revokedAt }) => revokedAt === undefined)
  if (open.length > 0 && !options.yes) await ask(open)
  const ca = await openCa(options)
  const at = new Date().toISOString()
  const all = new Map(found.map((one) => [one.serial, one]))
  for (let more = open; more.length > 0; more = meant(ca.at, what).filter(({ revokedAt }) => revokedAt === undefined)) {
    for (const one of more) {
      addLine(ca.at.record, { event: 'revoked', at, serial: one.serial })
      all.set(one.serial, one)
    }
  }
  const until = await writeRevocationList(ca)
  for (const { serial, names, revokedAt } of all.values()) {
    process.stdout.write(
      `${serial}  ${names.join(', ')}  ${revokedAt ? `already revoked on ${revokedAt}` : 'revoked'}\n`,
    )
  }
  process.stderr.write(`
Next: bring ${ca.at.list} to every server as the crl of this authority, before ${until.toISOString()}.
A server that has it refuses the certificate from then on, and closes its connections.
`)
  return EXIT.stopped
}

function meant(at: CaFolder, what: string): Known[] {
  const all = readRecord(at.record)
  const serial = what.replaceAll(':', '').toLowerCase()
  const bySerial = all.filter((one) => one.serial === serial)
  if (bySerial.length > 0) return bySerial
  const byName = all.filter((one) => one.names.includes(what) && stateOf(one) !== 'expired')
  if (byName.length > 0) return byName
  if (existsSync(what)) return [knownIn(at, what)]
  const near = closest(what, [...new Set(all.flatMap(({ names }) => names))])
  throw new Refused(
    `${JSON.stringify(what)}: no serial number, name or file of a certificate that this authority issued`,
    near === undefined ? 'See: holdfast ca list' : `Did you mean ${near}?`,
  )
}

async function ask(certificates: readonly Known[]): Promise<void> {
  for (const { serial, names, notAfter } of certificates) {
    process.stderr.write(`${serial}  ${names.join(', ')}  until ${notAfter.slice(0, 10)}\n`)
  }
  await confirm('Revoke, which cannot be undone?', 'revoke cannot be undone', 'nothing was revoked')
}
