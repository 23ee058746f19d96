/** `holdfast config`: a configuration as the server sees it, without a server. */
import type { Command } from 'commander'
import { type AddCommands, examples } from '../commands.ts'

export const addConfigCommands: AddCommands = (program, outcome) => {
  const config = program.command('config').helpCommand(false).description('A configuration, as the server sees it.')
  examples(config, [
    ['holdfast config check --config holdfast.yaml', 'whatever a start would refuse'],
    ['holdfast config show --config holdfast.yaml', 'with all defaults'],
    ['holdfast config explain --config holdfast.yaml spiffe://example.org/wiki', 'what it may do, and why'],
  ])

  const show = config
    .command('show')
    .description('Print the configuration with all defaults, as YAML, without secrets.')
  of(show, 'the same keys and values, as JSON').action(async (options) => {
    outcome.code = (await import('./show.ts')).showConfig(options.config, options.json === true)
  })
  examples(show, [['holdfast config show --config holdfast.yaml --json | jq .limits', '']])

  const check = config
    .command('check')
    .description(
      'Check whatever a start looks at, but for the storage and the ports: the file, certificates, keys, lists, the keyset. All problems at once; exit code 2 if there is one.',
    )
  of(check, '{ ok, problems: [text], warnings: [text] }').action(async (options) => {
    outcome.code = await (await import('./check.ts')).checkConfig(options.config, options.json === true)
  })
  examples(check, [['holdfast config check --config holdfast.yaml && systemctl reload holdfast', '']])

  const explain = config
    .command('explain')
    .description('Show what a caller may do in each store, and the line of the grant that says so.')
    .argument('<caller>', 'spiffe://domain/path, dns:host or basic:name')
    .option('--from <address>', 'for a connection from this address')
  of(explain, '{ caller, stores: [{ store, operations: { read: { decision, places } } }] }').action(
    async (caller, options) => {
      outcome.code = (await import('./explain.ts')).explainCaller(caller, options)
    },
  )
  examples(explain, [
    ['holdfast config explain --config holdfast.yaml spiffe://example.org/wiki', ''],
    ['holdfast config explain --config holdfast.yaml basic:legacy-wiki --from 192.0.2.7', 'or wrong-network'],
  ])
}

function of(command: Command, json: string): Command {
  return command
    .requiredOption('--config <file>', 'the configuration')
    .option('--json', `for programs: ${json}; fields are only ever added`)
}
