/**
 * The names that this authority puts into certificates, from the words of a command line. A client has exactly one, a
 * SPIFFE id or a host name, since a server refuses a certificate with several; a server has up to 32 host names and
 * addresses. There are no wildcards: a name is what it says.
 */
import { isIP } from 'node:net'
import { problemWithName } from '../../access/names.ts'
import { ConfigError } from '../../config/problems.ts'
import type { Names } from '../pki.ts'

export type Usage = 'client' | 'server'

const MOST = 32
/** Longest common name: X.520, ub-common-name. */
const COMMON_NAME = 64

/** Words such as `spiffe://example.org/wiki`, `dns:localhost`, `ip:127.0.0.1`, as a certificate has them. */
export function namesOf(words: readonly string[], usage: Usage): Names {
  const problems = words.flatMap((word) => problemWith(word, usage) ?? [])
  if (usage === 'client' && words.length > 1) problems.push(`${words.length} names: a client has exactly one`)
  if (words.length > MOST) problems.push(`${words.length} names: a certificate has at most ${MOST}`)
  if (problems.length > 0) throw new ConfigError(problems)
  const of = (kind: string) => words.filter((word) => word.startsWith(kind)).map((word) => word.slice(kind.length))
  return {
    uris: words.filter((word) => word.startsWith('spiffe://')),
    dns: of('dns:'),
    ips: of('ip:'),
  }
}

/** What a file or a common name may be called after this name: its last part, never longer than a common name may be. */
export function shortName(word: string): string {
  const last = word.slice(Math.max(word.lastIndexOf('/'), word.startsWith('spiffe://') ? -1 : word.indexOf(':')) + 1)
  return last.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, COMMON_NAME)
}

function problemWith(word: string, usage: Usage): string | undefined {
  const told = JSON.stringify(word)
  if (word.startsWith('ip:')) {
    if (usage === 'client') return `${told}: an address identifies no client: spiffe://… or dns:…`
    return isIP(word.slice(3)) > 0 && !word.includes('%') ? undefined : `${told}: not an address`
  }
  if (word.startsWith('spiffe://') && usage === 'server') return `${told}: a server is known by dns: and ip: names`
  if (word.startsWith('basic:'))
    return `${told}: a caller with a secret has no certificate: holdfast caller add ${word}`
  const problem = problemWithName(word)
  if (problem === undefined) return undefined
  if (isIP(word) > 0) return `${told}: write ip:${word}`
  if (problemWithName(`dns:${word}`) === undefined) return `${told}: write dns:${word}`
  const kinds = usage === 'client' ? 'spiffe://domain/path or dns:host' : 'dns:host or ip:address'
  return `${told}: ${/^(spiffe:\/\/|dns:)/.test(word) ? problem : `not a name: ${kinds}`}`
}
