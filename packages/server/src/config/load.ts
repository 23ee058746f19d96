/**
 * From a file to a checked configuration, or to a {@link ConfigError} that lists every problem with its line. Reads the
 * configuration file alone; the files it names are opened by who needs them.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ConfigError } from './problems.ts'
import { readYaml } from './read.ts'
import { checkRules, type Mode } from './rules.ts'
import { type Config, configFields } from './schema.ts'

/** A checked configuration, and where its keys stand. */
export interface Placed {
  readonly config: Config
  /** `file:line` of a key such as `grants[0]`. */
  readonly place: (key: string) => string
}

/** The configuration in `path`, for production. */
export const loadConfig = (path: string): Config => loadPlaced(path).config

/** The same, for those who tell of its lines. */
export function loadPlaced(path: string): Placed {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const why = code === 'ENOENT' ? 'no such file; `holdfast init` makes one' : `cannot be read (${code})`
    throw new ConfigError([`${path}: ${code === 'EISDIR' ? folderAt(path) : why}`])
  }
  return parsePlaced(text, { name: path, folder: resolve(dirname(path)), development: false })
}

function folderAt(path: string): string {
  const inside = join(path, 'holdfast.yaml')
  return `a folder, not a file${existsSync(inside) ? `: --config ${inside}` : '; `holdfast init` makes a file in one'}`
}

interface From extends Mode {
  readonly name: string
  readonly folder: string
}

/** `name` stands for the text in messages; relative paths begin at `folder`. */
export const parseConfig = (text: string, from: From): Config => parsePlaced(text, from).config

function parsePlaced(text: string, from: From): Placed {
  const { value, problems, place, told } = readYaml(text, configFields, from.name, from.folder)
  if (problems.length === 0) {
    checkRules(value as Config, from, (key, message) => problems.push(told(key, message)))
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return { config: value as Config, place }
}
