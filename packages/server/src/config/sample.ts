/**
 * The commented configuration that `holdfast init` writes: every key with its meaning, made from the schema, so that it
 * is never out of date. What must be given is shown with an example; what has a default stands commented out, with it.
 */
import type { Field } from './fields.ts'

const WIDTH = 110

/** YAML text. `head` is prose for the top, without its comment signs. */
export function sampleConfig(schema: Field, head: string): string {
  const lines = [...prose(head, ''), '']
  for (const [key, field] of Object.entries(schema.properties ?? {})) {
    lines.push(...entry(key, field, isOn(schema, key), ''), '')
  }
  return `${lines.join('\n').trimEnd()}\n`
}

/** One key: its prose, then the key itself, commented out unless it is `on`. */
function entry(key: string, field: Field, on: boolean, indent: string): string[] {
  if (field.developmentOnly) return []
  const title = prose(sentence(field), indent)
  if (field.type === 'object') {
    const inner = Object.entries(field.properties ?? {}).flatMap(([name, property]) =>
      entry(name, property, isOn(field, name), `${indent}  `),
    )
    return [...title, ...off([`${indent}${key}:`, ...inner], on)]
  }
  const items = field.items
  if (field.type === 'array' && items?.type === 'object') {
    const inner = Object.entries(items.properties ?? {}).flatMap(([name, property]) =>
      entry(name, property, isOn(items, name), `${indent}    `),
    )
    const first = inner.findIndex((line) => !/^\s*#/.test(line))
    inner[first] = inner[first]!.replace(`${indent}    `, `${indent}  - `)
    return [...title, ...off([`${indent}${key}:`, ...inner], on)]
  }
  const value = field.default ?? field.sample ?? (items?.enum ? items.enum : '')
  return [...title, ...off([`${indent}${key}: ${flow(value)}`], on)]
}

/** Sections stand there with their defaults inside; a value stands there if nothing else would do. */
function isOn(holder: Field, name: string): boolean {
  const field = holder.properties![name]!
  if (field.shown) return true
  return holder.required?.includes(name) === true && (field.type === 'object' || field.default === undefined)
}

/** Settings that are switched off begin with `#` and no space; prose begins with `# `. */
function off(lines: string[], on: boolean): string[] {
  return on ? lines : lines.map((line) => (line.trimStart().startsWith('#') ? line : line.replace(/^ */, '$&#')))
}

function sentence(field: Field): string {
  if (field.enum !== undefined) return `${field.description} One of: ${field.enum.join(', ')}.`
  if (field.unit !== undefined) return `${field.description} From ${field.from} to ${field.to}.`
  if (field.minimum !== undefined) return `${field.description} From ${field.minimum} to ${field.maximum}.`
  if (field.form !== undefined) return `${field.description} Form: ${field.form}.`
  return field.description ?? ''
}

function prose(text: string, indent: string): string[] {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line = `${indent}#`
    for (const word of paragraph.split(' ')) {
      if (line.length + word.length + 1 > WIDTH) {
        lines.push(line)
        line = `${indent}#`
      }
      line += ` ${word}`
    }
    lines.push(line.trimEnd())
  }
  return lines
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  const text = String(value)
  const plain =
    typeof value === 'number' ||
    typeof value === 'boolean' ||
    /^[A-Za-z/][\w./-]*$|^spiffe:[\w./-]+$|^\d+[A-Za-z]+$|^(\d+\.){3}\d+(\/\d+)?$/.test(text)
  return plain ? text : JSON.stringify(text)
}
