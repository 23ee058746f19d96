/** Completion as each shell does it: the script is sourced by the real one, and asked for what may follow. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporary } from '../../../test/cli.ts'
import { makeProgram } from '../program.ts'
import { SCRIPTS } from './scripts.ts'
import { offersOf } from './words.ts'

const program = makeProgram()
const scriptOf = (shell: string) => SCRIPTS[shell]!(program.name(), offersOf(program))

function ask(command: string, ...args: string[]): string[] {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 })
  assert.equal(status, 0, stderr)
  assert.equal(stderr, '')
  return stdout.split('\n').filter((word) => word !== '')
}

/** What the shell offers after these words; the last is the one being typed. */
const SHELLS: Readonly<Record<string, (...words: string[]) => string[]>> = {
  bash(...words) {
    const line = words.map((word) => `'${word}'`).join(' ')
    const asked = `COMP_WORDS=(holdfast ${line}); COMP_CWORD=${words.length}; _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`
    return ask('bash', '--norc', '-c', `${scriptOf('bash')}\n${asked}`)
  },
  zsh(...words) {
    const line = words.map((word) => `'${word}'`).join(' ')
    // What compinit would define; the matching is zsh's own, and tested once below.
    const given = `compdef() { }; _describe() { print -l -- "\${(@P)2}" }`
    const asked = `words=(holdfast ${line}); CURRENT=${words.length + 1}; _holdfast`
    const offered = ask('zsh', '-f', '-c', `${given}\n${scriptOf('zsh')}\n${asked}`)
    return offered.map((word) => word.replace(/:.*/, '')).filter((word) => word.startsWith(words.at(-1)!))
  },
  fish(...words) {
    const asked = `complete -C 'holdfast ${words.join(' ')}'`
    const offered = ask('fish', '--no-config', '-c', `${scriptOf('fish')}\n${asked}`).map((word) =>
      word.replace(/\t.*/, ''),
    )
    if (words.at(-1) !== '') return offered
    // Fish offers options once a dash is typed.
    const dashed = ask('fish', '--no-config', '-c', `${scriptOf('fish')}\n${asked.replace(/'$/, "--'")}`)
    return [...offered, ...dashed.map((word) => word.replace(/\t.*/, ''))]
  },
}

const missing = (shell: string) => spawnSync(shell, ['--version']).status !== 0 && `no ${shell} here`

for (const [shell, complete] of Object.entries(SHELLS)) {
  describe(shell, { skip: missing(shell) }, () => {
    test('commands, their options, and nothing of others', () => {
      const top = complete('')
      for (const { word } of offersOf(program).get('')!) assert.ok(top.includes(word), word)
      assert.deepEqual(complete('se'), ['serve'])
      assert.deepEqual(complete('serve', '--c'), ['--config'])
      assert.ok(complete('dev', '').includes('--memory'))
      assert.ok(!complete('serve', '').includes('--memory'))
      assert.ok(complete('keys', '').includes('promote'))
    })

    test('values that are to be chosen', () => {
      const offered = complete('completion', '')
      for (const one of Object.keys(SHELLS)) assert.ok(offered.includes(one), one)
    })

    test('a value that is named like a command below it is not taken for one', () => {
      assert.deepEqual(complete('serve', '--config', 'dev', '--c'), ['--config'])
    })

    test('a word that is no command offers what the command before it offers', () => {
      assert.deepEqual(complete('nonsense', 'ini'), ['init'])
    })
  })
}

test('every shell that the command knows is tested', () => {
  assert.deepEqual(Object.keys(SCRIPTS), Object.keys(SHELLS))
})

test('zsh at a terminal: a tab completes a command, another its option', { skip: missing('zsh') }, (t) => {
  const folder = temporary(t)
  writeFileSync(join(folder, 'script'), scriptOf('zsh'))
  const prepare = `autoload -Uz compinit && compinit -D -u && source ${folder}/script`
  const drive = `zmodload zsh/zpty
zpty shell 'TERM=dumb exec zsh -f -i'
zpty -w shell '${prepare} && holdfast() { print -r -- "r""an: $*." } && print re"ad"y'
zpty -r shell said '*ready*'
zpty -w shell $'holdfast doc\t --stri\t'
zpty -r shell said '*ran: *.*'
print -r -- $said`
  assert.match(ask('zsh', '-f', '-c', drive).join('\n'), /ran: doctor --strict\./)
})
