/**
 * Which engine a configuration means. Cassandra's is a package of its own, loaded only where it is configured: whoever keeps
 * sessions in a file installs no driver.
 */
import { dirname } from 'node:path'
import type { Capabilities, Engine } from '@holdfast/engine'
import type { CassandraConnection } from '@holdfast/engine-cassandra'
import type { Logger } from 'pino'
import { version } from '../common/version.ts'
import { ConfigError, StartRefused } from '../config/problems.ts'
import type { Config } from '../config/schema.ts'
import { EmbeddedEngine } from '../engines/embedded/embedded-engine.ts'
import { MemoryEngine } from '../engines/memory/memory-engine.ts'
import { storeSpace } from '../stores/rules.ts'

/** An engine that is not open yet. */
export interface Storage {
  readonly capabilities: Capabilities
  /** `connection`: of Cassandra. Nothing is opened. */
  make(connection: CassandraConnection | undefined): StorageEngine
}

interface StorageEngine extends Engine {
  /** Takes over what its files hold now, where it has any. */
  renew?(connection: CassandraConnection): void
}

const PACKAGE = '@holdfast/engine-cassandra'

/** What each floor of free space means. */
const FLOORS = [
  'there is enough space again: everything is accepted',
  'little space is left: writes are refused, logouts go on',
  'hardly any space is left: writes and logouts are refused',
] as const

export async function storageOf({ engine: { embedded, cassandra } }: Config, log: Logger): Promise<Storage> {
  if (cassandra !== undefined) {
    const { CassandraEngine, CAPABILITIES } = await loadCassandra()
    const { contactPoints, datacenter, keyspace, accept } = cassandra
    const failed = (what: string, err: unknown) => log.warn({ err }, `Cassandra: ${what}`)
    return {
      capabilities: CAPABILITIES,
      make: (connection) => new CassandraEngine({ contactPoints, datacenter, keyspace, accept, failed, ...connection }),
    }
  }
  const jumped = (ms: number) => {
    log.warn(
      { seconds: Math.round(ms / 1000) },
      'the clock jumped ahead, or the machine slept: what has expired is removed in an hour; set the clock if it is wrong',
    )
  }
  if (embedded === undefined) return made(new MemoryEngine({ jumped }))
  return made(
    new EmbeddedEngine({
      ...embedded,
      jumped,
      floorChanged: ({ floor, free, floors }) => {
        log.warn({ folder: dirname(embedded.file), free, floors }, FLOORS[floor])
      },
    }),
  )
}

/** Refuses, with the line that installs it, if it is not there. */
export async function loadCassandra(): Promise<typeof import('@holdfast/engine-cassandra')> {
  try {
    return await import('@holdfast/engine-cassandra')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes(PACKAGE)) throw error
    throw new StartRefused(
      `engine.cassandra: the package ${PACKAGE} is not installed beside holdfast`,
      `npm install ${PACKAGE}@${version}  # with -g, if that is how holdfast was installed`,
    )
  }
}

/** What the engine cannot hold is an error of the configuration, told before anything is opened. */
export function checkCapabilities({ stores }: Config, { name, maxSize: most }: Capabilities): void {
  const problems = stores.flatMap((rules, index) => {
    if (storeSpace(rules).maxSize <= most) return []
    return [`stores[${index}].maxValue: engine ${name} holds at most ${most} bytes, sealed`]
  })
  if (problems.length > 0) throw new ConfigError(problems)
}

function made(engine: Engine): Storage {
  return { capabilities: engine.capabilities, make: () => engine }
}
