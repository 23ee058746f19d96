/** `holdfast cassandra`: what the cluster of `engine.cassandra` needs before a server starts. */
import { InvalidArgumentError, Option } from 'commander'
import { type AddCommands, examples } from '../commands.ts'

export const addCassandraCommands: AddCommands = (program, outcome) => {
  const cassandra = program
    .command('cassandra')
    .helpCommand(false)
    .description('The Cassandra cluster of `engine.cassandra`: its keyspace, tables and roles.')
  examples(cassandra, [
    ['holdfast cassandra schema --config holdfast.yaml --replicas dc1=3,dc2=3 --print', 'for cqlsh'],
  ])

  const schema = cassandra
    .command('schema')
    .description(
      'Print or make the keyspace, its tables, and two roles: the one of the configuration, which reads and writes them, and another that may change them. Makes what is missing and changes nothing that is there. Passwords come from files and are never printed.',
    )
    .requiredOption('--config <file>', 'the configuration, which names keyspace, role and password file')
    .option('--replicas <list>', 'copies in each datacenter, such as dc1=3,dc2=3', toReplicas)
    .addOption(new Option('--print', 'the statements, for cqlsh').conflicts(['apply', 'admin', 'adminPasswordFile']))
    .option('--apply', 'make it, logged in as --admin')
    .option('--admin <role>', 'a role that may make keyspaces, tables and roles')
    .option('--admin-password-file <file>', 'its password, in a file for its owner alone')
    .option('--migrate <role>', 'name of the role that may change the tables', 'holdfast_migrate')
    .option('--migrate-password-file <file>', 'its password; without one --apply does not make this role')
    .action(async (options) => {
      outcome.code = await (await import('./schema.ts')).schemaCommand(options)
    })
  examples(schema, [
    ['holdfast cassandra schema --config holdfast.yaml --replicas dc1=3,dc2=3 --print', 'for cqlsh'],
    [
      'holdfast cassandra schema --config holdfast.yaml --replicas dc1=3 --apply --admin dba --admin-password-file dba-password',
      '',
    ],
  ])
}

function toReplicas(text: string): Record<string, number> {
  const pairs = text.split(',').map((pair) => /^([A-Za-z0-9._-]{1,64})=([1-9]\d?)$/.exec(pair))
  if (pairs.some((pair) => pair === null)) {
    throw new InvalidArgumentError('Expected DATACENTER=COPIES,… such as dc1=3,dc2=3.')
  }
  return Object.fromEntries(pairs.map((pair) => [pair![1]!, Number(pair![2])]))
}
