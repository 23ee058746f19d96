/**
 * The keyset: that it belongs to the data and is no old copy, how old its primary is, which keys have served their time;
 * and the instances that share the storage: that all hold these keys and serve by this configuration.
 */
import { accessSync, constants } from 'node:fs'
import { EngineRefused, EngineUnavailable } from '@holdfast/engine'
import { fingerprint } from '../../config/fingerprint.ts'
import { EmbeddedView } from '../../engines/embedded/view.ts'
import {
  type InstanceReport,
  isAhead,
  type Keyset,
  KeysetMismatch,
  type Look,
  look,
  overFrom,
  Unreadable,
} from '../../records/index.ts'
import { invocation } from '../invocation.ts'
import { shellWord } from '../shell-word.ts'
import type { Facts } from './facts.ts'
import { dateOf, daysUntil, type Finding, hidden, isForbidden, isThere, ok, problem, warning } from './finding.ts'

/** A primary that is older should give way to a new one. */
const OLD_DAYS = 366

export async function keys(facts: Facts): Promise<Finding[]> {
  const { config, keyset, file } = facts
  const database = config.engine.embedded?.file
  if (keyset === undefined || database === undefined) return []
  let view: EmbeddedView | undefined
  try {
    if (isThere(database)) accessSync(database, constants.R_OK)
    view = new EmbeddedView(database)
    const seen = await look(view, keyset)
    return [...ofAge(facts, keyset, view.longestTtl, seen), ...inStorage(seen, facts, keyset)]
  } catch (error) {
    return [...ofAge(facts, keyset, 0), unread(error, database, file)]
  } finally {
    view?.close()
  }
}

/** `longestTtl`: that the storage remembers, in seconds. Without the key of the check cells no server starts. */
function ofAge({ config, file, now }: Facts, keyset: Keyset, longestTtl: number, seen?: Look): Finding[] {
  const command = (words: string) => `${invocation} keys ${words} --config ${shellWord(file)}`
  const { primary } = keyset
  const found: Finding[] = []
  if (-daysUntil(new Date(primary.createdAt), now) > OLD_DAYS) {
    const says = `the primary key, ${primary.id}, is of ${dateOf(primary.createdAt)}, more than a year ago`
    found.push(warning(says, command('add')))
  }
  const longest = Math.max(longestTtl, ...config.stores.map(({ maxTtl }) => maxTtl))
  for (const key of keyset.keys) {
    const { id, state, demotedAt } = key
    if (state !== 'enabled' || demotedAt === undefined || id === seen?.checkKey) continue
    if (overFrom(key, longest, seen?.sealedUntil.get(id)) > now) continue
    const says = `nothing that lives is sealed with key ${id} any more, which was demoted on ${dateOf(demotedAt)}`
    found.push(warning(says, command(`disable ${id}`)))
  }
  if (found.length > 0) return found
  return [ok(`${count(keyset.keys.length, 'key')}; the primary, ${primary.id}, is of ${dateOf(primary.createdAt)}`)]
}

function inStorage({ checkKey, behind, instances }: Look, facts: Facts, keyset: Keyset): Finding[] {
  if (checkKey === undefined) return [ok('the database is empty yet: the first start sets it up')]
  if (behind !== undefined) {
    const says = `the keyset is an old copy, from before key ${behind} was promoted`
    return [warning(says, `cp NEWEST-COPY ${shellWord(facts.config.keys.stores.file)}`)]
  }
  return [ok('the keyset belongs to the data'), ...agreeing(instances, facts, keyset)]
}

function agreeing(seen: readonly InstanceReport[], { config, server, file, now }: Facts, keyset: Keyset): Finding[] {
  const instances = seen.toSorted((a, b) => a.host.localeCompare(b.host) || a.pid - b.pid)
  if (instances.length === 0) {
    if (server.state !== 'running') return [ok('no instance lives')]
    const says = 'a server runs here, and no instance has given a sign of life for thirty seconds'
    return [
      warning(
        says,
        `${invocation} config show --config ${shellWord(file)}: is engine.embedded.file that of the server?`,
      ),
    ]
  }
  const found: Finding[] = []
  const ahead = instances.filter((one) => isAhead(one, now))
  if (ahead.length > 0) {
    const says = `signs of life from more than a minute in the future, by ${whereOf(ahead)}: a clock is wrong, or was`
    found.push(problem(says, 'on each machine: date --utc; chronyc makestep'))
  }
  const wanted = stateOf(keyset.keys)
  const other = instances.filter(({ keys }) => stateOf(keys.filter(({ room }) => room === 'stores')) !== wanted)
  if (other.length > 0) {
    const says = `other keys than in the keyset file, or in another state, are held by ${whereOf(other)}`
    found.push(warning(says, `bring the file to each, then: ${hangUp(other)}`))
  }
  const ours = fingerprint(config)
  const differing = instances.filter(({ configuration }) => configuration !== ours)
  if (differing.length > 0) {
    const says = `other stores, grants or callers than in this configuration are served by ${whereOf(differing)}`
    found.push(warning(says, hangUp(differing)))
  }
  if (found.length > 0) return found
  const versions = [...new Set(instances.map(({ version }) => version))].sort().join(' and ')
  return [ok(`${count(instances.length, 'instance')} of ${versions}, with these keys and this configuration`)]
}

function unread(error: unknown, database: string, file: string): Finding {
  if (isForbidden(error)) return hidden(database, file)
  if (error instanceof KeysetMismatch || error instanceof EngineRefused) return problem(error.message, error.hint)
  if (error instanceof Unreadable) return problem(error.message, 'restore the storage from a backup')
  if (error instanceof EngineUnavailable) return warning(`the database: ${error.message}`, 'look again in a moment')
  throw error
}

function stateOf(keys: readonly { readonly id: number; readonly state: string }[]): string {
  return keys
    .map(({ id, state }) => `${id} ${state}`)
    .sort()
    .join()
}

const count = (many: number, one: string) => `${many} ${one}${many === 1 ? '' : 's'}`
const whereOf = (instances: readonly InstanceReport[]) =>
  instances.map(({ host, pid }) => `process ${pid} on ${host}`).join(', ')
const hangUp = (instances: readonly InstanceReport[]) => `kill -HUP ${instances.map(({ pid }) => pid).join(' ')}`
