/**
 * Reads whatever a start reads before it opens the storage and listens, and collects all that it would refuse instead of
 * stopping at the first. Nothing is changed.
 */
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Authority, readAuthorities } from '../../access/authorities.ts'
import { StartRefused } from '../../config/problems.ts'
import type { Config } from '../../config/schema.ts'
import { readListenerTls } from '../../http/tls.ts'
import type { Keyset } from '../../records/index.ts'
import { readCassandraFiles } from '../../service/cassandra.ts'
import { loadKeyset } from '../../service/material.ts'

export interface Examined {
  /** Errors, of which most are made to be read. */
  readonly refused: readonly unknown[]
  /** Those that are good. */
  readonly authorities: readonly Authority[]
  readonly keyset: Keyset | undefined
}

export async function examine(config: Config): Promise<Examined> {
  const refused: unknown[] = []
  const attempt = async <T>(work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      refused.push(error)
      return undefined
    }
  }
  const authorities: Authority[] = []
  for (const one of config.authorities) authorities.push(...((await attempt(() => readAuthorities([one]))) ?? []))
  const { listen, basicListen, admin, timeouts, engine, audit } = config
  const common = { handshakeTimeout: timeouts.handshake }
  await attempt(() => readListenerTls('listen', { ...common, files: listen, authorities }))
  if (basicListen !== undefined) await attempt(() => readListenerTls('basicListen', { ...common, files: basicListen }))
  const { certificate, key } = admin
  if (certificate !== undefined && key !== undefined) {
    await attempt(() => readListenerTls('admin', { ...common, files: { certificate, key, minVersion: 'TLSv1.3' } }))
  }
  const keyset = await attempt(() => loadKeyset(config))
  if (engine.embedded !== undefined) await attempt(() => demandWritable('engine.embedded.file', engine.embedded!.file))
  if (engine.cassandra !== undefined) await attempt(() => readCassandraFiles(engine.cassandra!))
  if (audit.file !== undefined) await attempt(() => demandWritable('audit.file', audit.file!))
  return { refused, authorities, keyset }
}

/** The file, or where it is to be made. */
function demandWritable(what: string, path: string): void {
  const place = existsSync(path) ? path : dirname(path)
  try {
    accessSync(place, constants.R_OK | constants.W_OK)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const why = code === 'ENOENT' ? 'no such folder' : `cannot be written (${code})`
    throw new StartRefused(`${what}: ${place}: ${why}`, 'Make it, for the user that runs the server.')
  }
}
