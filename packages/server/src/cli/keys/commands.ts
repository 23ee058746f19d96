/** `holdfast keys`: the sealing keys of a keyset file, from the one that is added to the one that is given up. */
import { type Command, InvalidArgumentError } from 'commander'
import { type AddCommands, examples } from '../commands.ts'

export const addKeysCommands: AddCommands = (program, outcome) => {
  const keys = program
    .command('keys')
    .helpCommand(false)
    .description('The keys that seal the stores: rotation, and the passphrase that wraps them.')
  examples(keys, [
    ['holdfast keys list --config holdfast.yaml', 'the keys, and which instances hold them'],
    ['holdfast keys add --config holdfast.yaml', 'a new one; prints its id'],
    ['holdfast keys promote --config holdfast.yaml 2870461563', 'from now on it seals'],
    ['holdfast keys disable --config holdfast.yaml 1719283746', 'the one before, when nothing of it lives'],
    ['holdfast keys rewrap --config holdfast.yaml --passphrase-file new', 'another passphrase'],
  ])

  const list = keys
    .command('list')
    .description('Show the keys of the file, and on how many of the living instances each opens and seals.')
  of(list)
    .option('--json', 'for programs: file, keys, instances or problem; fields are only ever added')
    .action(async (options) => {
      outcome.code = await (await import('./list.ts')).listKeys(options)
    })
  examples(list, [['holdfast keys list --config holdfast.yaml --json | jq .keys', '']])

  const add = keys.command('add').description('Add a new key, enabled: it opens, and seals nothing yet. Prints its id.')
  of(add).action(async (options) => {
    outcome.code = await (await import('./add.ts')).addKey(options)
  })
  examples(add, [['holdfast keys add --config holdfast.yaml', '']])

  const promote = keys
    .command('promote')
    .description('Make a key the primary: it seals from then on. Refused until every living instance has it enabled.')
  one(promote).action(async (id, options) => {
    outcome.code = await (await import('./promote.ts')).promoteKey(id, options)
  })
  examples(promote, [['holdfast keys promote --config holdfast.yaml 2870461563', '']])

  const disable = keys
    .command('disable')
    .description(
      'Disable a key: what is still sealed with it no longer opens. Refused until nothing of it can live, and while an instance seals with it.',
    )
  one(disable)
    .option('--lose', 'also while records live that are sealed with it: they are lost')
    .option('--yes', 'do not ask')
    .action(async (id, options) => {
      outcome.code = await (await import('./disable.ts')).disableKey(id, options)
    })
  examples(disable, [
    ['holdfast keys disable --config holdfast.yaml 1719283746', ''],
    ['holdfast keys disable --config holdfast.yaml 1719283746 --lose', 'it leaked: whoever it sealed logs in again'],
  ])

  const enable = keys.command('enable').description('Take back `disable`: what is sealed with the key opens again.')
  one(enable).action(async (id, options) => {
    outcome.code = await (await import('./disable.ts')).enableKey(id, options)
  })
  examples(enable, [['holdfast keys enable --config holdfast.yaml 1719283746', '']])

  const rewrap = keys
    .command('rewrap')
    .description('Wrap the same keys by another passphrase. The one before opens the file no more.')
  of(rewrap)
    .requiredOption('--passphrase-file <file>', 'the new passphrase, in a file for its owner alone')
    .action(async (options) => {
      outcome.code = await (await import('./rewrap.ts')).rewrapKeys(options)
    })
  examples(rewrap, [
    ['holdfast keys rewrap --config holdfast.yaml --passphrase-file new', 'prints what is to be changed next'],
  ])
}

function of(command: Command): Command {
  return command.requiredOption('--config <file>', 'the configuration, which names the keyset')
}

function one(command: Command): Command {
  return of(command.argument('<id>', 'of the key', toKeyId))
}

function toKeyId(text: string): number {
  const id = Number(text)
  if (/^[1-9]\d{0,9}$/.test(text) && id <= 0xffffffff) return id
  throw new InvalidArgumentError('A key id is a whole number from 1 to 4294967295; see: holdfast keys list')
}
