/**
 * The runtime dependencies of the server and of its engine on Cassandra, read from the lock file alone: which packages a production install brings,
 * which of them a direct dependency is answerable for, and whether any would run a script at install time.
 *
 * `node scripts/dependencies.ts` rewrites the generated parts of docs/dependencies.md; a test holds the two together.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

interface LockedPackage {
  version?: string
  license?: string
  link?: boolean
  resolved?: string
  hasInstallScript?: boolean
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
}

interface RuntimePackage {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly hasInstallScript: boolean
}

interface DirectDependency extends RuntimePackage {
  /** Packages that it brings, itself included. */
  readonly count: number
}

const root = resolve(import.meta.dirname, '..')
/** What is installed by everybody, and what by those alone who keep their records in Cassandra. */
export const TREES = { server: 'packages/server', cassandra: 'packages/engine-cassandra' } as const
export type Tree = keyof typeof TREES
const beginOf = (tree: Tree) => `<!-- generated: begin ${tree} -->`
const endOf = (tree: Tree) => `<!-- generated: end ${tree} -->`

function readLock(): Record<string, LockedPackage> {
  return JSON.parse(readFileSync(resolve(root, 'package-lock.json'), 'utf8')).packages
}

/** Where `name` is found from `place`, by node's own rule of looking upwards. */
function find(lock: Record<string, LockedPackage>, place: string, name: string): string | undefined {
  for (let base = place; ; ) {
    const candidate = `${base === '' ? '' : `${base}/`}node_modules/${name}`
    const found = lock[candidate]
    if (found !== undefined) return found.link ? found.resolved : candidate
    if (base === '') return undefined
    const nested = base.lastIndexOf('/node_modules/')
    base = nested < 0 ? '' : base.slice(0, nested)
  }
}

function reach(lock: Record<string, LockedPackage>, start: string): Set<string> {
  const seen = new Set<string>()
  const visit = (place: string) => {
    if (seen.has(place)) return
    seen.add(place)
    const entry = lock[place]!
    const peers = Object.keys(entry.peerDependencies ?? {}).filter(
      (name) => !entry.peerDependenciesMeta?.[name]?.optional,
    )
    for (const name of [...Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }), ...peers]) {
      const next = find(lock, place, name)
      if (next === undefined) throw new Error(`package-lock.json: ${place} needs ${name}, which is not locked`)
      visit(next)
    }
  }
  visit(start)
  return seen
}

function describe(lock: Record<string, LockedPackage>, place: string): RuntimePackage {
  const entry = lock[place]!
  const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
  return {
    name,
    version: entry.version ?? '',
    license: entry.license ?? 'none stated',
    hasInstallScript: entry.hasInstallScript === true,
  }
}

const isOurs = (place: string) => place.startsWith('packages/')

/** Every third-party package that a production install brings, by name. */
export function runtimePackages(tree: Tree): RuntimePackage[] {
  const lock = readLock()
  const places = [...reach(lock, TREES[tree])].filter((place) => !isOurs(place))
  const unique = new Map(places.map((place) => describe(lock, place)).map((p) => [`${p.name}@${p.version}`, p]))
  return [...unique.values()].sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version))
}

/** The dependencies that the package names itself. */
export function directDependencies(tree: Tree): DirectDependency[] {
  const lock = readLock()
  return Object.keys(lock[TREES[tree]]!.dependencies ?? {})
    .map((name) => find(lock, TREES[tree], name)!)
    .filter((place) => !isOurs(place))
    .map((place) => ({ ...describe(lock, place), count: reach(lock, place).size }))
}

/** A generated part of docs/dependencies.md. */
function generatedSection(tree: Tree): string {
  const all = runtimePackages(tree)
  const direct = directDependencies(tree)
  const licenses = [...new Set(all.map((p) => p.license))].sort().join(', ')
  return [
    beginOf(tree),
    '',
    `${direct.length} direct ${direct.length === 1 ? 'dependency' : 'dependencies'}, ${all.length} packages in all. Licences: ${licenses}. None has an install script.`,
    '',
    '| direct dependency | version | licence | packages it brings |',
    '| --- | --- | --- | --- |',
    ...direct.map((p) => `| ${p.name} | ${p.version} | ${p.license} | ${p.count} |`),
    '',
    'The whole tree:',
    '',
    all.map((p) => `\`${p.name}@${p.version}\``).join(', '),
    '',
    endOf(tree),
  ].join('\n')
}

export const DEPENDENCIES_PAGE = resolve(root, 'docs/dependencies.md')

/** The page with its generated parts made anew. */
export function renewedPage(): string {
  let page = readFileSync(DEPENDENCIES_PAGE, 'utf8')
  for (const tree of Object.keys(TREES) as Tree[]) {
    const begin = page.indexOf(beginOf(tree))
    const end = page.indexOf(endOf(tree))
    if (begin < 0 || end < begin) throw new Error(`docs/dependencies.md: "${beginOf(tree)}" and its end are missing`)
    page = page.slice(0, begin) + generatedSection(tree) + page.slice(end + endOf(tree).length)
  }
  return page
}

if (import.meta.main) writeFileSync(DEPENDENCIES_PAGE, renewedPage())
