/**
 * The house's one rule: dependencies point down only, and rooms never import each other. It reads the imports of the
 * server's sources and reports each that points up or sideways. Tests may import from anywhere.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'

/** From the top to the bottom. A folder may import from those below it; folders of one line never import each other. */
const LAYERS: readonly (readonly string[])[] = [
  ['cli'],
  ['compose.ts'],
  ['service'],
  ['config'],
  ['http'],
  ['stores'],
  ['access'],
  ['audit'],
  ['records'],
  ['engines'],
  ['common'],
]

const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)/g

function levelOf(place: string): number {
  return LAYERS.findIndex((layer) => layer.includes(place))
}

/** Problems found under `source` (the server's `src`), one line each; an empty list is a good house. */
export function checkLayers(source: string): string[] {
  const problems: string[] = []
  for (const entry of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.ts') || entry.endsWith('.test.ts')) continue
    const from = entry.split('/')[0]!
    const level = levelOf(from)
    if (level < 0) {
      problems.push(`${entry}: "${from}" is in no layer; add it to scripts/layers.ts or move the file`)
      continue
    }
    const text = readFileSync(resolve(source, entry), 'utf8')
    for (const match of text.matchAll(IMPORT)) {
      const target = relative(source, resolve(source, dirname(entry), match[1] ?? match[2]!))
      const to = target.split('/')[0]!
      if (to === from) continue
      if (to === '..') problems.push(`${entry}: imports ${target}, outside the package`)
      else if (levelOf(to) <= level) problems.push(`${entry}: "${from}" imports "${to}", which is not below it`)
    }
  }
  return problems
}
