/**
 * `holdfast keys rewrap`: the same keys under another passphrase. The file is changed as a whole or not at all, and nothing
 * is kept of the one before; copies of that one, in backups, are opened by the passphrase before for as long as they exist.
 * The new passphrase is on the disk before the keyset depends on it: a power cut does not leave a file that nothing opens.
 */
import { realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { flush } from '../../common/whole-file.ts'
import { readPassphraseFile } from '../../records/index.ts'
import { EXIT, Refused } from '../exit.ts'
import { shellWord } from '../shell-word.ts'
import { changeKeys, type KeysFile, type KeysOptions, keysFile } from './file.ts'

/** Exit code. */
export async function rewrapKeys(options: KeysOptions & { readonly passphraseFile: string }): Promise<number> {
  const next = resolve(options.passphraseFile)
  const keys = await keysFile(options)
  const passphrase = await readPassphraseFile(next)
  if (keys.wrapping !== 'unwrapped' && passphrase.equals(Buffer.from(keys.wrapping.passphrase))) {
    throw new Refused(`${next}: the passphrase that it has`, 'Make another: openssl rand -base64 32')
  }
  const real = realpathSync(next)
  for (const place of [real, dirname(real), dirname(next)]) flush(place)
  await changeKeys(keys, (keyset) => keyset, { passphrase })
  process.stdout.write(`${keys.file}  wrapped by the passphrase in ${next}\n`)
  process.stderr.write(`
The passphrase before opens it no more; it still opens copies from before.
A server that runs goes on with the keys that it has; one that starts is refused, until this is done:
  ${nextStep(keys, next)}
Then put the new passphrase into escrow, and a copy of the file into its backup.
`)
  return EXIT.stopped
}

/** What to change, by where the passphrase comes from. */
function nextStep({ config, place }: KeysFile, next: string): string {
  const { passphraseFile, passphraseCredential: name } = config.keys.stores
  if (passphraseFile !== undefined) {
    const line = place('keys.stores.passphraseFile')
    return `mv ${shellWord(next)} ${shellWord(passphraseFile)}\n  (or name it there: ${line}, keys.stores.passphraseFile)`
  }
  if (name !== undefined) {
    const encrypted = `/etc/credstore.encrypted/${name}`
    return `systemd-creds encrypt --name=${name} ${shellWord(next)} ${encrypted}, and restart the unit
  (${place('keys.stores.passphraseCredential')}, keys.stores.passphraseCredential)`
  }
  const line = place('keys.stores.passphraseCommand')
  return `make the command print it: ${line}, keys.stores.passphraseCommand`
}
