/**
 * What no single key can say: each rule looks at several and tells what does not fit, by the key to change. Deny by
 * default needs this: a grant that names a store nobody has, or a caller nobody can be, is a mistake and not a caution.
 */
import { isIPv4 } from 'node:net'
import { problemWithName, problemWithVouching, Vouching } from '../access/names.ts'
import { problemWithNetwork } from '../access/networks.ts'
import { cassandra } from './cassandra-rules.ts'
import type { Config } from './schema.ts'
import { formatUnit } from './units.ts'

/** `development`: the server of `holdfast dev`, on loopback, with keys that nothing protects. */
export interface Mode {
  readonly development: boolean
}

export type Tell = (key: string, message: string) => void

/** Paths that the server itself answers. */
const RESERVED = ['api', 'docs', 'healthz']

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))

/** What may be as it is, and should not: one text each. */
export function cautions({ authorities }: Config): string[] {
  return authorities.flatMap(({ name, crl }) => {
    if (crl !== undefined) return []
    return [
      `authority ${name}: no revocation list, so a revoked certificate is good until its end; add crl: tls/ca.crl`,
    ]
  })
}

/** Calls `tell` once for each problem. */
export function checkRules(config: Config, mode: Mode, tell: Tell): void {
  listeners(config, tell)
  authorities(config, tell)
  stores(config, tell)
  grants(config, tell)
  limits(config, tell)
  storage(config, mode, tell)
}

function listeners({ listen, basicListen, basic, admin }: Config, tell: Tell): void {
  if (basicListen !== undefined && basic.length === 0) tell('basicListen', 'has no callers: list them under basic')
  if (basicListen === undefined && basic.length > 0) tell('basic', 'these callers have no listener: add basicListen')
  unique(basic, (entry) => entry.name, 'basic', 'name', tell)
  if ((admin.certificate === undefined) !== (admin.key === undefined)) {
    tell('admin', 'certificate and key belong together: give both or neither')
  }
  if (!isLoopback(admin.host) && admin.certificate === undefined) {
    tell('admin.host', `${admin.host} is not loopback: plain HTTP stays on loopback, so give certificate and key too`)
  }
  const before: [key: string, listener: Config['admin' | 'listen']][] = []
  for (const [key, listener] of Object.entries({ listen, basicListen, admin })) {
    if (listener === undefined || listener.port === 0) continue
    const met = before.find(([, other]) => other.port === listener.port && meet(other.host, listener.host))
    if (met !== undefined) tell(`${key}.port`, `${listener.port} is already the port of ${met[0]}`)
    before.push([key, listener])
  }
}

/** Two addresses of which a port is one and the same. */
function meet(a: string, b: string): boolean {
  const [one, other] = [a, b].map((host) => (host === 'localhost' ? '127.0.0.1' : host))
  return one === other || [one, other].some((host) => host === '0.0.0.0' || host === '::')
}

function authorities({ authorities }: Config, tell: Tell): void {
  unique(authorities, (entry) => entry.name, 'authorities', 'name', tell)
  for (const [index, { vouchesFor }] of authorities.entries()) {
    for (const [i, entry] of vouchesFor.entries()) {
      const problem = problemWithVouching(entry)
      if (problem !== undefined) tell(`authorities[${index}].vouchesFor[${i}]`, `"${entry}": ${problem}`)
    }
  }
  const without = authorities.findIndex((entry) => entry.crl === undefined)
  if (without >= 0 && authorities.some((entry) => entry.crl !== undefined)) {
    tell(`authorities[${without}].crl`, 'missing: TLS checks revocation for all authorities or for none')
  }
}

function stores({ stores }: Config, tell: Tell): void {
  unique(stores, (store) => store.path, 'stores', 'path', tell)
  for (const [index, store] of stores.entries()) {
    const at = `stores[${index}]`
    if (RESERVED.includes(store.path)) tell(`${at}.path`, `"${store.path}" is a path of the server itself`)
    if (store.ttl > store.maxTtl) {
      const [ttl, most] = [formatUnit(store.ttl, 'seconds'), formatUnit(store.maxTtl, 'seconds')]
      tell(`${at}.ttl`, `${ttl} is longer than maxTtl, ${most}: raise maxTtl or shorten ttl`)
    }
  }
}

function grants({ grants, stores, basic, authorities }: Config, tell: Tell): void {
  const vouching = authorities.map((authority) => new Vouching(authority.vouchesFor))
  const vouched = (name: string) => vouching.some((one) => one.covers(name))
  const paths = stores.map((store) => store.path)
  for (const [index, grant] of grants.entries()) {
    for (const [i, path] of grant.stores.entries()) {
      if (!paths.includes(path)) {
        tell(`grants[${index}].stores[${i}]`, `no store has the path "${path}"; there are: ${paths.join(', ')}`)
      }
    }
    for (const [i, caller] of grant.callers.entries()) {
      const known = caller.startsWith('basic:')
        ? basic.some((entry) => `basic:${entry.name}` === caller)
        : vouched(caller)
      const problem =
        problemWithName(caller) ??
        (known
          ? undefined
          : 'nobody can be this caller: no entry of basic has the name, or no authority vouches for it')
      if (problem !== undefined) tell(`grants[${index}].callers[${i}]`, `"${caller}": ${problem}`)
    }
    for (const [i, network] of (grant.networks ?? []).entries()) {
      const problem = problemWithNetwork(network)
      if (problem !== undefined) tell(`grants[${index}].networks[${i}]`, `"${network}": ${problem}`)
    }
  }
}

function limits({ limits, stores, timeouts }: Config, tell: Tell): void {
  if (timeouts.head > timeouts.request)
    tell('timeouts.head', 'is longer than timeouts.request, of which it is a part: lower it')
  for (const name of ['requests', 'connections', 'bodyBytes'] as const) {
    if (limits[`${name}PerCaller`] > limits[name]) {
      tell(`limits.${name}PerCaller`, `is more than limits.${name}, so it limits nothing: lower it`)
    }
  }
  if (limits.requestsSaturated > limits.requests)
    tell('limits.requestsSaturated', 'is more than limits.requests: lower it')
  for (const [index, store] of stores.entries()) {
    if (store.maxValue > limits.bodyBytesPerCaller) {
      tell(
        `stores[${index}].maxValue`,
        'is more than limits.bodyBytesPerCaller, so such a value could never be written',
      )
    }
  }
}

function storage({ engine, keys }: Config, { development }: Mode, tell: Tell): void {
  const named = Object.keys(engine)
  if (named.length !== 1)
    tell('engine', `name exactly one engine, found ${named.length === 0 ? 'none' : named.join(' and ')}`)
  if (engine.memory !== undefined && !development) {
    tell(
      'engine.memory',
      'forgets every session at a restart, so it is for development mode only: use embedded or cassandra',
    )
  }
  if (engine.cassandra !== undefined) cassandra(engine.cassandra, tell)
  const floors = engine.embedded?.minFree
  if (floors !== undefined && floors.ends > floors.writes) {
    tell('engine.embedded.minFree.ends', 'is above the floor for writes: a logout must still work when writes do not')
  }
  passphrase(keys, development, tell)
}

const SOURCES = ['passphraseFile', 'passphraseCredential', 'passphraseCommand'] as const

function passphrase({ stores }: Config['keys'], development: boolean, tell: Tell): void {
  const given = SOURCES.filter((name) => stores[name] !== undefined)
  if (given.length === 0 && !development) {
    tell('keys.stores', `no passphrase, which is for development mode only: give one of ${SOURCES.join(', ')}`)
  }
  if (given.length > 1) tell('keys.stores', `the passphrase comes from one place, found ${given.join(' and ')}`)
  if (stores.passphraseCommand?.[0]?.startsWith('/') === false) {
    tell('keys.stores.passphraseCommand[0]', 'no shell looks for the program: give its absolute path')
  }
}

function unique<T>(list: readonly T[], of: (entry: T) => string, key: string, name: string, tell: Tell): void {
  for (const [index, entry] of list.entries()) {
    const first = list.findIndex((other) => of(other) === of(entry))
    if (first < index) tell(`${key}[${index}].${name}`, `"${of(entry)}" is already the ${name} of ${key}[${first}]`)
  }
}
