/**
 * What OpenAPI 3.1 demands of a document, as a grammar of the objects that a description like ours is made of: which
 * fields each may have, must have, and of which kind. Stricter than the specification in one thing: fields that it has
 * and this table has not are refused too, so that nothing goes unchecked.
 */

/** Says what is wrong with a value, each with its place. */
type Rule = (value: unknown, at: string) => string[]
type Fields = Readonly<Record<string, Rule>>
type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const wrong = (at: string, what: string) => [`${at}: ${what}`]

const text: Rule = (value, at) => (typeof value === 'string' ? [] : wrong(at, 'not a text'))
const flag: Rule = (value, at) => (typeof value === 'boolean' ? [] : wrong(at, 'neither true nor false'))
const number: Rule = (value, at) => (typeof value === 'number' ? [] : wrong(at, 'not a number'))
const anything: Rule = () => []
const matching =
  (pattern: RegExp): Rule =>
  (value, at) =>
    typeof value === 'string' && pattern.test(value) ? [] : wrong(at, `${value} is not ${pattern}`)
const list =
  (rule: Rule): Rule =>
  (value, at) => {
    if (!Array.isArray(value)) return wrong(at, 'not a list')
    const twice = new Set(value.map((item) => JSON.stringify(item))).size < value.length ? wrong(at, 'one twice') : []
    return [...twice, ...value.flatMap((item, index) => rule(item, `${at}[${index}]`))]
  }
const map =
  (rule: Rule, names = /^/): Rule =>
  (value, at) => {
    if (!isObject(value)) return wrong(at, 'not an object')
    return Object.entries(value).flatMap(([name, one]) => [
      ...(names.test(name) ? [] : wrong(at, `${name} is not ${names}`)),
      ...rule(one, `${at}/${name}`),
    ])
  }
const object =
  (required: Fields, optional: Fields, also: (value: Json, at: string) => string[] = () => []): Rule =>
  (value, at) => {
    if (!isObject(value)) return wrong(at, 'not an object')
    const missing = Object.keys(required).filter((name) => !(name in value))
    const fields = Object.entries(value).flatMap(([name, one]) => {
      const rule = required[name] ?? optional[name]
      return rule === undefined ? wrong(at, `has no field ${name}`) : rule(one, `${at}/${name}`)
    })
    return [...missing.flatMap((name) => wrong(at, `lacks ${name}`)), ...fields, ...also(value, at)]
  }
/** Rules that name each other. */
const later =
  (rule: () => Rule): Rule =>
  (value, at) =>
    rule()(value, at)

/** JSON Schema 2020-12, of which 3.1 is a dialect. */
const schema: Rule = later(() =>
  object(
    {},
    {
      $ref: matching(/^#\/components\/schemas\/[\w.-]+$/),
      type: matching(/^(null|boolean|object|array|number|string|integer)$/),
      enum: list(anything),
      const: anything,
      anyOf: list(schema),
      properties: map(schema),
      required: list(text),
      items: schema,
      format: text,
      pattern: text,
      minimum: number,
      maximum: number,
      title: text,
      description: text,
    },
    ({ required = [], properties = {} }, at) =>
      (required as string[])
        .filter((name) => !(name in (properties as Json)))
        .flatMap((name) => wrong(at, `no property ${name}`)),
  ),
)
const mediaType = object({}, { schema })
const content = map(mediaType, /^[\w.+-]+\/[\w.+-]+$/)
const header = object({ schema }, { description: text, required: flag })
const response = object({ description: text }, { headers: map(header, /^(?!content-type$)[\w-]+$/i), content })
const parameter = object(
  { name: text, in: matching(/^(query|header|path|cookie)$/), schema },
  { description: text, required: flag },
  ({ in: place, required }, at) =>
    place === 'path' && required !== true ? wrong(at, 'a path parameter is required') : [],
)
const operation = object(
  { responses: map(response, /^(default|[1-5](\d\d|XX))$/) },
  {
    tags: list(text),
    summary: text,
    description: text,
    operationId: text,
    parameters: list(parameter),
    requestBody: object({ content }, { description: text, required: flag }),
    security: list(map(list(text))),
  },
)
const methods = Object.fromEntries(['get', 'put', 'post', 'delete', 'head'].map((method) => [method, operation]))
const securityScheme = object(
  { type: matching(/^(mutualTLS|http)$/) },
  { description: text, scheme: text },
  ({ type, scheme }, at) => ((type === 'http') === (scheme === undefined) ? wrong(at, 'a scheme belongs to http') : []),
)
const document = object(
  {
    openapi: matching(/^3\.1\.\d+$/),
    info: object(
      { title: text, version: text },
      { summary: text, description: text, license: object({ name: text }, { url: text }) },
    ),
    paths: map(object({}, { ...methods, summary: text, description: text, parameters: list(parameter) }), /^\//),
  },
  {
    components: object({}, { schemas: map(schema, /^[\w.-]+$/), securitySchemes: map(securityScheme, /^[\w.-]+$/) }),
    security: list(map(list(text))),
    tags: list(object({ name: text }, { description: text })),
  },
)

interface Path {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
}

/** What is wrong with the document; empty = it is OpenAPI 3.1. */
export function openApiProblems(value: unknown): string[] {
  const problems = document(value, '#')
  if (problems.length > 0) return problems
  const {
    paths,
    components = {},
    security = [],
  } = value as {
    paths: Record<string, Path>
    components?: { schemas?: Json; securitySchemes?: Json }
    security?: readonly Json[]
  }
  for (const [path, { parameters = [] }] of Object.entries(paths)) {
    const named = parameters.filter((one) => one.in === 'path').map(({ name }) => `{${name}}`)
    const places = path.match(/\{[^}]*\}/g) ?? []
    if (named.sort().join() !== places.sort().join())
      problems.push(`#/paths/${path}: has ${places}, describes ${named}`)
  }
  for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([\w.-]+)"/g)) {
    if (!(name! in (components.schemas ?? {}))) problems.push(`no schema ${name}`)
  }
  for (const name of security.flatMap((one) => Object.keys(one))) {
    if (!(name in (components.securitySchemes ?? {}))) problems.push(`no security scheme ${name}`)
  }
  return problems
}
