/**
 * Completion scripts, one for each shell, of the words that ./words.ts finds. Each walks the words before the cursor from
 * command to command, skipping what is no command below the last one, and offers what may follow there; where nothing
 * fits, the shell offers files. They know words only: no file is read and no program run while somebody types.
 */
import type { Offers, Word } from './words.ts'

type Script = (name: string, offers: Offers) => string

export const SCRIPTS: Readonly<Record<string, Script>> = { bash, zsh, fish }

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
const commandsIn = (offers: Offers) => [...offers.keys()].filter((path) => path !== '').map(quoted)

/** Lines of a `case` of bash and zsh. */
function cases(offers: Offers, line: (words: readonly Word[]) => string): string {
  return [...offers].map(([path, words]) => `    ${quoted(path)}) ${line(words)} ;;`).join('\n')
}

function bash(name: string, offers: Offers): string {
  return `# In ~/.bashrc:  source <(${name} completion bash)
_${name}() {
  local at='' words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
      ${commandsIn(offers).join(' | ')}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at" in
${cases(offers, (words) => `words=${quoted(words.map(({ word }) => word).join(' '))}`)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${name} ${name}
`
}

function zsh(name: string, offers: Offers): string {
  const described = ({ word, about }: Word) => quoted(about === '' ? word : `${word}:${about}`)
  return `# In ~/.zshrc, after compinit:  source <(${name} completion zsh)
_${name}() {
  local at='' i
  local -a offered
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
      ${commandsIn(offers).join(' | ')}) at="$at \${words[i]}" ;;
    esac
  done
  case "$at" in
${cases(offers, (words) => `offered=(${words.map(described).join(' ')})`)}
  esac
  _describe ${name} offered || _files
}
compdef _${name} ${name}
`
}

function fish(name: string, offers: Offers): string {
  const escaped = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`
  const paths = [...offers.keys()]
  const line = (path: string) => {
    // Where a command must follow, no file may.
    const files = paths.some((one) => one.startsWith(`${path} `)) ? ' -f' : ''
    return ({ word, about }: Word) => {
      const what = `${word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`}${files}`
      return `complete -c ${name} -n ${escaped(`__${name}_at '${path}'`)} ${what} -d ${escaped(about)}`
    }
  }
  return `# In ~/.config/fish/config.fish:  ${name} completion fish | source
function __${name}_at
  set -l at ''
  for word in (commandline -opc)[2..-1]
    contains -- "$at $word" ${commandsIn(offers).join(' ')}
    and set at "$at $word"
  end
  test "$at" = "$argv[1]"
end
${[...offers].flatMap(([path, words]) => words.map(line(path))).join('\n')}
`
}
