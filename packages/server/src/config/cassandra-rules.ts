/**
 * What no single key of `engine.cassandra` can say. What shows only in the cluster (a superuser, replicas that are missing)
 * the engine refuses at a start; what is plain from the configuration is an error of the configuration.
 */
import { problemWithName } from '../access/names.ts'
import type { Tell } from './rules.ts'
import type { Config } from './schema.ts'

/** The user that every cluster begins with, whose password everybody knows. */
const DEFAULT_USER = 'cassandra'

type Cassandra = NonNullable<Config['engine']['cassandra']>

export function cassandra({ username, passwordFile, tls, accept }: Cassandra, tellOf: Tell): void {
  const tell: Tell = (key, message) => tellOf(key === '' ? 'engine.cassandra' : `engine.cassandra.${key}`, message)
  if ((username === undefined) !== (passwordFile === undefined)) {
    tell('', 'username and passwordFile belong together: give both or neither')
  }
  if (username === undefined && tls?.certificate === undefined && !accept.includes('no-authentication')) {
    tell('', 'it proves to the nodes who it is by nothing: give username and passwordFile, or a certificate in tls')
  }
  if (username === DEFAULT_USER && !accept.includes('superuser')) {
    tell(
      'username',
      'is the default superuser, which needs a quorum of all datacenters to log in: give a role of its own',
    )
  }
  if (tls === undefined && !accept.includes('plaintext')) {
    tell('', 'tls is missing, so its password would be sent in the clear: give tls.ca, or accept: [plaintext]')
  }
  if (tls !== undefined && (tls.certificate === undefined) !== (tls.key === undefined)) {
    tell('tls', 'certificate and key belong together: give both or neither')
  }
  for (const [index, name] of (tls?.names ?? []).entries()) {
    const problem = name.startsWith('basic:')
      ? 'a node has no secret: give dns:NAME or spiffe://…'
      : problemWithName(name)
    if (problem !== undefined) tell(`tls.names[${index}]`, `"${name}": ${problem}`)
  }
}
