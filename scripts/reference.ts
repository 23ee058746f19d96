/**
 * The pages of docs/reference/, made from the code: the schema of the configuration, the table of problems, the table of
 * audit events, the command line, the metrics and the HTTP interface as the running parts describe themselves. A test
 * compares them with the files, so the reference cannot be out of date.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { REFUSALS } from '../packages/server/src/access/refusals.ts'
import { EVENTS, FIELDS } from '../packages/server/src/audit/events.ts'
import { makeProgram } from '../packages/server/src/cli/program.ts'
import { PROBLEM_CODES, PROBLEMS, problemType } from '../packages/server/src/common/problems.ts'
import { version } from '../packages/server/src/common/version.ts'
import type { Field } from '../packages/server/src/config/fields.ts'
import { wanted } from '../packages/server/src/config/read.ts'
import { configFields } from '../packages/server/src/config/schema.ts'
import { EmbeddedEngine } from '../packages/server/src/engines/embedded/embedded-engine.ts'
import { MemoryEngine } from '../packages/server/src/engines/memory/memory-engine.ts'
import { Health } from '../packages/server/src/http/health.ts'
import { InstanceMetrics } from '../packages/server/src/http/instance-metrics.ts'
import { Limits } from '../packages/server/src/http/limits.ts'
import { Metrics } from '../packages/server/src/http/metrics.ts'
import { createPublic } from '../packages/server/src/http/public.ts'

/** Text of every page, by file name. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  const pages: [file: string, title: string, body: string][] = [
    ['configuration.md', 'Configuration', configuration()],
    ['http.md', 'HTTP', await http()],
    ['errors.md', 'Errors', errors()],
    ['metrics.md', 'Metrics', await metrics()],
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
  const events = Object.entries(EVENTS).map(([name, { says, always, sometimes, bounded }]) => {
    return [code(name), says, always.map(code).join(' '), sometimes.map(code).join(' '), bounded ? 'yes' : 'no']
  })
  const fields = Object.entries(FIELDS).map(([name, { kind, says }]) => [code(name), kind, says])
  const rules = Object.entries(REFUSALS).map(([name, says]) => [code(name), says])
  return [
    intro,
    `## Events\n\n${table(['event', 'meaning', 'always has', 'has where it is known', 'bounded'], events)}`,
    `## Fields\n\n${table(['field', 'type', 'meaning'], fields)}`,
    `## Rules\n\nWhat \`rule\` of a refusal says.\n\n${table(['rule', 'meaning'], rules)}`,
  ].join('\n\n')
}

/** The stores' routes and the service's own, from the document that /openapi.json answers. */
async function http(): Promise<string> {
  const health = new Health(new MemoryEngine())
  const app = await createPublic({ health, version, base: '/', fault: () => {} })
  const { paths } = (await app.inject('/openapi.json')).json() as { paths: Paths }
  await app.close()
  const intro = `The same as \`/openapi.json\`, which the server answers together with \`/docs\`. Every connection is TLS with a client certificate, or on
the basic listener with a secret in each request. Errors are explained in [errors](errors.md).`
  const parts = Object.entries(paths).flatMap(([path, { parameters = [], ...methods }]) =>
    Object.entries(methods).map(([method, operation]) => {
      const takes = [...parameters, ...(operation.parameters ?? [])].map((one) => [
        code(one.name),
        one.in,
        one.description,
      ])
      const answers = Object.entries(operation.responses ?? {}).map(([status, { description, headers = {} }]) => {
        return [status, codesOrWords(description), Object.keys(headers).map(code).join(' ')]
      })
      return [
        `## ${method.toUpperCase()} ${path}\n\n${operation.summary}.`,
        ...(takes.length > 0 ? [table(['parameter', 'in', 'meaning'], takes)] : []),
        table(['answer', 'meaning', 'headers'], answers),
      ].join('\n\n')
    }),
  )
  return [intro, ...parts].join('\n\n')
}

/** A description that lists problems becomes links to them. */
function codesOrWords(description: string): string {
  const codes = [...description.matchAll(/^`([\w-]+)`: /gm)].map(([, name]) => `[${code(name!)}](errors.md#${name})`)
  return codes.length > 0 ? codes.join(' ') : description
}

interface Operation {
  readonly summary: string
  readonly parameters?: readonly Parameter[]
  readonly responses?: Readonly<Record<string, { readonly description: string; readonly headers?: object }>>
}
interface Parameter {
  readonly name: string
  readonly in: string
  readonly description: string
}
type Paths = Readonly<
  Record<string, Readonly<Record<string, Operation>> & { readonly parameters?: readonly Parameter[] }>
>

/** What the registry of a server holds that runs on the embedded engine. */
async function metrics(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-docs-'))
  const engine = new EmbeddedEngine({ file: join(folder, 'db.sqlite') })
  await engine.open([])
  const { registry } = new Metrics({ stores: [], callers: [], version, limits: new Limits(LIMITS) })
  const records = { keyUsage: () => [] }
  await InstanceMetrics.register({ registry, engine, records, audit: { failed: 0 }, certificates: () => [] })
  await engine.close()
  rmSync(folder, { recursive: true })
  const rows = registry
    .getMetricsAsArray()
    .map((metric) => metric as unknown as MetricRow)
    .filter(({ name }) => !/^(nodejs|process)_/.test(name))
    .map(({ name, type, help, labelNames = [] }) => [code(name), type ?? 'gauge', labelNames.map(code).join(' '), help])
  const intro = `\`/metrics\` on the admin listener, in the text format of Prometheus. \`http_*\` and \`kask_build_info\` are Kask's, name by name and
label by label. Labels come from the configuration and from fixed lists, so no client can make new ones; a caller that no grant
names is \`unknown\`, a method that is not served \`other\`. Beside these there are the usual \`process_*\` and \`nodejs_*\`.`
  return `${intro}\n\n${table(['metric', 'type', 'labels', 'meaning'], rows)}`
}

interface MetricRow {
  readonly name: string
  readonly type?: string
  readonly help: string
  readonly labelNames?: readonly string[]
}

/** No figure of them is shown. */
const LIMITS = {
  requests: 1,
  requestsPerCaller: 1,
  requestsSaturated: 1,
  connections: 1,
  connectionsPerCaller: 1,
  bodyBytes: 1,
  bodyBytesPerCaller: 1,
}

/** The help of every command, as the program prints it. */
function commandLine(): string {
  const pages = commandsBelow(makeProgram(), 'holdfast').map(({ command, words }) => {
    let help = ''
    command.configureOutput({
      writeOut: (text) => {
        help += text
      },
      getOutHelpWidth: () => 110,
    })
    command.outputHelp()
    return `## ${words}\n\n\`\`\`\n${help.trim()}\n\`\`\``
  })
  return pages.join('\n\n')
}

type Command = ReturnType<typeof makeProgram>

/** A command and all below it, each with the words that call it. */
function commandsBelow(command: Command, words: string): { command: Command; words: string }[] {
  return [{ command, words }, ...command.commands.flatMap((below) => commandsBelow(below, `${words} ${below.name()}`))]
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const code = (text: string) => `\`${text}\``
/** A place that a link can name. */
const anchor = (name: string) => `<a id="${name}"></a>${code(name)}`
