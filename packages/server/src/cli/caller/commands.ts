/** `holdfast caller`: those who call the server. */
import { type AddCommands, CERTIFICATE_DAYS, examples, toDays } from '../commands.ts'

export const addCallerCommands: AddCommands = (program, outcome) => {
  const caller = program.command('caller').helpCommand(false).description('Those who call the server.')
  examples(caller, [
    ['holdfast caller add spiffe://example.org/wiki', 'wiki-key.pem, wiki.csr, and the lines for holdfast.yaml'],
  ])

  const add = caller
    .command('add')
    .description(
      'Make what a caller needs, and print the lines for holdfast.yaml: for spiffe://… and dns:… a key and a certificate request, or with --ca the certificate; for basic:NAME a secret, in a file.',
    )
    .argument('<name>', 'spiffe://domain/path, dns:host or basic:name')
    .option('--stores <paths...>', 'stores that it may use', ['sessions'])
    .option('--operations <operations...>', 'what it may do there: read, write, end', ['read', 'write', 'end'])
    .option('--networks <networks...>', 'from where alone, such as 10.0.0.0/8 (default: from anywhere)')
    .option('--out <path>', 'begins the names of the files (default: the last part of the name)')
    .option('--ca <folder>', 'issue the certificate at once, with the authority in this folder')
    .option('--passphrase-file <file>', 'the passphrase of its key (default: FOLDER.passphrase)')
    .option(
      '--days <days>',
      `life of the certificate, at most ${CERTIFICATE_DAYS.most}`,
      toDays(CERTIFICATE_DAYS.most),
      CERTIFICATE_DAYS.fallback,
    )
    .action(async (name, options) => {
      outcome.code = await (await import('./add.ts')).addCaller(name, options)
    })
  examples(add, [
    ['holdfast caller add spiffe://example.org/wiki --stores sessions echoseen', 'a key and a request'],
    ['holdfast caller add spiffe://example.org/wiki --ca /root/ca', 'a key and a certificate'],
    ['holdfast caller add basic:legacy-wiki >> lines.yaml', 'legacy-wiki.secret; the lines have its SHA-256'],
  ])
}
