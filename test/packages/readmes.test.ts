/** The tables in the packages' readmes say what the code says: no option or error more or less, and the same defaults. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as client from '../../packages/client/src/index.ts'
import { ROOT } from '../support/process.ts'

const PACKAGES = ['client', 'connect-holdfast', 'adapters']

interface Option {
  readonly name: string
  readonly required: boolean
  /** As its comment says. */
  readonly fallback: string | undefined
}

/** The options that an interface declares itself. */
function optionsOf(file: string, name: string): Option[] {
  const source = readFileSync(file, 'utf8')
  const body = new RegExp(`^export interface ${name}\\b[^{]*{\\n([\\s\\S]*?)^}`, 'm').exec(source)?.[1]
  assert.ok(body !== undefined, `${file} has no interface ${name}`)
  return Array.from(
    body.matchAll(/(?:\/\*\*([\s\S]*?)\*\/\s*)?readonly (\w+)(\??):/g),
    ([, says = '', option, open]) => ({
      name: option!,
      required: open === '',
      fallback: /Default (.+?)[.;](?:\s|$)/.exec(says)?.[1],
    }),
  )
}

/** The table that follows a mark: head and rows. */
function tableAfter(text: string, mark: string): { head: string[]; rows: string[][] } {
  const lines = text.slice(text.indexOf(mark) + mark.length).split('\n')
  const begin = lines.findIndex((line) => line.startsWith('|'))
  const end = lines.findIndex((line, n) => n > begin && !line.startsWith('|'))
  const [head, , ...rows] = lines.slice(begin, end).map((line) => {
    return line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
  })
  return { head: head!, rows }
}

const codes = (cell: string) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, name]) => name!)

for (const name of PACKAGES) {
  const folder = join(ROOT, 'packages', name)
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')
  const marks = [...readme.matchAll(/<!-- options: (\w+) of (\S+) -->/g)]

  describe(`packages/${name}/README.md`, () => {
    test('has tables of options', () => assert.ok(marks.length > 0))

    for (const [mark, options, file] of marks) {
      test(`the options of ${options}`, () => {
        const { head, rows } = tableAfter(readme, mark)
        const wanted = optionsOf(join(folder, file!), options!)
        assert.deepEqual(rows.flatMap(([first]) => codes(first!)).sort(), wanted.map((option) => option.name).sort())
        for (const { name: option, required, fallback } of wanted) {
          const row = rows.find(([first]) => codes(first!).includes(option))!
          if (fallback !== undefined) assert.ok(row.join(' ').includes(fallback), `${option}: default ${fallback}`)
          if (head[1] === 'default') assert.equal(row[1] === 'required', required, option)
        }
      })
    }
  })
}

test('the table of errors in packages/client/README.md', () => {
  const readme = readFileSync(join(ROOT, 'packages/client/README.md'), 'utf8')
  const { rows } = tableAfter(readme, '<!-- errors -->')
  const said = rows.map(([Class, , status]) => [codes(Class!)[0], Number(status)] as const)
  const classes = Object.entries(client).filter(([, value]) => {
    return value === client.HoldfastError || value.prototype instanceof client.HoldfastError
  }) as [string, typeof client.HoldfastError][]
  const wanted = classes.map(([name, Class]) => [name, new Class('code', 'message').status] as const)
  assert.deepEqual(said.toSorted(), wanted.toSorted())
})
