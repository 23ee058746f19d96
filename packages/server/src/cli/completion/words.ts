/** What may follow on a command line, from the same table of commands as the help, so that completion never lags behind. */
import type { Command } from 'commander'

export interface Word {
  /** A command, an option with its dashes, or a value to choose. */
  readonly word: string
  /** A few words for people; empty if there are none. */
  readonly about: string
}

/** By commands: each path (`''` for the program, then ` ca`, ` ca issue`) with the words that may follow it. */
export type Offers = ReadonlyMap<string, readonly Word[]>

export function offersOf(command: Command, path = ''): Offers {
  const below = command.commands as readonly Command[]
  const words: Word[] = [
    ...below.map((one) => ({ word: one.name(), about: brief(one.description()) })),
    ...command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []).map((word) => ({ word, about: '' })),
    ...command.options.map(({ long, short, description }) => ({ word: long ?? short!, about: brief(description) })),
    { word: '--help', about: 'print this help' },
  ]
  return new Map([[path, words], ...below.flatMap((one) => [...offersOf(one, `${path} ${one.name()}`)])])
}

/** The first clause: lists of completions are one line each. */
function brief(text: string): string {
  return text.replace(/(?:[.:;] |\.$).*/s, '')
}
