/**
 * The pages of docs/reference/, made from the code: the schema of the configuration, the table of problems, the table of
 * audit events, the command line, the metrics and the HTTP interface as the running parts describe themselves. A test
 * compares them with the files, so the reference cannot be out of date.
 */

import { REFUSALS } from '../packages/server/src/access/refusals.ts'
import { EVENTS, FIELDS, fieldsOf } from '../packages/server/src/audit/events.ts'
import { makeProgram } from '../packages/server/src/cli/program.ts'
import { PROBLEM_CODES, PROBLEMS, problemType } from '../packages/server/src/common/problems.ts'
import type { Field } from '../packages/server/src/config/fields.ts'
import { wanted } from '../packages/server/src/config/read.ts'
import { configFields } from '../packages/server/src/config/schema.ts'

/** Text of every page, by file name. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  const pages: [file: string, title: string, body: string][] = [
    ['configuration.md', 'Configuration', configuration()],
    ['errors.md', 'Errors', errors()],
    ['audit.md', 'Audit', audit()],
    ['cli.md', 'Command line', commandLine()],
  ]
  const note = '<!-- Made from the code by `npm run docs`. Change the code, not this page. -->'
  return new Map(pages.map(([file, title, body]) => [file, `# ${title}\n\n${note}\n\n${body.trim()}\n`]))
}

function configuration(): string {
  const intro = `\`holdfast init\` writes a commented file with every key. Relative paths begin at the folder of the file. Durations are written
\`500ms\`, \`10s\`, \`5m\`, \`12h\`, \`7d\`, \`1y\`, sizes \`512B\`, \`16KiB\`, \`4MiB\`, \`1GiB\`; a plain number is seconds or bytes. An unknown
key, a value out of its range and keys that contradict each other are errors with file, line and key; nothing starts.`
  const sections = Object.entries(configFields.properties!).map(([key, field]) => {
    const rows = keysOf(key, field, configFields.required!.includes(key))
    return `## ${key}\n\n${field.description}\n\n${table(['key', 'takes', 'default', 'meaning'], rows)}`
  })
  return [intro, ...sections].join('\n\n')
}

/** One row for each key that takes a value, below `key`. */
function keysOf(key: string, field: Field, required: boolean): string[][] {
  const inner = field.type === 'object' ? field : field.items?.type === 'object' ? field.items : undefined
  if (inner !== undefined) {
    const holder = inner === field ? key : `${key}[]`
    const rows = Object.entries(inner.properties ?? {}).flatMap(([name, property]) =>
      keysOf(`${holder}.${name}`, property, inner.required?.includes(name) ?? false),
    )
    return rows.length > 0 ? rows : [[code(key), wanted(field), fallback(field, required), field.description!]]
  }
  const takes = field.items === undefined ? wanted(field) : `a list: ${wanted(field.items)}`
  return [[code(key), takes, fallback(field, required), meaning(field)]]
}

function fallback(field: Field, required: boolean): string {
  if (field.default !== undefined)
    return code(Array.isArray(field.default) ? JSON.stringify(field.default) : String(field.default))
  return required ? 'required' : 'absent'
}

function meaning({ description, items }: Field): string {
  return items?.description === undefined ? description! : `${description} Each: ${items.description}`
}

function errors(): string {
  const intro = `An error is \`application/problem+json\` (RFC 9457) with \`type\`, \`title\`, \`detail\`, \`instance\`, \`code\` and \`status\`. \`instance\` is
\`urn:uuid:\` and the request id, never the path, because the path holds the key. A code keeps its meaning. \`Retry-After\` is in seconds.`
  const rows = PROBLEM_CODES.map((name) => {
    const { status, title, detail, retryAfter } = PROBLEMS[name]
    return [anchor(name), String(status), title, detail, retryAfter === undefined ? '' : String(retryAfter)]
  })
  const types = PROBLEM_CODES.map((name) => [code(name), code(problemType(name))])
  return [
    intro,
    table(['code', 'status', 'title', 'what is wrong', 'Retry-After'], rows),
    '## Types\n\nThe four errors that Kask has keep its type, so that its clients recognise them.',
    table(['code', 'type'], types),
  ].join('\n\n')
}

function audit(): string {
  const intro = `One JSON object a line, with \`"audit":true\`, \`time\` and \`event\`, on standard output or in \`audit.file\`. No line ever holds a key, a
value, a secret, a whole address or a URL. Bounded events are counted once they come too fast (\`suppressed\`); endings are never bounded.`
  const events = Object.entries(EVENTS).map(([name, { says, bounded }]) => {
    const fields = fieldsOf(name as keyof typeof EVENTS)
    return [code(name), says, fields.map(code).join(' '), bounded ? 'yes' : 'no']
  })
  const fields = Object.entries(FIELDS).map(([name, { kind, says }]) => [code(name), kind, says])
  const rules = Object.entries(REFUSALS).map(([name, says]) => [code(name), says])
  return [
    intro,
    `## Events\n\n${table(['event', 'meaning', 'fields', 'bounded'], events)}`,
    `## Fields\n\n${table(['field', 'type', 'meaning'], fields)}`,
    `## Rules\n\nWhat \`rule\` of a refusal says.\n\n${table(['rule', 'meaning'], rules)}`,
  ].join('\n\n')
}

/** The help of every command, as the program prints it. */
function commandLine(): string {
  const program = makeProgram()
  const pages = [program, ...program.commands].map((command) => {
    let help = ''
    command.configureOutput({
      writeOut: (text) => {
        help += text
      },
      getOutHelpWidth: () => 110,
    })
    command.outputHelp()
    return `## ${command === program ? 'holdfast' : `holdfast ${command.name()}`}\n\n\`\`\`\n${help.trim()}\n\`\`\``
  })
  return pages.join('\n\n')
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const code = (text: string) => `\`${text}\``
/** A place that a link can name. */
const anchor = (name: string) => `<a id="${name}"></a>${code(name)}`
