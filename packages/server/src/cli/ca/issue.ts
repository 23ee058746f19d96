/**
 * `holdfast ca issue`: a certificate for a name, with a key made here or for the key of a request. The record has its
 * line before anybody has the certificate.
 */
import { X509Certificate } from 'node:crypto'
import { resolve } from 'node:path'
import { createWhole } from '../../common/whole-file.ts'
import { EXIT, Refused } from '../exit.ts'
import { demandPlace, PRIVATE, PUBLIC } from '../files.ts'
import { invocation } from '../invocation.ts'
import { certify, type Issued, issue, lasting } from '../pki.ts'
import { shellWord } from '../shell-word.ts'
import { type CaOptions, type OpenCa, openCa } from './folder.ts'
import { namesOf, shortName, type Usage } from './names.ts'
import { addLine } from './record.ts'
import { keyOfRequest } from './request.ts'
import { writeRevocationList } from './revocations.ts'

export interface IssueOptions extends CaOptions {
  readonly server?: true
  readonly csr?: string
  readonly out?: string
  readonly days: number
}

/** Where a certificate and its key lie: `wiki` is wiki.pem and wiki-key.pem. */
export function pairAt(out: string): { base: string; certificate: string; key: string } {
  const base = resolve(out)
  return { base, certificate: `${base}.pem`, key: `${base}-key.pem` }
}

/** Exit code. */
export async function issueCommand(names: readonly string[], options: IssueOptions): Promise<number> {
  const made = await issueFiles(names, options)
  process.stdout.write(`${made.certificate}  for ${names.join(', ')}, until ${made.until.toISOString().slice(0, 10)}\n`)
  if (made.key !== undefined) process.stdout.write(`${made.key}  its key, for its owner alone\n`)
  const again = [invocation, 'ca renew', '--ca', shellWord(made.ca), '--due 30d', shellWord(made.certificate)]
  if (options.csr !== undefined) again.push('--csr', shellWord(resolve(options.csr)))
  process.stderr.write(`\nNext, every day, by a timer:\n  ${again.join(' ')}\n`)
  return EXIT.stopped
}

/** What was made, as absolute paths; `ca` is the folder of the authority. */
interface Made {
  readonly certificate: string
  readonly key?: string
  readonly until: Date
  readonly ca: string
}

/** Writes a certificate, and its key unless that is of a request. Nothing is written over. */
export async function issueFiles(names: readonly string[], options: IssueOptions): Promise<Made> {
  const usage: Usage = options.server ? 'server' : 'client'
  namesOf(names, usage)
  const files = pairAt(options.out ?? (options.server ? 'server' : shortName(names[0]!)))
  const renewal = [invocation, 'ca renew', '--ca', shellWord(options.ca), shellWord(files.certificate)].join(' ')
  const made = options.csr === undefined ? [files.certificate, files.key] : [files.certificate]
  demandPlace(made, `Choose another place by --out, or renew what is there: ${renewal}`)
  const publicKey = options.csr === undefined ? undefined : await keyOfRequest(options.csr)
  const ca = await openCa(options)
  const { certificate, key } = await issueFrom(ca, { names, usage, days: options.days, publicKey })
  if (key !== undefined) createWhole(files.key, `${key}\n`, PRIVATE)
  createWhole(files.certificate, `${certificate}\n`, PUBLIC)
  await writeRevocationList(ca)
  return {
    certificate: files.certificate,
    ...(key !== undefined && { key: files.key }),
    until: new X509Certificate(certificate).validToDate,
    ca: ca.at.folder,
  }
}

export interface Order {
  /** As {@link namesOf} takes them; checked. */
  readonly names: readonly string[]
  readonly usage: Usage
  readonly days: number
  /** DER (SPKI); absent: a key is made. */
  readonly publicKey: Buffer | undefined
}

/** Signs and records. The key is there if it was made here. */
export async function issueFrom(
  ca: OpenCa,
  order: Order,
): Promise<{ certificate: string; serial: string; key?: string }> {
  const { names, usage, days, publicKey } = order
  const { notBefore, notAfter } = lasting(days)
  const end = ca.certificate.validToDate
  if (notAfter > end) {
    throw new Refused(
      `the authority ends on ${end.toISOString()}, before the certificate would`,
      `Give fewer --days, or make the next authority: ${invocation} ca init FOLDER`,
    )
  }
  const wanted = {
    authority: ca.authority,
    name: shortName(names[0]!),
    ...namesOf(names, usage),
    usages: [usage],
    notBefore,
    notAfter,
  }
  const issued: Omit<Issued, 'key'> & { key?: string } =
    publicKey === undefined ? await issue(wanted) : await certify(wanted, publicKey)
  const { validFromDate, validToDate, fingerprint256 } = new X509Certificate(issued.certificate)
  const serial = issued.serial.toLowerCase()
  addLine(ca.at.record, {
    event: 'issued',
    at: new Date().toISOString(),
    serial,
    usage,
    names,
    notBefore: validFromDate.toISOString(),
    notAfter: validToDate.toISOString(),
    fingerprint: fingerprint256,
    request: publicKey !== undefined,
  })
  return { ...issued, serial }
}
