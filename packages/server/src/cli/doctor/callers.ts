/**
 * Who can prove a name, and whether that opens anything: authorities and their revocation lists, the names they vouch for,
 * callers with a secret, certificates of clients that lie here; and that no authority's key does. A server refuses such a
 * key in the place where `holdfast ca` keeps it; this looks at every key beside the configured files. Whose a wrapped one is
 * cannot be told, but no server uses any. Places that the configuration does not name are not searched.
 */
import { createPublicKey, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Authority } from '../../access/authorities.ts'
import { nameOf } from '../../access/certificate.ts'
import { Vouching } from '../../access/names.ts'
import type { Config } from '../../config/schema.ts'
import { readFilesOf } from '../../service/files.ts'
import { invocation } from '../invocation.ts'
import { shellWord } from '../shell-word.ts'
import type { Facts } from './facts.ts'
import { dateOf, daysUntil, type Finding, ok, problem, SOON_DAYS, warning } from './finding.ts'

/** Before the end of a revocation list: they live for weeks at most. */
const LIST_DAYS = 7
const MOST_FILES = 1_000
const MOST_BYTES = 64 * 1024

export function callers(facts: Facts): Finding[] {
  const { config, authorities, now } = facts
  const found = [
    ...authorities.flatMap((authority) => ends(authority, config, now)),
    ...withoutGrant(config, facts.place),
    ...inFolders(facts),
  ]
  if (found.length > 0) return found
  const known = authorities.map(({ name, expires, listsExpire }) => {
    const list = listsExpire === undefined ? '' : `, its list until ${dateOf(listsExpire)}`
    return `authority ${name} until ${dateOf(expires)}${list}`
  })
  const granted = new Set(config.grants.flatMap((grant) => grant.callers)).size
  return [ok([...known, `callers with grants: ${granted}`].join('; '))]
}

function ends({ name, certificates, expires, listsExpire }: Authority, config: Config, now: number): Finding[] {
  const found: Finding[] = []
  const { certificate: path, crl } = config.authorities.find((one) => one.name === name)!
  const early = certificates.find(({ validFromDate }) => validFromDate.getTime() > now)
  if (early !== undefined) {
    const says = `authority ${name}: a certificate in ${path} is not valid before ${early.validFrom}`
    found.push(problem(says, 'set the clock of this machine, or wait'))
  }
  if (daysUntil(expires, now) < SOON_DAYS) {
    const says = `authority ${name}: a certificate in ${path} ends on ${dateOf(expires)}; then its callers are refused`
    found.push(warning(says, `${invocation} ca init NEW-FOLDER; cat NEW-FOLDER/ca.pem >> ${shellWord(path)}`))
  }
  if (listsExpire !== undefined && daysUntil(listsExpire, now) < LIST_DAYS) {
    const says = `authority ${name}: the revocation list in ${crl} ends on ${dateOf(listsExpire)}; then everybody is refused`
    found.push(warning(says, `${invocation} ca renew --ca FOLDER && cp FOLDER/ca.crl ${shellWord(crl!)}`))
  }
  return found
}

/** The other way round, a caller that nobody vouches for, is an error of the configuration. */
function withoutGrant({ authorities, basic, grants }: Config, place: Facts['place']): Finding[] {
  const granted = grants.flatMap((grant) => grant.callers)
  const vouched = authorities.flatMap(({ name, vouchesFor }, index) => {
    return vouchesFor.flatMap((entry, i) => {
      if (granted.some((caller) => new Vouching([entry]).covers(caller))) return []
      const line = place(`authorities[${index}].vouchesFor[${i}]`)
      return [
        warning(`authority ${name} vouches for ${entry}, and no grant names anybody of it`, `${line}: take it out`),
      ]
    })
  })
  const secrets = basic.flatMap(({ name }, index) => {
    if (granted.includes(`basic:${name}`)) return []
    return [warning(`basic:${name} has a secret and no grant`, `${place(`basic[${index}]`)}: take it out`)]
  })
  return [...vouched, ...secrets]
}

/** Looks at what lies beside the configured files. */
function inFolders({ config, authorities, file }: Facts): Finding[] {
  const granted = new Set(config.grants.flatMap((grant) => grant.callers))
  return textsBeside([file, ...readFilesOf(config)]).flatMap(([path, text]): Finding[] => {
    const key = keyIn(text)
    const of = authorities.find(({ certificates }) => {
      return certificates.some((certificate) => key !== undefined && certificate.publicKey.equals(key))
    })
    if (of !== undefined) {
      const says = `${path} is the key of authority ${of.name}: whoever takes this server makes any caller`
      return [problem(says, awayWith(path))]
    }
    if (text.includes('BEGIN ENCRYPTED PRIVATE KEY-----')) {
      const says = `${path} is a wrapped key, as an authority's is, and no server uses one`
      return [warning(says, awayWith(path))]
    }
    const name = callerIn(text, authorities)
    if (name === undefined || granted.has(name)) return []
    return [warning(`${path} proves ${name}, and no grant names it`, `rm ${shellWord(path)}, or grant it something`)]
  })
}

const awayWith = (key: string) => `move it to a machine that serves nobody, then: shred -u ${shellWord(key)}`

/** Small files of the folders in which these are, with what they hold; what may not be read is left out. */
function textsBeside(files: readonly string[]): [path: string, text: string][] {
  const folders = new Set(files.map((file) => dirname(file)))
  return [...folders].flatMap((folder) => {
    return (
      unlessFault(() => readdirSync(folder))
        ?.slice(0, MOST_FILES)
        .flatMap((name): [string, string][] => {
          const path = join(folder, name)
          const text = unlessFault(() => {
            const stat = statSync(path)
            return stat.isFile() && stat.size <= MOST_BYTES ? readFileSync(path, 'latin1') : undefined
          })
          return text?.includes('-----BEGIN ') ? [[path, text]] : []
        }) ?? []
    )
  })
}

/** The public half of a private key. */
function keyIn(text: string) {
  return text.includes('PRIVATE KEY-----') ? unlessFault(() => createPublicKey(text)) : undefined
}

function callerIn(text: string, authorities: readonly Authority[]): string | undefined {
  const certificate = text.includes('BEGIN CERTIFICATE-----') ? unlessFault(() => new X509Certificate(text)) : undefined
  const name = certificate && nameOf(certificate, authorities)
  return typeof name === 'string' ? name : undefined
}

function unlessFault<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
