/**
 * Reads a YAML text by the schema: unknown keys, wrong types and values out of range are problems with a line number;
 * what is missing gets its default; durations and sizes become numbers; paths become absolute, from `folder`. It
 * guarantees that a value it returns without problems has exactly the shape of the schema.
 *
 * Numbers are taken from their source text where a string is wanted, so that a hash made of digits alone stays what was
 * written.
 */
import { resolve } from 'node:path'
import { type Alias, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import type { Field } from './fields.ts'
import { closest } from './problems.ts'
import { formOf, parseUnit } from './units.ts'

/** A value and what was wrong on the way to it. */
export interface Reading {
  /** Of the schema's static type if `problems` is empty. */
  readonly value: unknown
  readonly problems: string[]
  /** `file:line` of the key or of what holds it. */
  place(key: string): string
  /** `file:line: key: message`, with the line of the key or of what holds it. */
  told(key: string, message: string): string
}

/** What looks like the name of a secret, and what the place where it was written takes instead. */
const SECRET = /^(pass|passphrase|password|secret|token|key)$/i
const INSTEAD: Readonly<Record<string, string>> = {
  passphraseFile: 'put it into a file of its own and name that in passphraseFile',
  passwordFile: 'put it into a file of its own and name that in passwordFile',
  secretSha256: 'secretSha256 takes its SHA-256; `holdfast caller add basic:NAME` makes both',
}

type Maybe = Node | null | undefined

/** `name` stands for the file in messages; `folder` is where relative paths begin. */
export function readYaml(text: string, schema: Field, name: string, folder: string): Reading {
  const counter = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: counter,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
  })
  const lines = new Map<string, number>()
  const problems: string[] = []

  function place(key: string): string {
    let holder = key
    while (holder !== '' && !lines.has(holder)) holder = holder.replace(/(\.|^)[^.[\]]*$|\[\d+\]$/, '')
    const line = lines.get(holder)
    return `${name}${line === undefined ? '' : `:${line}`}`
  }
  const told = (key: string, message: string) => `${place(key)}: ${key === '' ? '' : `${key}: `}${message}`
  const wrong = (key: string, message: string): undefined => void problems.push(told(key, message))

  function read(field: Field, given: Maybe, key: string): unknown {
    const node: Maybe = isAlias(given) ? (given as Alias).resolve(document) : given
    if (node?.range && !lines.has(key)) lines.set(key, counter.linePos(node.range[0]).line)
    if (field.type === 'object') return readObject(field, node, key)
    if (field.type === 'array') return readArray(field, node, key)
    if (!isScalar(node) || node.value === null) return wrong(key, `expected ${wanted(field)}, found ${found(node)}`)
    return readScalar(field, node.value, node.source ?? String(node.value), key)
  }

  function readObject(field: Field, node: Maybe, key: string): unknown {
    const empty = node === undefined || (isScalar(node) && node.value === null)
    if (!empty && !isMap(node)) return wrong(key, `expected keys with values, found ${found(node)}`)
    const known = field.properties ?? {}
    const given = new Map<string, Maybe>()
    for (const pair of empty ? [] : (node as { items: { key: unknown; value: unknown }[] }).items) {
      const scalar = pair.key as { value: string; range?: [number, number, number] }
      const inner = key === '' ? scalar.value : `${key}.${scalar.value}`
      const first = given.has(scalar.value) ? lines.get(inner) : undefined
      if (scalar.range) lines.set(inner, counter.linePos(scalar.range[0]).line)
      if (first !== undefined) {
        const one = known[scalar.value]!.type === 'array' ? 'put the entries into one list' : 'keep one'
        wrong(inner, `stands twice, first on line ${first}: ${one}`)
      } else if (Object.hasOwn(known, scalar.value)) given.set(scalar.value, pair.value as Maybe)
      else wrong(inner, unknown(scalar.value, Object.keys(known)))
    }
    const result: Record<string, unknown> = {}
    for (const [name, inner] of Object.entries(known)) {
      const path = key === '' ? name : `${key}.${name}`
      if (given.has(name)) result[name] = read(inner, given.get(name), path)
      else if (inner.default !== undefined) result[name] = byDefault(inner, path)
      else if (field.required?.includes(name)) wrong(path, `missing; expected ${wanted(inner)}`)
    }
    return result
  }

  function readArray(field: Field, node: Maybe, key: string): unknown {
    if (!isSeq(node)) return wrong(key, `expected ${wanted(field)}, found ${found(node)}`)
    if (node.items.length < (field.minItems ?? 0)) wrong(key, 'expected at least one entry, found none')
    return node.items.map((item, index) => read(field.items!, item as Maybe, `${key}[${index}]`))
  }

  function byDefault(field: Field, key: string): unknown {
    if (field.type === 'object') return readObject(field, undefined, key)
    if (field.type === 'array') return field.default
    return readScalar(field, field.default, String(field.default), key)
  }

  function readScalar(field: Field, value: unknown, source: string, key: string): unknown {
    const no = () =>
      wrong(key, `expected ${wanted(field)}, found ${field.hidden ? 'something else' : JSON.stringify(value)}`)
    if (field.unit !== undefined) {
      const number = typeof value === 'boolean' ? undefined : parseUnit(source, field.unit)
      if (number === undefined) return no()
      const inside = number >= parseUnit(field.from!, field.unit)! && number <= parseUnit(field.to!, field.unit)!
      return inside ? number : no()
    }
    if (field.type === 'boolean') return typeof value === 'boolean' ? value : no()
    if (field.type === 'integer' || field.type === 'number') {
      if (typeof value !== 'number' || (field.type === 'integer' && !Number.isInteger(value))) return no()
      return value >= (field.minimum ?? -Infinity) && value <= (field.maximum ?? Infinity) ? value : no()
    }
    if (typeof value === 'boolean') return no()
    const string = typeof value === 'string' ? value : source
    if (field.enum !== undefined && !field.enum.includes(string)) {
      const meant = closest(string, field.enum)
      return wrong(key, `expected ${wanted(field)}, found "${string}"${meant ? `; did you mean ${meant}?` : ''}`)
    }
    if (string === '' || (field.pattern !== undefined && !new RegExp(field.pattern).test(string))) return no()
    return field.file === true ? resolve(folder, string) : string
  }

  // What follows from the first fault is no news.
  for (const fault of document.errors.slice(0, 1)) {
    problems.push(`${name}:${counter.linePos(fault.pos[0]).line}: not YAML: ${fault.message}`)
  }
  const value = problems.length > 0 ? undefined : read(schema, document.contents, '')
  return { value, problems, place, told }
}

function unknown(key: string, known: readonly string[]): string {
  const place = SECRET.test(key) ? known.find((name) => Object.hasOwn(INSTEAD, name)) : undefined
  if (place !== undefined) return `a secret does not stand in this file: ${INSTEAD[place]}`
  const meant = closest(key, known)
  return `unknown key${meant ? `; did you mean ${meant}?` : `; known: ${known.join(', ')}`}`
}

/** What a field takes, in words. */
export function wanted(field: Field): string {
  if (field.enum !== undefined) return field.enum.join(' or ')
  if (field.unit !== undefined) return `${formOf(field.unit)}, from ${field.from} to ${field.to}`
  if (field.file === true) return 'a path'
  if (field.form !== undefined) return field.form
  const range = field.minimum === undefined ? '' : ` from ${field.minimum} to ${field.maximum}`
  const names = { object: 'keys with values', array: 'a list', string: 'text', boolean: 'true or false' }
  const kind = field.type === 'integer' ? 'a whole number' : field.type === 'number' ? 'a number' : names[field.type!]
  return kind + range
}

function found(node: Maybe): string {
  if (isMap(node)) return 'keys with values'
  if (isSeq(node)) return 'a list'
  return isScalar(node) && node.value !== null ? JSON.stringify(node.value) : 'nothing'
}
