/**
 * `holdfast caller add`: what a new caller needs, and the lines of the configuration that let it in. A caller with a
 * certificate gets a key and a request for a certificate, or at once the certificate of an authority that lies here; a
 * caller with a secret gets 256 random bits. Secrets go into files of their owner and nowhere else: what is printed are
 * names and a hash. The configuration itself is not touched.
 */
import { createHash, randomBytes } from 'node:crypto'
import { OPERATIONS, type Operation } from '../../access/caller.ts'
import { problemWithName } from '../../access/names.ts'
import { problemWithNetwork } from '../../access/networks.ts'
import { createWhole } from '../../common/whole-file.ts'
import { ConfigError, closest } from '../../config/problems.ts'
import { issueFiles, pairAt } from '../ca/issue.ts'
import { namesOf, shortName } from '../ca/names.ts'
import { EXIT } from '../exit.ts'
import { demandPlace, PRIVATE, PUBLIC } from '../files.ts'
import { invocation } from '../invocation.ts'
import { makeRequest } from '../pki.ts'
import { shellWord } from '../shell-word.ts'

export interface AddOptions {
  readonly stores: readonly string[]
  readonly operations: readonly string[]
  readonly networks?: readonly string[]
  readonly out?: string
  readonly ca?: string
  readonly passphraseFile?: string
  readonly days: number
}

const BASIC = 'basic:'
const STORE = /^[a-z0-9][a-z0-9_-]{0,63}$/

/** Exit code. */
export async function addCaller(name: string, options: AddOptions): Promise<number> {
  check(name, options)
  const isBasic = name.startsWith(BASIC)
  const out = options.out ?? (isBasic ? name.slice(BASIC.length) : shortName(name))
  if (isBasic) process.stdout.write(makeSecret(name.slice(BASIC.length), out))
  else await makeCertificate(name, out, options)
  process.stdout.write(`grants:
  - callers: ${list([name])}
    stores: ${list(options.stores)}
    operations: ${list(options.operations)}
${options.networks === undefined ? '' : `    networks: ${list(options.networks)}\n`}`)
  const where = isBasic
    ? 'It needs a basicListen, too.'
    : `An authority there must vouch for ${name}, or for its whole domain.`
  process.stderr.write(`
Next: paste the lines from \`${isBasic ? 'basic' : 'grants'}:\` on into holdfast.yaml. If a line \`${isBasic ? 'basic:` or `' : ''}grants:\` is there already,
leave that one out, and paste what follows it right below the one that is there.
${where} Then:
  ${invocation} config check --config holdfast.yaml
  ${invocation} config explain --config holdfast.yaml ${name}
`)
  return EXIT.stopped
}

function check(name: string, { ca, stores, operations, networks = [] }: AddOptions): void {
  const problems: string[] = []
  const wrong = (what: string, why: string | undefined) => {
    if (why !== undefined) problems.push(`${what}: ${why}`)
  }
  for (const store of stores) {
    wrong(`--stores ${JSON.stringify(store)}`, STORE.test(store) ? undefined : 'cannot be the path of a store')
  }
  for (const one of operations) {
    const meant = closest(one, OPERATIONS)
    const why = `not one of ${OPERATIONS.join(', ')}${meant ? `; did you mean ${meant}?` : ''}`
    wrong(`--operations ${JSON.stringify(one)}`, OPERATIONS.includes(one as Operation) ? undefined : why)
  }
  for (const network of networks) wrong(`--networks ${JSON.stringify(network)}`, problemWithNetwork(network))
  if (name.startsWith(BASIC)) {
    wrong(JSON.stringify(name), problemWithName(name))
    wrong('--ca', ca === undefined ? undefined : 'a caller with a secret has no certificate')
  }
  if (problems.length > 0) throw new ConfigError(problems)
  if (!name.startsWith(BASIC)) namesOf([name], 'client')
}

/** Makes the file of the secret; the lines of `basic`. */
function makeSecret(name: string, out: string): string {
  const file = `${pairAt(out).base}.secret`
  demandPlace([file])
  const secret = randomBytes(32).toString('base64url')
  createWhole(file, `${secret}\n`, PRIVATE)
  process.stderr.write(`${file}  the secret of user ${name}, for its owner alone\n`)
  const sha256 = createHash('sha256').update(secret).digest('hex')
  return `basic:\n  - name: ${name}\n    secretSha256: ${sha256}\n`
}

async function makeCertificate(name: string, out: string, options: AddOptions): Promise<void> {
  const { ca, passphraseFile, days } = options
  if (ca !== undefined) {
    const made = await issueFiles([name], { ca, out, days, ...(passphraseFile !== undefined && { passphraseFile }) })
    process.stderr.write(`${made.certificate}  its certificate, until ${made.until.toISOString().slice(0, 10)}
${made.key}  its key, for its owner alone
`)
    return
  }
  const { base, key } = pairAt(out)
  const files = { key, request: `${base}.csr` }
  demandPlace(Object.values(files))
  const made = await makeRequest(namesOf([name], 'client'))
  createWhole(files.key, `${made.key}\n`, PRIVATE)
  createWhole(files.request, `${made.request}\n`, PUBLIC)
  process.stderr.write(`${files.key}  its key, for its owner alone
${files.request}  a request, for the authority that vouches for it; with one of your own:
  ${invocation} ca issue ${name} --csr ${shellWord(files.request)}
`)
}

/** A list on one line, in YAML. */
function list(values: readonly string[]): string {
  return `[${values.map((value) => (/^\w([\w./:-]*\w)?$/.test(value) ? value : JSON.stringify(value))).join(', ')}]`
}
