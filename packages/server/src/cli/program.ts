/**
 * The command line: one list of nouns, each of which adds its commands from its own folder. Nothing secret is ever taken
 * from an argument or the environment: `ps` and core dumps show both. What is asked for goes to standard output, messages
 * to standard error.
 */
import { Command, CommanderError } from 'commander'
import { version } from '../common/version.ts'
import { ConfigError } from '../config/problems.ts'
import { addCaCommands } from './ca/commands.ts'
import { addCallerCommands } from './caller/commands.ts'
import { addCassandraCommands } from './cassandra/commands.ts'
import { type AddCommands, examples, type Outcome } from './commands.ts'
import { addCompletionCommands } from './completion/commands.ts'
import { addConfigCommands } from './config/commands.ts'
import { addDoctorCommands } from './doctor/commands.ts'
import { EXIT, explain } from './exit.ts'
import { addKeysCommands } from './keys/commands.ts'
import { addServerCommands } from './server/commands.ts'

/** In the order of the help. */
const NOUNS: readonly AddCommands[] = [
  addServerCommands,
  addCaCommands,
  addCallerCommands,
  addKeysCommands,
  addCassandraCommands,
  addConfigCommands,
  addDoctorCommands,
  addCompletionCommands,
]

const EXIT_CODES = `
Exit codes:
  0  done, or stopped as asked
  1  fault
  2  the command line or the configuration is wrong
  3  refused
  4  nothing was due (ca renew --due)
  5  problems were found (doctor)`

/** All commands; docs/reference/cli.md is made from it. */
export function makeProgram(outcome: Outcome = { code: EXIT.stopped }): Command {
  const program = new Command('holdfast')
    .description('A narrow, sealed service for sessions: TLS only, every caller known, everything sealed at rest.')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .showSuggestionAfterError()
  examples(program, [
    ['holdfast dev', 'a server to try, on loopback, with everything it needs'],
    ['holdfast init /etc/holdfast', 'a commented configuration and a keyset'],
    ['holdfast serve --config /etc/holdfast/holdfast.yaml', 'the server'],
  ])
  program.addHelpText('after', EXIT_CODES)
  for (const addCommands of NOUNS) addCommands(program, outcome)
  hint(program, program.name())
  return program
}

/** After a mistake: where the help is of the very command that was meant. */
function hint(command: Command, words: string): void {
  command.showHelpAfterError(`(try \`${words} --help\`)`)
  for (const below of command.commands) hint(below as Command, `${words} ${below.name()}`)
}

/** Runs one command line; resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', unlessClosed)
  const outcome: Outcome = { code: EXIT.stopped }
  const program = makeProgram(outcome)
  try {
    if (args.length === 0) program.help({ error: true })
    await program.parseAsync(args, { from: 'user' })
    return outcome.code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.stopped : EXIT.usage
    const { text, code } = explain(error)
    const texts = error instanceof ConfigError ? error.problems : [text]
    process.stderr.write(texts.map((one) => `holdfast: ${one}\n`).join(''))
    return code
  }
}

/** Who read the output may have read enough (`| head`); that is no fault. */
function unlessClosed(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}
