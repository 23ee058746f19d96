/**
 * `holdfast ca renew`: a new certificate for the names of an old one, in its place. With a key made anew, or for the key
 * of a request; the files keep their owner and mode, so that the server that reads them still can.
 *
 * The two files of a pair are replaced one after the other, the key first, each whole. Whoever reads in between finds a
 * key that is not the certificate's: a server keeps what it had and reads again. A crash in between leaves that state;
 * the same command mends it. Who is revoked meanwhile gets nothing new (./revoke.ts).
 */
import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { replaceWhole } from '../../common/whole-file.ts'
import { EXIT, Refused } from '../exit.ts'
import { PRIVATE, PUBLIC } from '../files.ts'
import { invocation } from '../invocation.ts'
import { type CaFolder, type CaOptions, caFolder, openCa, readCaCertificate } from './folder.ts'
import { issueFrom } from './issue.ts'
import { addLine, type Known, readRecord } from './record.ts'
import { keyOfRequest } from './request.ts'
import { writeRevocationList } from './revocations.ts'

const DAY_MS = 86_400_000

export interface RenewOptions extends CaOptions {
  readonly csr?: string
  readonly days?: number
  /** Ms before the end from which on it is time. */
  readonly due?: number
}

/** Exit code: `notDue` if `due` was asked and it is not. Without a file only the revocation list is renewed. */
export async function renewCommand(file: string | undefined, options: RenewOptions): Promise<number> {
  if (file === undefined) {
    const ca = await openCa(options)
    process.stdout.write(`${ca.at.list}  until ${(await writeRevocationList(ca)).toISOString()}\n`)
    return EXIT.stopped
  }
  const certificate = resolve(file)
  const old = knownIn(caFolder(options), certificate)
  if (old.revokedAt !== undefined) {
    throw new Refused(`${certificate}: revoked on ${old.revokedAt}`, `Issue another: ${invocation} ca issue`)
  }
  const key = certificate.replace(/\.pem$/, '-key.pem')
  if (options.csr === undefined && (key === certificate || !existsSync(key))) {
    throw new Refused(
      `${certificate}: its key is not beside it, as NAME-key.pem beside NAME.pem`,
      'Give a request of its holder, by --csr; the key may be the same.',
    )
  }
  const publicKey = options.csr === undefined ? undefined : await keyOfRequest(options.csr)
  const ca = await openCa(options)
  await writeRevocationList(ca)
  const dueAt = options.due === undefined ? 0 : Date.parse(old.notAfter) - options.due
  if (dueAt > Date.now()) {
    process.stderr.write(`${certificate}: until ${old.notAfter}; due on ${new Date(dueAt).toISOString()}\n`)
    return EXIT.notDue
  }
  const life = Math.round((Date.parse(old.notAfter) - Date.parse(old.notBefore)) / DAY_MS)
  const { names, usage } = old
  const made = await issueFrom(ca, { names, usage, days: options.days ?? life, publicKey })
  const now = readRecord(ca.at.record).find(({ serial }) => serial === old.serial)
  if (now?.revokedAt !== undefined) {
    addLine(ca.at.record, { event: 'revoked', at: new Date().toISOString(), serial: made.serial })
    await writeRevocationList(ca)
    throw new Refused(
      `${certificate}: revoked on ${now.revokedAt}, while it was renewed`,
      `Issue another: ${invocation} ca issue`,
    )
  }
  if (made.key !== undefined) replaceWhole(key, `${made.key}\n`, PRIVATE)
  replaceWhole(certificate, `${made.certificate}\n`, PUBLIC)
  const until = new X509Certificate(made.certificate).validToDate.toISOString().slice(0, 10)
  process.stdout.write(`${certificate}  for ${names.join(', ')}, until ${until}\n`)
  process.stderr.write(
    `\nThe old one is good until ${old.notAfter.slice(0, 10)}. Whoever uses the files reads them anew: a server on SIGHUP.\n`,
  )
  return EXIT.stopped
}

/** The record's entry of the certificate in a file. */
export function knownIn(at: CaFolder, file: string): Known {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(readFileSync(file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error
    throw new Refused(`${file}: not a certificate`, 'Name a file of PEM.')
  }
  const issuer = readCaCertificate(at).certificate
  const known = readRecord(at.record).find(({ fingerprint }) => fingerprint === certificate.fingerprint256)
  if (known === undefined || !certificate.verify(issuer.publicKey)) {
    throw new Refused(`${file}: not issued by the authority in ${at.folder}`, 'Name its authority by --ca.')
  }
  return known
}
