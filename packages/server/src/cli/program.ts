/**
 * The command line, as a table of commands: what each is called, what it takes, what it answers. Nothing secret is ever
 * taken from an argument or the environment: `ps` and core dumps show both. Messages go to standard error.
 */
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { version } from '../common/version.ts'
import { EXIT, explain } from './exit.ts'

const EXIT_CODES = `
Exit codes:
  0  stopped as asked
  1  fault
  2  the command line or the configuration is wrong
  3  refused to start`

/** All commands; docs/reference/cli.md is made from it. Actions end by setting `outcome.code`. */
export function makeProgram(outcome: { code: number } = { code: EXIT.stopped }): Command {
  const program = new Command('holdfast')
    .description('A narrow, sealed service for sessions: TLS only, every caller known, everything sealed at rest.')
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('(try `holdfast --help`)')
  examples(program, [
    ['holdfast dev', 'a server to try, on loopback, with everything it needs'],
    ['holdfast init /etc/holdfast', 'a commented configuration and a keyset'],
    ['holdfast serve --config /etc/holdfast/holdfast.yaml', 'the server'],
  ])
  program.addHelpText('after', EXIT_CODES)

  const dev = program
    .command('dev')
    .description(
      'Start a server to try things, on loopback only. Makes keys, certificates and a database on first start.',
    )
    .option('--port <port>', 'port of the stores', toPort, 8443)
    .option('--admin-port <port>', 'port of probes and metrics (default: port + 1)', toPort)
    .option('--data <folder>', 'where keys/, tls/ and db/ are', '.holdfast')
    .option('--host <host>', 'loopback only: 127.0.0.1, ::1 or localhost', '127.0.0.1')
    .option('--memory', 'keep records in memory only: all are lost when it stops')
    .action(async (options) => {
      outcome.code = await (await import('./dev.ts')).dev(options)
    })
  examples(dev, [
    ['holdfast dev', 'https://localhost:8443, data in ./.holdfast'],
    ['holdfast dev --port 9443 --data /tmp/holdfast', 'another port, another folder'],
  ])

  const init = program
    .command('init')
    .description('Write a commented configuration, a passphrase file and a keyset wrapped by it. Overwrites nothing.')
    .argument('[folder]', 'where to write', '.')
    .action(async (folder) => {
      outcome.code = await (await import('./init.ts')).init(folder)
    })
  examples(init, [['holdfast init /etc/holdfast', '']])

  const serve = program
    .command('serve')
    .description('Start the server.')
    .requiredOption('--config <file>', 'the configuration')
    .action(async (options) => {
      outcome.code = await (await import('./serve.ts')).serve(options.config)
    })
  examples(serve, [['holdfast serve --config /etc/holdfast/holdfast.yaml', '']])
  return program
}

/** Runs one command line; resolves with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const outcome: { code: number } = { code: EXIT.stopped }
  const program = makeProgram(outcome)
  try {
    if (args.length === 0) program.help({ error: true })
    await program.parseAsync(args, { from: 'user' })
    return outcome.code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.stopped : EXIT.usage
    const { text, code } = explain(error)
    process.stderr.write(`holdfast: ${text}\n`)
    return code
  }
}

function examples(command: Command, rows: readonly [line: string, what: string][]): void {
  const width = Math.max(...rows.map(([line]) => line.length))
  const lines = rows.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`.trimEnd())
  command.addHelpText('beforeAll', (context) => (context.command === command ? `Examples:\n${lines.join('\n')}\n` : ''))
}

function toPort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.')
  return port
}
