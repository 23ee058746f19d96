/**
 * What the storage tells of the instances that live, for commands that must not take a key from under one of them. The
 * storage is only read. An instance that cannot reach it, or was stopped for longer than half a minute, is not seen: it
 * serves nobody either, and it finds the file changed when it comes back. Clocks are not relied on to tell who lives: one
 * that was seen in the future is watched.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineUnavailable } from '@holdfast/engine'
import type { Config } from '../../config/schema.ts'
import { EmbeddedView } from '../../engines/embedded/view.ts'
import {
  BELIEVED_SECONDS,
  type InstanceReport,
  isAhead,
  type Keyset,
  type Look,
  look,
  Unreadable,
} from '../../records/index.ts'
import { explain, Refused } from '../exit.ts'

export interface Seen extends Look {
  /** Of any store, now or ever, in seconds. */
  readonly longestTtl: number
}

/** Or why it tells nothing, in words. */
export type Told = Seen | { readonly problem: string; readonly longestTtl: number }

export async function askStorage({ engine, stores }: Config, keyset: Keyset): Promise<Told> {
  const longestTtl = Math.max(...stores.map(({ maxTtl }) => maxTtl))
  if (engine.embedded === undefined) {
    return { problem: 'this command does not look into Cassandra yet: see docs/guides/cassandra.md', longestTtl }
  }
  let view: EmbeddedView | undefined
  try {
    view = new EmbeddedView(engine.embedded.file)
    return { ...(await look(view, keyset)), longestTtl: Math.max(longestTtl, view.longestTtl) }
  } catch (error) {
    const told = error instanceof Unreadable || error instanceof EngineUnavailable
    return { problem: told ? error.message : explain(error).text, longestTtl }
  } finally {
    view?.close()
  }
}

/**
 * The same for a command that has to know. Storage that no server uses is not taken for one that none uses now, and a file
 * that is an old copy is not built upon. An instance that was seen in the future counts if it is seen again within the time
 * for which one is believed.
 */
export async function demandSeen(config: Config, keyset: Keyset): Promise<Seen> {
  const seen = await seenNow(config, keyset)
  const ahead = seen.instances.filter((one) => isAhead(one))
  if (ahead.length === 0) return seen
  process.stderr.write(
    `seen in the future, by this clock; in ${BELIEVED_SECONDS} s we know whether it lives:${described(ahead)}\n`,
  )
  await sleep(BELIEVED_SECONDS * 1000)
  const again = await seenNow(config, keyset)
  const isGone = ({ instance, seenAt }: InstanceReport) => {
    return ahead.some((one) => one.instance === instance && one.seenAt === seenAt)
  }
  return { ...again, instances: again.instances.filter((one) => !isGone(one)) }
}

async function seenNow(config: Config, keyset: Keyset): Promise<Seen> {
  const told = await askStorage(config, keyset)
  if ('problem' in told) {
    throw new Refused(
      `nobody can tell which instances live, and which keys they hold: ${told.problem}`,
      'Mend that first; nothing was changed.',
    )
  }
  if (told.checkKey === undefined) {
    throw new Refused(
      `no server has set up ${config.engine.embedded?.file}, so nobody can tell which instances live`,
      'Run the command beside the storage that they use. If there is none yet, start a server first.',
    )
  }
  if (told.behind !== undefined) {
    throw new Refused(
      `this keyset is an old copy, from before key ${told.behind} was promoted`,
      'Bring the newest first.',
    )
  }
  return told
}

/** In which state an instance holds a key of the stores; undefined if it does not, or says nothing of it. */
export function stateOn({ keys }: InstanceReport, id: number): string | undefined {
  return keys.find((key) => key.room === 'stores' && key.id === id)?.state
}

/** One line each, for people. */
export function described(instances: readonly InstanceReport[]): string {
  return instances
    .map(({ host, pid, instance }) => `\n  process ${pid} on ${host}, instance ${instance.slice(0, 8)}`)
    .join('')
}

/** How many live, in words. */
export function livingIn({ instances: { length } }: Seen): string {
  return length === 0 ? 'no instance lives' : length === 1 ? 'one instance lives' : `${length} instances live`
}
