/**
 * `holdfast init`: a folder with a commented configuration, a passphrase and a keyset wrapped by it. It makes no
 * certificates: they come from the operator's own authority. It overwrites nothing, not even in part: if one of its files
 * is there, nothing is written.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createWhole, makeFolder } from '../common/whole-file.ts'
import { sampleConfig } from '../config/sample.ts'
import { configFields } from '../config/schema.ts'
import { createKeysetFile, Keyset } from '../records/index.ts'
import { EXIT } from './exit.ts'
import { demandFree, PRIVATE, PUBLIC } from './files.ts'
import { invocation } from './invocation.ts'
import { shellWord } from './shell-word.ts'

const HEAD = `Holdfast. Every key of the configuration is here, with its meaning and its range.
Lines that begin with # and a space are prose; a # without a space switches a setting off, and what it shows is the default.
Relative paths begin at the folder of this file. Durations: 500ms, 10s, 5m, 12h, 7d, 1y. Sizes: 512B, 16KiB, 4MiB, 1GiB.
A plain number is seconds or bytes. An unknown key is an error, with its line.`

const IGNORED = `# Secrets and data, which belong into no repository.
/passphrase
/keys/
/db/
*-key.pem
*.passphrase
*.secret
*.jsonl
`

/** Exit code. `folder` is made if it is not there. */
export async function init(folder: string): Promise<number> {
  const root = resolve(folder)
  const files = {
    config: join(root, 'holdfast.yaml'),
    passphrase: join(root, 'passphrase'),
    keyset: join(root, 'keys', 'stores.json'),
  }
  const ignore = join(root, '.gitignore')
  const ignores = !existsSync(ignore)
  demandFree(Object.values(files))
  makeFolder(root)
  for (const name of ['keys', 'tls', 'db']) makeFolder(join(root, name), 0o700)

  const passphrase = randomBytes(32).toString('base64url')
  createWhole(files.passphrase, `${passphrase}\n`, PRIVATE)
  await createKeysetFile(files.keyset, Keyset.generate('stores'), { passphrase: Buffer.from(passphrase) })
  if (ignores) createWhole(ignore, IGNORED, PUBLIC)
  createWhole(files.config, sampleConfig(configFields, HEAD), PUBLIC)

  const tls = (...name: string[]) => shellWord(join(root, 'tls', ...name))
  process.stdout.write(`Made in ${root}:
  holdfast.yaml     the configuration, every key explained
  keys/stores.json  the keyset that seals every store, wrapped by the passphrase
  passphrase        the passphrase, for its owner alone
  tls/, db/         empty
  .gitignore        ${ignores ? 'keeps secrets and data out of a repository' : 'was there: it should name passphrase, keys/, db/ and *-key.pem'}

Back up keys/ and the passphrase, apart from each other and from db/: without both, nothing stored can be read again.

Next:
  1. Certificates. With an authority of your own, best on another machine:
       ${invocation} ca init ca
       ${invocation} ca issue --ca ca --server dns:holdfast.example.org --out ${tls('server')}
       cp ca/ca.pem ca/ca.crl ${tls()}
     With one that you have: its certificate as ca.pem, its revocation list as ca.crl, the server's certificate as
     server.pem and server-key.pem.
  2. Callers, and the lines that let them in:
       ${invocation} caller add spiffe://example.org/mediawiki --ca ca
  3. In holdfast.yaml, say which names the authority vouches for and who is granted what; then:
       ${invocation} config check --config ${shellWord(files.config)}
  4. ${invocation} serve --config ${shellWord(files.config)}
`)
  return EXIT.stopped
}
