/**
 * The API's description as one page for people, made once from the OpenAPI document. No script and nothing from
 * elsewhere: it is served by the process that holds every session, so its policy forbids both.
 */
import { createHash } from 'node:crypto'

interface Described {
  readonly description?: string
}

interface Operation {
  readonly summary?: string
  readonly parameters?: readonly (Described & { readonly name: string; readonly in: string })[]
  readonly responses?: Readonly<Record<string, Described & { readonly headers?: Readonly<Record<string, Described>> }>>
}

/** The parts of an OpenAPI 3.1 document that the page shows. */
export interface ApiDocument {
  readonly info: Described & { readonly title: string; readonly version: string }
  readonly paths?: Readonly<Record<string, unknown>>
}

const METHODS = ['get', 'head', 'put', 'post', 'delete'] as const

const STYLE = `:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:3rem;font-family:ui-monospace,monospace;overflow-wrap:anywhere}
h3{margin-top:2rem}code{font-family:ui-monospace,monospace}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.4rem .8rem .4rem 0;border-top:1px solid color-mix(in srgb,currentColor 25%,transparent)}
td:first-child{white-space:nowrap}td p{margin:0 0 .4rem}a{color:inherit}`

/** The value of Content-Security-Policy for the page. */
export const DOCS_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** A whole HTML document. */
export function docsPage({ info, paths = {} }: ApiDocument): string {
  const places = Object.entries(paths).map(([path, item]) => {
    const operations = item as Readonly<Record<string, Operation | undefined>>
    const sections = METHODS.map((method) => operation(method, operations[method])).join('')
    return `<section><h2>${escaped(path)}</h2>${sections}</section>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(info.title)} ${escaped(info.version)}: the API</title><style>${STYLE}</style></head>
<body><main><h1>${escaped(info.title)} <small>${escaped(info.version)}</small></h1>
<p>${escaped(info.description ?? '')} The same for machines: <a href="openapi.json">openapi.json</a>.</p>
${places.join('\n')}</main></body></html>
`
}

function operation(method: string, described: Operation | undefined): string {
  if (described === undefined) return ''
  const asked = (described.parameters ?? []).map(
    (parameter) =>
      `<tr><td><code>${escaped(parameter.name)}</code> (${parameter.in})</td><td>${prose(parameter)}</td></tr>`,
  )
  const answers = Object.entries(described.responses ?? {}).map(([status, response]) => {
    const headers = Object.entries(response.headers ?? {}).map(
      ([name, header]) => `<p><code>${escaped(name)}</code>: ${inline(header.description ?? '')}</p>`,
    )
    return `<tr><td>${escaped(status)}</td><td>${prose(response)}${headers.join('')}</td></tr>`
  })
  return `<h3>${method.toUpperCase()}: ${escaped(described.summary ?? '')}</h3>${table('Request', asked)}${table('Answer', answers)}`
}

function table(head: string, rows: readonly string[]): string {
  return rows.length === 0 ? '' : `<table><tr><th colspan="2">${head}</th></tr>${rows.join('')}</table>`
}

/** A description: paragraphs, and code between backticks. */
function prose({ description = '' }: Described): string {
  return description
    .split('\n\n')
    .map((paragraph) => `<p>${inline(paragraph)}</p>`)
    .join('')
}

function inline(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>')
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character]!)
}
