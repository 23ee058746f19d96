/**
 * From a file to a checked configuration, or to a {@link ConfigError} that lists every problem with its line. Reads the
 * configuration file alone; the files it names are opened by who needs them.
 */
import { readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { ConfigError } from './problems.ts'
import { readYaml } from './read.ts'
import { checkRules, type Mode } from './rules.ts'
import { type Config, configFields } from './schema.ts'

/** The configuration in `path`, for production. */
export function loadConfig(path: string): Config {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const why = code === 'ENOENT' ? 'no such file; `holdfast init` makes one' : `cannot be read (${code})`
    throw new ConfigError([`${path}: ${why}`])
  }
  return parseConfig(text, { name: basename(path), folder: resolve(dirname(path)), development: false })
}

/** `name` stands for the text in messages; relative paths begin at `folder`. */
export function parseConfig(text: string, from: Mode & { readonly name: string; readonly folder: string }): Config {
  const { value, problems, told } = readYaml(text, configFields, from.name, from.folder)
  if (problems.length === 0) {
    checkRules(value as Config, from, (key, message) => problems.push(told(key, message)))
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return value as Config
}
