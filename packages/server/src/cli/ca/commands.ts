/** `holdfast ca`: an authority of one's own, for those who have none. */
import type { Command } from 'commander'
import { type AddCommands, CERTIFICATE_DAYS, examples, toDays, toDuration } from '../commands.ts'

/** Life of the authority's own certificate. */
const CA_DAYS = { fallback: 5 * 365, most: 10 * 365 }

export const addCaCommands: AddCommands = (program, outcome) => {
  const ca = program
    .command('ca')
    .helpCommand(false)
    .description('An authority of your own: certificates for servers and callers, renewal, revocation.')
  examples(ca, [
    ['holdfast ca init /root/ca', 'a new authority; its passphrase in /root/ca.passphrase'],
    ['holdfast ca issue --ca /root/ca --server dns:holdfast.example.org', 'server.pem and server-key.pem'],
    ['holdfast ca issue --ca /root/ca spiffe://example.org/wiki', 'wiki.pem and wiki-key.pem'],
    ['holdfast ca renew --ca /root/ca --due 30d wiki.pem', 'anew, in place, in its last 30 days'],
    ['holdfast ca revoke --ca /root/ca spiffe://example.org/wiki', 'onto the revocation list'],
  ])

  const init = ca
    .command('init')
    .description(
      'Make an authority: a P-256 key, wrapped by a passphrase, a certificate, a revocation list. Overwrites nothing.',
    )
    .argument('[folder]', 'where to make it', 'ca')
    .option('--name <name>', 'its common name (default: Holdfast CA and 8 hex digits)')
    .option('--days <days>', `life of the authority, at most ${CA_DAYS.most}`, toDays(CA_DAYS.most), CA_DAYS.fallback)
  passphrase(init).action(async (folder, options) => {
    outcome.code = await (await import('./init.ts')).initCa(folder, options)
  })
  examples(init, [['holdfast ca init /root/ca', '']])

  const issue = ca
    .command('issue')
    .description(
      'Issue a certificate. For a client: exactly one name, spiffe://domain/path or dns:host. For a server: dns:host and ip:address, up to 32.',
    )
    .argument('<names...>', 'what it is for')
    .option('--server', 'for a server; otherwise for a client')
    .option('--csr <file>', 'for the key of this certificate request (PEM); of all it says, the key alone counts')
    .option('--out <path>', 'writes PATH.pem and PATH-key.pem (default: "server", or the last part of the name)')
    .option(
      '--days <days>',
      `life of the certificate, at most ${CERTIFICATE_DAYS.most}`,
      toDays(CERTIFICATE_DAYS.most),
      CERTIFICATE_DAYS.fallback,
    )
  folder(issue).action(async (names, options) => {
    outcome.code = await (await import('./issue.ts')).issueCommand(names, options)
  })
  examples(issue, [
    [
      'holdfast ca issue --server dns:holdfast.example.org ip:192.0.2.7 --out tls/server',
      'tls/server.pem, tls/server-key.pem',
    ],
    ['holdfast ca issue spiffe://example.org/wiki --csr wiki.csr', 'wiki.pem, for a key that never left its machine'],
  ])

  const renew = ca
    .command('renew')
    .description(
      'Renew a certificate in place: the same names and life; a new key, or the key of a request. Without a file: the revocation list alone.',
    )
    .argument('[certificate]', 'its file, NAME.pem, with NAME-key.pem beside it unless --csr is given')
    .option('--due <time>', 'only in its last TIME, such as 30d; otherwise exit code 4', toDuration)
    .option('--csr <file>', 'for the key of this certificate request')
    .option('--days <days>', 'another life', toDays(CERTIFICATE_DAYS.most))
  folder(renew).action(async (certificate, options) => {
    outcome.code = await (await import('./renew.ts')).renewCommand(certificate, options)
  })
  examples(renew, [
    ['holdfast ca renew --due 30d tls/server.pem', 'for a timer, every day'],
    ['holdfast ca renew', 'a new revocation list'],
  ])

  const revoke = ca
    .command('revoke')
    .description('Revoke a certificate, for good: by serial number, by file, or all of a name.')
    .argument('<what>', 'a serial number, a file, or a name')
    .option('--yes', 'do not ask')
  folder(revoke).action(async (what, options) => {
    outcome.code = await (await import('./revoke.ts')).revokeCommand(what, options)
  })
  examples(revoke, [
    ['holdfast ca revoke spiffe://example.org/wiki', 'whatever it has that is not over'],
    ['holdfast ca revoke wiki.pem --yes', ''],
  ])

  const list = ca
    .command('list')
    .description('Show what the authority issued. Warns of what ends soon.')
    .option('--ca <folder>', 'the folder of the authority', 'ca')
    .option('--json', 'for programs: authority, revocationList, certificates; fields are only ever added')
    .action(async (options) => {
      outcome.code = (await import('./list.ts')).listCommand(options)
    })
  examples(list, [
    ['holdfast ca list --ca /root/ca', ''],
    ['holdfast ca list --json | jq \'.certificates[] | select(.state == "valid")\'', ''],
  ])
}

function folder(command: Command): Command {
  return passphrase(command.option('--ca <folder>', 'the folder of the authority', 'ca'))
}

function passphrase(command: Command): Command {
  return command.option('--passphrase-file <file>', 'the passphrase of its key (default: FOLDER.passphrase)')
}
