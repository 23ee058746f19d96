/**
 * `holdfast config show`: the configuration as the server takes it: defaults filled in, paths absolute, durations and
 * sizes as people write them. What the schema marks as possibly secret is not shown.
 */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { stringify } from 'yaml'
import type { Field } from '../../config/fields.ts'
import { loadConfig } from '../../config/load.ts'
import { type Config, configFields } from '../../config/schema.ts'
import { formatUnit } from '../../config/units.ts'
import { defaultFloors } from '../../engines/embedded/free-space.ts'
import { EXIT } from '../exit.ts'

const REDACTED = '(not shown)'

/** Exit code. */
export function showConfig(file: string, json: boolean): number {
  const shown = written(configFields, inForce(loadConfig(file)))
  process.stdout.write(json ? `${JSON.stringify(shown, null, 2)}\n` : stringify(shown))
  return EXIT.stopped
}

/** With the floors of free space, which follow from the disk. */
function inForce(config: Config): Config {
  const { embedded } = config.engine
  if (embedded === undefined || embedded.minFree !== undefined || !existsSync(dirname(embedded.file))) return config
  return { ...config, engine: { embedded: { ...embedded, minFree: defaultFloors(embedded.file) } } }
}

/** A value as it would stand in the file. */
function written(field: Field, value: unknown): unknown {
  if (field.hidden) return REDACTED
  if (field.unit !== undefined) return formatUnit(value as number, field.unit)
  if (field.type === 'array') return (value as unknown[]).map((item) => written(field.items!, item))
  if (field.type !== 'object') return value
  const entries = Object.entries(value as object).filter(([, inner]) => inner !== undefined)
  return Object.fromEntries(entries.map(([name, inner]) => [name, written(field.properties![name]!, inner)]))
}
