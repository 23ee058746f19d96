/** `holdfast doctor`: what is wrong, and what mends it. */
import { type AddCommands, examples } from '../commands.ts'

export const addDoctorCommands: AddCommands = (program, outcome) => {
  const doctor = program
    .command('doctor')
    .description(
      'Look for whatever is wrong or will be: configuration, certificates, callers, keys, permissions, disk, clock, and the server if one runs. Each finding has the line that mends it. Changes nothing; exit code 5 if there is a problem.',
    )
    .requiredOption('--config <file>', 'the configuration')
    .option('--names <names...>', 'host names and addresses by which clients come: the certificate must be for them')
    .option('--strict', 'exit code 5 for warnings, too')
    .option(
      '--json',
      'for programs: { ok, findings: [{ check, level: ok|warning|problem, what, mend }] }; fields are only ever added',
    )
    .action(async (options) => {
      outcome.code = await (await import('./doctor.ts')).doctor(options)
    })
  examples(doctor, [
    ['sudo holdfast doctor --config /etc/holdfast/holdfast.yaml', ''],
    ['holdfast doctor --config holdfast.yaml --names holdfast.example.org', 'clients come by this name'],
    ['holdfast doctor --config holdfast.yaml --json | jq \'.findings[] | select(.level != "ok")\'', ''],
  ])
}
