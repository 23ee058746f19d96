/** The server's own commands: one to try it, one that makes its files, one that runs it. */
import { type AddCommands, examples, toPort } from '../commands.ts'

export const addServerCommands: AddCommands = (program, outcome) => {
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
      outcome.code = await (await import('../dev.ts')).dev(options)
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
      outcome.code = await (await import('../init.ts')).init(folder)
    })
  examples(init, [['holdfast init /etc/holdfast', '']])

  const serve = program
    .command('serve')
    .description('Start the server.')
    .requiredOption('--config <file>', 'the configuration')
    .action(async (options) => {
      outcome.code = await (await import('../serve.ts')).serve(options.config)
    })
  examples(serve, [['holdfast serve --config /etc/holdfast/holdfast.yaml', '']])
}
