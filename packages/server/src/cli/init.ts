/**
 * `holdfast init`: a folder with a commented configuration, a passphrase and a keyset wrapped by it. It makes no
 * certificates: they come from the operator's own authority. It overwrites nothing, not even in part: if one of its files
 * is there, nothing is written.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { StartRefused } from '../config/problems.ts'
import { sampleConfig } from '../config/sample.ts'
import { configFields } from '../config/schema.ts'
import { createKeysetFile, Keyset } from '../records/index.ts'
import { EXIT } from './exit.ts'
import { invocation } from './invocation.ts'

const HEAD = `Holdfast. Every key of the configuration is here, with its meaning and its range.
Lines that begin with # and a space are prose; a # without a space switches a setting off, and what it shows is the default.
Relative paths begin at the folder of this file. Durations: 500ms, 10s, 5m, 12h, 7d, 1y. Sizes: 512B, 16KiB, 4MiB, 1GiB.
An unknown key is an error, with its line.`

/** Exit code. `folder` is made if it is not there. */
export async function init(folder: string): Promise<number> {
  const root = resolve(folder)
  const files = {
    config: join(root, 'holdfast.yaml'),
    passphrase: join(root, 'passphrase'),
    keyset: join(root, 'keys', 'stores.json'),
  }
  const taken = Object.values(files).filter((file) => existsSync(file))
  if (taken.length > 0) {
    throw new StartRefused(`${taken.join(', ')}: already there, and init overwrites nothing`, 'Choose another folder.')
  }
  mkdirSync(root, { recursive: true })
  for (const name of ['keys', 'tls', 'db']) mkdirSync(join(root, name), { recursive: true, mode: 0o700 })

  const passphrase = randomBytes(32).toString('base64url')
  writeFileSync(files.passphrase, `${passphrase}\n`, { mode: 0o600, flag: 'wx' })
  await createKeysetFile(files.keyset, Keyset.generate('stores'), { passphrase: Buffer.from(passphrase) })
  writeFileSync(files.config, sampleConfig(configFields, HEAD), { mode: 0o644, flag: 'wx' })

  process.stdout.write(`Made in ${root}:
  holdfast.yaml     the configuration, every key explained
  keys/stores.json  the keyset that seals every store, wrapped by the passphrase
  passphrase        the passphrase, for its owner alone
  tls/, db/         empty

Back up keys/ and the passphrase, apart from each other and from db/: without both, nothing stored can be read again.

Next:
  1. Put the server's certificate and key, and your authority's certificate, into ${join(root, 'tls')}
     as server.pem, server-key.pem and ca.pem.
  2. In holdfast.yaml, say which names the authority vouches for and who is granted what.
  3. ${invocation} serve --config ${files.config}
`)
  return EXIT.stopped
}
