/**
 * Ways into a running server that Node opens for those who debug. Whoever uses one has every key in the process, and no
 * grant is asked. A production server closes the ones it can and does not start beside the others.
 *
 * Closed: SIGUSR1, on which Node would open its inspector; taking the signal keeps Node from it. Refused: an inspector
 * that is open already, and options and variables that write out secrets. Not seen: what the operating system offers (core files, ptrace,
 * swap), and code that was loaded before ours; `holdfast doctor` looks at those.
 */
import { url } from 'node:inspector'
import type { Logger } from 'pino'
import { StartRefused } from '../config/problems.ts'

/** Options of Node that open the process, each with what it gives away. */
const EXPOSING: Readonly<Record<string, string>> = {
  '--inspect': 'opens an inspector',
  '--inspect-brk': 'opens an inspector',
  '--inspect-wait': 'opens an inspector',
  '--tls-keylog': 'writes the keys of every connection into a file',
  '--trace-tls': 'prints what goes through connections',
  '--heapsnapshot-signal': 'writes the memory, keys and all, into a file on a signal',
  '--heapsnapshot-near-heap-limit': 'writes the memory, keys and all, into a file when it runs short',
  '--abort-on-uncaught-exception': 'writes the memory, keys and all, into a file on a fault',
  '--experimental-config-file': 'takes other options from a file',
  '--experimental-default-config-file': 'takes other options from a file',
  '--insecure-http-parser': 'lets requests through that others read differently',
}

const PRINTS = 'prints what goes through connections'
/** Variables that do, whatever they hold. */
export const EXPOSING_VARIABLES: Readonly<Record<string, string>> = { NODE_DEBUG: PRINTS, NODE_DEBUG_NATIVE: PRINTS }

export interface Exposure {
  readonly option: string
  readonly why: string
}

/** Those among Node's options that open the process; values are not looked at. */
export function exposedBy(options: readonly string[]): Exposure[] {
  return options.flatMap((word) => {
    const option = nameOf(word)
    return Object.hasOwn(EXPOSING, option) ? [{ option, why: EXPOSING[option]! }] : []
  })
}

/** The name of an option, in Node's own spelling. V8 takes its options with one dash, too. */
export function nameOf(word: string): string {
  return word
    .replace(/=.*/s, '')
    .replaceAll('_', '-')
    .replace(/^-(?=\w\w)/, '--')
}

/** The options in a value of NODE_OPTIONS, as Node reads it: words end at spaces, quotes may be anywhere in one. */
export function optionsIn(text: string | undefined): string[] {
  const words = text?.match(/([^ "]|"([^"\\]|\\.)*("|$))+/gs) ?? []
  return words
    .map((word) => word.replace(/"((?:[^"\\]|\\.)*)"?/gs, (_quoted, inside) => inside.replace(/\\(.)/gs, '$1')))
    .filter((word) => word.startsWith('-'))
}

/** For a production server, before it reads any key. Throws `StartRefused`. */
export function closeOpenings(log: Pick<Logger, 'warn'>): void {
  process.on('SIGUSR1', (signal) => log.warn({ signal }, 'no inspector opens on a production server'))
  const [first] = exposedBy([...process.execArgv, ...optionsIn(process.env.NODE_OPTIONS)])
  if (first !== undefined) {
    throw new StartRefused(
      `Node was started with ${first.option}, which ${first.why}`,
      'Take it off the command line and out of NODE_OPTIONS. To debug: holdfast dev.',
    )
  }
  const variable = Object.keys(EXPOSING_VARIABLES).find((name) => process.env[name])
  if (variable !== undefined) {
    throw new StartRefused(
      `${variable} is set, which ${EXPOSING_VARIABLES[variable]}`,
      'Unset it. To debug: holdfast dev.',
    )
  }
  if (url() !== undefined) {
    throw new StartRefused(
      'an inspector is open: whoever reaches it has every key of this process',
      'Start it without. To debug: holdfast dev.',
    )
  }
}
