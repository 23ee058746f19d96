/**
 * The runtime dependencies of the server, read from the lock file alone: which packages a production install brings,
 * which of them a direct dependency is answerable for, and whether any would run a script at install time.
 *
 * `node scripts/dependencies.ts` rewrites the generated part of docs/dependencies.md; a test holds the two together.
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
const SERVER = 'packages/server'
const BEGIN = '<!-- generated: begin -->'
const END = '<!-- generated: end -->'

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

/** Every third-party package that a production install of the server brings, by name. */
export function runtimePackages(): RuntimePackage[] {
  const lock = readLock()
  const places = [...reach(lock, SERVER)].filter((place) => !isOurs(place))
  const unique = new Map(places.map((place) => describe(lock, place)).map((p) => [`${p.name}@${p.version}`, p]))
  return [...unique.values()].sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version))
}

/** The dependencies that the server names itself. */
export function directDependencies(): DirectDependency[] {
  const lock = readLock()
  return Object.keys(lock[SERVER]!.dependencies ?? {})
    .map((name) => find(lock, SERVER, name)!)
    .filter((place) => !isOurs(place))
    .map((place) => ({ ...describe(lock, place), count: reach(lock, place).size }))
}

/** The generated part of docs/dependencies.md. */
export function generatedSection(): string {
  const all = runtimePackages()
  const direct = directDependencies()
  const licenses = [...new Set(all.map((p) => p.license))].sort().join(', ')
  return [
    BEGIN,
    '',
    `${direct.length} direct dependencies, ${all.length} packages in all. Licences: ${licenses}. None has an install script.`,
    '',
    '| direct dependency | version | licence | packages it brings |',
    '| --- | --- | --- | --- |',
    ...direct.map((p) => `| ${p.name} | ${p.version} | ${p.license} | ${p.count} |`),
    '',
    'The whole tree:',
    '',
    all.map((p) => `\`${p.name}@${p.version}\``).join(', '),
    '',
    END,
  ].join('\n')
}

export const DEPENDENCIES_PAGE = resolve(root, 'docs/dependencies.md')

/** The page with its generated part made anew. */
export function renewedPage(): string {
  const page = readFileSync(DEPENDENCIES_PAGE, 'utf8')
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`docs/dependencies.md: "${BEGIN}" … "${END}" are missing`)
  return page.slice(0, begin) + generatedSection() + page.slice(end + END.length)
}

if (import.meta.main) writeFileSync(DEPENDENCIES_PAGE, renewedPage())
