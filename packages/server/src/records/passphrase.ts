/**
 * Where the passphrase of a keyset comes from: a private file, a credential that the service manager hands to its unit,
 * or a command of the operator's. All three give bytes, of which one newline at the end is not part, and which then open
 * the one wrapping there is; what holds the passphrase itself (a disk, a TPM, a KMS) is the operator's to choose.
 */
import { join } from 'node:path'
import { KeysetError } from './errors.ts'
import { readPrivateFile } from './keyset-file.ts'
import type { Wrapping } from './keyset-format.ts'
import { outputOf } from './passphrase-command.ts'

/** At most one of them, as the configuration says it. */
export interface PassphraseSource {
  readonly passphraseFile?: string
  readonly passphraseCredential?: string
  readonly passphraseCommand?: readonly string[]
}

const MIN_PASSPHRASE_BYTES = 16
const ESCROW =
  'Check its path and its owner. If it is lost, bring the passphrase from escrow: nothing else opens the keyset.'

/** What protects a keyset whose passphrase comes from there. Rejects with `KeysetError`. `signal` ends the command. */
export async function wrappingFrom(source: PassphraseSource, signal?: AbortSignal): Promise<Wrapping> {
  const { passphraseFile, passphraseCredential, passphraseCommand } = source
  if (passphraseFile !== undefined) {
    return { passphrase: trimmed(await readPrivateFile(passphraseFile, { mend: ESCROW }), passphraseFile) }
  }
  if (passphraseCredential !== undefined) return { passphrase: await readCredential(passphraseCredential) }
  if (passphraseCommand !== undefined) {
    return {
      passphrase: trimmed(await outputOf(passphraseCommand, signal), `passphraseCommand ${passphraseCommand[0]}`),
    }
  }
  return 'unwrapped'
}

/** A passphrase: the bytes of a private file, without one newline at their end; at least 16. */
export async function readPassphraseFile(file: string): Promise<Buffer> {
  return trimmed(await readPrivateFile(file), file)
}

/** The file of a credential; undefined outside of a unit that has any. */
export function credentialFile(name: string): string | undefined {
  const folder = process.env.CREDENTIALS_DIRECTORY
  return folder === undefined ? undefined : join(folder, name)
}

async function readCredential(name: string): Promise<Buffer> {
  const file = credentialFile(name)
  if (file !== undefined) return trimmed(await readPrivateFile(file, { readers: 'group', mend: ESCROW }), file)
  throw new KeysetError(
    `passphraseCredential ${name}: the service manager gave no credentials, $CREDENTIALS_DIRECTORY is not set`,
    `In the unit: LoadCredentialEncrypted=${name}. At a shell: set it to the folder of the running unit, /run/credentials/UNIT.`,
  )
}

function trimmed(bytes: Buffer, from: string): Buffer {
  const passphrase = bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes
  if (passphrase.length >= MIN_PASSPHRASE_BYTES) return passphrase
  throw new KeysetError(
    `${from}: a passphrase has at least ${MIN_PASSPHRASE_BYTES} bytes`,
    'Make one with: openssl rand -base64 32',
  )
}
