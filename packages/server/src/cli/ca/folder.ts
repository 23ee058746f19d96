/**
 * The folder of an authority: its certificate, its key wrapped by a passphrase, its revocation list and the record of
 * what it issued. The passphrase lies outside, by default beside it as FOLDER.passphrase: whoever takes the folder, or
 * its backup, has no key. Whoever has both can make any name that servers let this authority vouch for, so the place of
 * both is a machine that serves nobody; a server gets ca.pem and ca.crl alone, and refuses to start beside the key.
 *
 * The key is PKCS #8 with a passphrase, for which Node takes 2,048 rounds of PBKDF2 and no other number: far too few for a
 * passphrase that a person made up. So that passphrase is not the file's, but what scrypt makes of it.
 */
import { createPrivateKey, type KeyObject, scryptSync, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { AUTHORITY_KEY } from '../../access/authority-key.ts'
import { readPassphraseFile, readPrivateFile } from '../../records/index.ts'
import { Refused } from '../exit.ts'
import { invocation } from '../invocation.ts'
import { authorityOf, type IssuingAuthority } from '../pki.ts'

/** Where things are; all paths are absolute. */
export interface CaFolder {
  readonly folder: string
  readonly certificate: string
  readonly key: string
  readonly list: string
  readonly record: string
  readonly passphrase: string
}

export interface CaOptions {
  readonly ca: string
  readonly passphraseFile?: string
}

/** An authority that can sign. */
export interface OpenCa {
  readonly at: CaFolder
  readonly authority: IssuingAuthority
  readonly certificate: X509Certificate
}

export function caFolder({ ca, passphraseFile }: CaOptions): CaFolder {
  const folder = resolve(ca)
  const passphrase = resolve(passphraseFile ?? `${folder}.passphrase`)
  if (passphrase.startsWith(folder + sep)) {
    throw new Refused(`${passphrase}: beside the key that it wraps`, 'Keep the passphrase outside of the folder.')
  }
  return {
    folder,
    certificate: join(folder, 'ca.pem'),
    key: join(folder, AUTHORITY_KEY),
    list: join(folder, 'ca.crl'),
    record: join(folder, 'issued.jsonl'),
    passphrase,
  }
}

/** The certificate alone, without the key. */
export function readCaCertificate(at: CaFolder): { pem: string; certificate: X509Certificate } {
  let pem: string
  try {
    pem = readFileSync(at.certificate, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new Refused(
      `${at.certificate}: cannot be read (${code})`,
      `Name the folder by --ca, or make one: ${invocation} ca init ${at.folder}`,
    )
  }
  try {
    return { pem, certificate: new X509Certificate(pem) }
  } catch {
    throw new Refused(`${at.certificate}: not a certificate`, 'Restore the folder from its backup.')
  }
}

/** Reads and unwraps the key; that of another certificate does not open. */
export async function openCa(options: CaOptions): Promise<OpenCa> {
  const at = caFolder(options)
  const { pem, certificate } = readCaCertificate(at)
  const wrapped = (await readPrivateFile(at.key)).toString()
  const key = unwrap(at, wrapped, stretched(await readPassphraseFile(at.passphrase), certificate))
  if (certificate.validToDate.getTime() <= Date.now()) {
    throw new Refused(
      `${at.certificate}: expired on ${certificate.validToDate.toISOString()}`,
      `Make a new authority: ${invocation} ca init FOLDER`,
    )
  }
  return { at, authority: authorityOf(pem, key), certificate }
}

/** 128 MiB and about half a second, as for a keyset: what each guess costs. Part of the format. */
const SCRYPT = { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 }

/** The passphrase of the PEM; the salt is the authority's public key (SPKI, DER). */
export function stretched(passphrase: Buffer, { publicKey }: X509Certificate): string {
  const salt = publicKey.export({ type: 'spki', format: 'der' })
  return scryptSync(passphrase, salt, 32, SCRYPT).toString('base64url')
}

function unwrap(at: CaFolder, key: string, passphrase: string): KeyObject {
  try {
    return createPrivateKey({ key, passphrase })
  } catch {
    throw new Refused(
      `${at.key}: does not open with ${at.passphrase} and ${at.certificate}`,
      'Name the right passphrase by --passphrase-file. If it is, a file is damaged or of another authority: restore the folder from its backup.',
    )
  }
}
