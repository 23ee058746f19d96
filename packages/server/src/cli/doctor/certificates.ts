/**
 * The certificates that listeners show: for the names by which clients come, up to an authority, until when.
 * What clients trust and which names they use is not known here: of the names it tells, and holds them against those that
 * somebody gave (`--names`) and those that the configuration has.
 */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { getCACertificates } from 'node:tls'
import { readCertificates } from '../../access/authorities.ts'
import { issued } from '../../access/chain.ts'
import { isLoopback } from '../../config/rules.ts'
import { whyUnfit } from '../../http/tls.ts'
import { invocation } from '../invocation.ts'
import { shellWord } from '../shell-word.ts'
import type { Facts } from './facts.ts'
import { DAY_MS, dateOf, daysUntil, type Finding, ok, problem, SOON_DAYS, warning } from './finding.ts'

interface Listener {
  readonly host: string
  readonly certificate: string
  /** By which clients are known to come. */
  readonly names: readonly string[]
}

export function certificates(facts: Facts): Finding[] {
  const { listen, basicListen, admin } = facts.config
  const listeners: Record<string, Listener> = { listen: { ...listen, names: facts.names } }
  if (basicListen !== undefined) listeners.basicListen = { ...basicListen, names: facts.names }
  const { certificate } = admin
  if (certificate !== undefined) {
    const names = admin.hosts.map((host) => host.replace(/^\[(.*)\]$/, '$1')).filter((host) => !isLoopback(host))
    listeners.admin = { host: admin.host, certificate, names }
  }
  return Object.entries(listeners).flatMap(([what, listener]) => {
    let chain: X509Certificate[]
    try {
      chain = readCertificates(what, listener.certificate)
    } catch {
      // Told with the configuration.
      return []
    }
    // So is this.
    if (whyUnfit(chain[0]!) !== undefined) return []
    const found = examineChain(what, listener, chain, facts)
    return found.length > 0 ? found : [ok(summary(what, chain))]
  })
}

function examineChain(
  what: string,
  { host, certificate: path, names }: Listener,
  chain: readonly X509Certificate[],
  { authorities, now }: Facts,
): Finding[] {
  const leaf = chain[0]!
  const own = namesOf(leaf)
  const found: Finding[] = []
  const anew = (wanted: readonly string[]) => {
    const typed = [...new Set([...own, ...wanted])].map((name) => `${isIP(name) ? 'ip' : 'dns'}:${name}`)
    const out = shellWord(path.replace(/\.[^./]*$/, '-new'))
    return `${invocation} ca issue --ca FOLDER --server ${typed.join(' ')} --out ${out}  # then name it in ${what}`
  }
  if (own.every((name) => isLoopback(name)) && !isLoopback(host)) {
    const says = `${what}: ${path} names this machine alone (${own.join(', ')}), and ${host} is for others`
    found.push(warning(says, anew(['holdfast.example.org'])))
  }
  const missing = names.filter((name) => !covers(leaf, name))
  if (missing.length > 0) {
    const says = `${what}: ${path} is not for ${missing.join(', ')}, but for ${own.join(', ')}: clients refuse it`
    found.push(problem(says, anew(missing)))
  }
  for (const certificate of chain) {
    const days = daysUntil(certificate.validToDate, now)
    if (!isDue(certificate, now) || days < 0) continue
    const says = `${what}: ${subject(certificate)} in ${path} ends in ${days} days, on ${dateOf(certificate.validToDate)}`
    const renew = `${invocation} ca renew --ca FOLDER ${shellWord(path)}`
    found.push(warning(says, certificate === leaf ? renew : 'get the new intermediate, and put it into the file'))
  }
  const top = climb(leaf, [...chain.slice(1), ...authorities.flatMap((authority) => authority.certificates)])
  if (!issued(top, top) && !knownRoots().some((root) => issued(top, root))) {
    const issuer = top.issuer.replaceAll('\n', ', ')
    const says = `${what}: nobody here knows ${issuer}, which issued ${subject(top)}: clients must have it`
    found.push(warning(says, `cat intermediate.pem >> ${shellWord(path)}`))
  }
  return found
}

/** In its last days: as a server warns, of one that lives for hours in the last third of them. */
function isDue({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  const third = (validToDate.getTime() - validFromDate.getTime()) / 3
  return validToDate.getTime() - now < Math.min(SOON_DAYS * DAY_MS, third)
}

/** From issuer to issuer, as far as there is one. */
function climb(leaf: X509Certificate, others: readonly X509Certificate[]): X509Certificate {
  let top = leaf
  for (let left = others.length; left > 0 && !issued(top, top); left--) {
    const above = others.find((other) => issued(top, other))
    if (above === undefined) break
    top = above
  }
  return top
}

/** What programs trust that ask nobody: those of Node and of this machine. */
function knownRoots(): X509Certificate[] {
  return [...getCACertificates('bundled'), ...getCACertificates('system')].map((pem) => new X509Certificate(pem))
}

function covers(certificate: X509Certificate, name: string): boolean {
  const subject = 'never'
  return (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name, { subject })) !== undefined
}

function namesOf({ subjectAltName }: X509Certificate): string[] {
  const entries = (subjectAltName ?? '').split(', ')
  return entries.flatMap((entry) => /^(?:DNS|IP Address):(.*)$/.exec(entry)?.[1] ?? []).map(shortAddress)
}

/** Node writes IPv6 in full. */
function shortAddress(name: string): string {
  return isIP(name) === 6 ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name
}

function summary(what: string, chain: readonly X509Certificate[]): string {
  const ends = chain.map(({ validToDate }) => validToDate).sort((a, b) => a.getTime() - b.getTime())
  return `${what}: for ${namesOf(chain[0]!).join(', ')}, until ${dateOf(ends[0]!)}; ${keyOf(chain[0]!)}`
}

function keyOf({ publicKey }: X509Certificate): string {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey
  if (type === 'rsa') return `RSA of ${details?.modulusLength} bits, slower at every handshake than P-256`
  return details?.namedCurve === 'prime256v1' ? 'P-256' : (details?.namedCurve ?? type ?? 'unknown key')
}

function subject(certificate: X509Certificate): string {
  return certificate.subject?.replaceAll('\n', ', ') ?? 'a certificate without a name'
}
