/** `holdfast completion SHELL`: a script for the shell, on standard output. */
import { Argument } from 'commander'
import { type AddCommands, examples } from '../commands.ts'
import { SCRIPTS } from './scripts.ts'
import { offersOf } from './words.ts'

export const addCompletionCommands: AddCommands = (program) => {
  const completion = program
    .command('completion')
    .description('Print a script that completes command lines in a shell.')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SCRIPTS)))
    .action((shell: string) => {
      process.stdout.write(SCRIPTS[shell]!(program.name(), offersOf(program)))
    })
  examples(completion, [
    ['source <(holdfast completion bash)', 'in ~/.bashrc'],
    ['source <(holdfast completion zsh)', 'in ~/.zshrc, after compinit'],
    ['holdfast completion fish | source', 'in ~/.config/fish/config.fish'],
  ])
}
