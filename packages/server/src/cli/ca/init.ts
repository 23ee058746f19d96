/**
 * `holdfast ca init`: a new authority in a folder of its own. Its key is written only wrapped; the passphrase is made, 32
 * random bytes, unless its file is there. It overwrites nothing.
 */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createWhole, makeFolder } from '../../common/whole-file.ts'
import { ConfigError } from '../../config/problems.ts'
import { readPassphraseFile } from '../../records/index.ts'
import { EXIT } from '../exit.ts'
import { demandFree, PRIVATE, PUBLIC } from '../files.ts'
import { invocation } from '../invocation.ts'
import { inDays, makeAuthority, pkcs8 } from '../pki.ts'
import { shellWord } from '../shell-word.ts'
import { caFolder, stretched } from './folder.ts'
import { LIST_DAYS, writeRevocationList } from './revocations.ts'

export interface InitOptions {
  readonly passphraseFile?: string
  readonly name?: string
  readonly days: number
}

/** Exit code. */
export async function initCa(folder: string, { passphraseFile, name, days }: InitOptions): Promise<number> {
  const at = caFolder({ ca: folder, ...(passphraseFile !== undefined && { passphraseFile }) })
  const called = name ?? `Holdfast CA ${randomBytes(4).toString('hex')}`
  if (!/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}[A-Za-z0-9]$/.test(called)) {
    throw new ConfigError([
      `--name ${JSON.stringify(called)}: 2-64 characters of A-Z, a-z, 0-9, space, ., _ and -, no space at its ends`,
    ])
  }
  demandFree([at.certificate, at.key, at.list, at.record])
  makeFolder(at.folder, 0o700)
  const makesPassphrase = !existsSync(at.passphrase)
  if (makesPassphrase) createWhole(at.passphrase, `${randomBytes(32).toString('base64url')}\n`, PRIVATE)
  const given = await readPassphraseFile(at.passphrase)

  const authority = await makeAuthority(called, { notAfter: inDays(days), pathLength: 0 })
  const certificate = new X509Certificate(authority.certificate)
  const passphrase = stretched(given, certificate)
  const key = createPrivateKey(await pkcs8(authority.keys))
  createWhole(at.key, String(key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })), PRIVATE)
  createWhole(at.record, '', PUBLIC)
  createWhole(at.certificate, `${authority.certificate}\n`, PUBLIC)
  const until = await writeRevocationList({ at, authority, certificate })

  process.stdout.write(`${at.certificate}  its certificate, ${called}, until ${day(certificate.validToDate)}
${at.list}  its revocation list, until ${day(until)}
${at.key}  its key, wrapped by the passphrase
${at.record}  the record of what it issues
${at.passphrase}  the passphrase${makesPassphrase ? '' : ', which was there'}
`)
  const ca = shellWord(at.folder)
  process.stderr.write(`
Servers get ca.pem and ca.crl, never the key: serve refuses to start beside it.
Back up the folder and the passphrase, apart from each other.
The list must be replaced within ${LIST_DAYS} days, or servers refuse everybody: every command that signs makes a new one.

Next:
  ${invocation} ca issue --ca ${ca} --server dns:localhost ip:127.0.0.1
  ${invocation} caller add spiffe://example.org/wiki --ca ${ca}
`)
  return EXIT.stopped
}

/** A date for people. */
const day = (date: Date) => date.toISOString().slice(0, 10)
