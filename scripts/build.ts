/**
 * `npm run build`: what is published. For each package of packages/ it makes `build/FOLDER/` (JavaScript, declarations,
 * the package's own manifest rewritten from `src` to `dist`, readme, licence) and its tarball `build/NAME-VERSION.tgz`,
 * and beside it `build/NAME.cdx.json`, the bill of materials of a production install (CycloneDX), from the lock file.
 *
 * In the repository `exports` point at sources, which Node runs as they are; under node_modules it would refuse to. So
 * nothing here is used by development, and nothing of development (tests, dev dependencies) is in a tarball.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly bin?: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: unknown
  /** Fields that only the published manifest has (pnpm's convention). */
  readonly publishConfig?: Readonly<Record<string, unknown>>
  readonly [key: string]: unknown
}

const root = resolve(import.meta.dirname, '..')
const build = join(root, 'build')
const bin = (name: string) => join(root, 'node_modules/.bin', name)
const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))

/** The manifest as it is published: compiled files, with their declarations, and what a registry shows. */
export function publishedManifest({ devDependencies, publishConfig, bin, exports, ...manifest }: Manifest): unknown {
  const compiled = (path: string, ending: string) => path.replace('./src/', './dist/').replace(/\.ts$/, ending)
  return {
    ...manifest,
    ...publishConfig,
    homepage: 'https://holdfast.dev',
    files: ['dist'],
    ...(bin && {
      bin: Object.fromEntries(Object.entries(bin).map(([name, path]) => [name, compiled(path, '.js').slice(2)])),
    }),
    exports: Object.fromEntries(
      Object.entries(exports).map(([name, path]) => [
        name,
        path.endsWith('.ts') ? { types: compiled(path, '.d.ts'), default: compiled(path, '.js') } : path,
      ]),
    ),
  }
}

/** Folders below packages/, those that others need first. */
export function buildOrder(): string[] {
  const folders = readdirSync(join(root, 'packages')).sort()
  const names = new Map(folders.map((folder) => [readManifest(folder).name, folder]))
  const ordered = new Set<string>()
  const visit = (folder: string) => {
    const { dependencies = {}, peerDependencies = {} } = readManifest(folder)
    const needs = Object.keys({ ...dependencies, ...peerDependencies })
    for (const name of needs) if (names.has(name)) visit(names.get(name)!)
    ordered.add(folder)
  }
  for (const folder of folders) visit(folder)
  return [...ordered]
}

function buildPackage(folder: string, paths: Record<string, string[]>): string {
  const source = join(root, 'packages', folder)
  const target = join(build, folder)
  const manifest = readManifest(folder)
  mkdirSync(target, { recursive: true })
  const config = join(target, 'tsconfig.json')
  const tests = ['test.ts', 'test-support.ts'].map((ending) => relative(target, join(source, 'src/**', `*${ending}`)))
  writeFileSync(
    config,
    JSON.stringify({
      extends: relative(target, join(root, 'tsconfig.json')),
      compilerOptions: {
        ...{ noEmit: false, rootDir: relative(target, join(source, 'src')), outDir: 'dist', paths },
        ...{ target: 'es2024', declaration: true, allowImportingTsExtensions: false, removeComments: false },
        ...{ typeRoots: [join(root, 'node_modules/@types')] },
      },
      include: [relative(target, join(source, 'src'))],
      exclude: tests,
    }),
  )
  run(bin('tsc'), ['-p', config])
  rmSync(config)
  for (const [name, path] of Object.entries(manifest.exports)) {
    if (path.endsWith('.ts')) {
      paths[name === '.' ? manifest.name : `${manifest.name}/${name.slice(2)}`] = [
        join(target, path.replace('./src/', 'dist/').replace(/\.ts$/, '.d.ts')),
      ]
    }
  }
  // A package without importable parts (the server) has no use for declarations.
  if (!Object.values(manifest.exports).some((path) => path.endsWith('.ts'))) {
    for (const file of globSync('dist/**/*.d.ts', { cwd: target })) rmSync(join(target, file))
  }
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(publishedManifest(manifest), null, 2)}\n`)
  cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
  const readme = join(source, 'README.md')
  cpSync(existsSync(readme) ? readme : join(root, 'README.md'), join(target, 'README.md'))
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', build, target]))
  writeFileSync(join(build, packed.filename.replace(/-[^-]+\.tgz$/, '.cdx.json')), billOfMaterials(manifest))
  return packed.filename
}

/** What a production install of the package brings. npm would name it after the root. */
function billOfMaterials({ name, version }: Manifest): string {
  const bill = JSON.parse(
    run('npm', ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only', '--omit', 'dev', '--workspace', name]),
  )
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  if (!bill.components.some((component: { purl: string }) => component.purl === purl)) {
    throw new Error(`npm sbom does not know ${name}`)
  }
  bill.metadata.component = { ...bill.metadata.component, name, version, purl }
  return `${JSON.stringify(bill, null, 2)}\n`
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed (${error ?? status})\n${stdout}${stderr}`)
  return stdout
}

/** Builds everything anew; the names of the tarballs in build/. */
export function buildAll(tell: (line: string) => void): string[] {
  rmSync(build, { recursive: true, force: true })
  const paths: Record<string, string[]> = {}
  const tarballs = buildOrder().map((folder) => {
    const tarball = buildPackage(folder, paths)
    tell(`build/${tarball}`)
    return tarball
  })
  return tarballs
}

if (import.meta.main) buildAll(console.log)
