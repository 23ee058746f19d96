/**
 * What is wrong with a configuration, told so that it can be mended: file, line, key, what was expected. All problems
 * are collected and told at once.
 */

/** Start-up stops with exit code 2: the configuration or the command line asks for something that cannot be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** One line each. */
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** Start-up stops with exit code 3: everything is well-formed, and still must not run. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused'
  /** What the operator can do about it. */
  readonly hint: string
  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** The one of `known` that a person probably meant, or undefined if none is near. */
export function closest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((name) => ({ name, away: distance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.away - b.away)
  const best = ranked[0]
  return best !== undefined && best.away <= Math.min(3, Math.ceil(best.name.length / 2)) ? best.name : undefined
}

/** Edits between two words: insert, drop, replace (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
