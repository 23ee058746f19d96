/**
 * Cassandra and a Java to run it: its jars come from Maven's central repository, by Maven, once for this checkout; Java is the
 * machine's own. Whoever has neither gets an error with the line that installs them. Two processes that come at once fetch
 * once. The jars are checked against the checksums beside them, not against any kept here: they serve tests alone.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE, lock } from '../support/cache.ts'

const POM = join(import.meta.dirname, 'pom.xml')
const FOLDER = join(CACHE, 'cassandra')
const FETCH_MS = 600_000
/** Cassandra 5.0 runs on 11 and 17; the flags of jvm.ts are those of 17. */
const JAVA = 17

export interface Installed {
  /** Path of the program. */
  readonly java: string
  /** What `java -version` says of itself. */
  readonly javaVersion: string
  readonly version: string
  /** Paths, in the order of the class path. */
  readonly jars: readonly string[]
  /** Where more may be kept that belongs to this installation. */
  readonly folder: string
}

/** Why Cassandra cannot be had here, or undefined: for tests that skip by name. */
export function lacking(): string | undefined {
  const missing: string[] = []
  if (findJava() === undefined) missing.push('openjdk-17-jre-headless')
  if (!existsSync(jarFolder()) && !runs('mvn', ['-version'])) missing.push('maven')
  if (missing.length === 0) return undefined
  const what = missing.length === 2 ? `Java ${JAVA} and Maven` : missing[0] === 'maven' ? 'Maven' : `Java ${JAVA}`
  return `${what} not found; on Debian: apt-get install -y --no-install-recommends ${missing.join(' ')}`
}

/** Finds what is there and fetches what is not. */
export function getCassandra(): Installed {
  const why = lacking()
  if (why !== undefined) throw new Error(`Cassandra needs them to run: ${why}`)
  const folder = jarFolder()
  if (!existsSync(folder)) fetchJars(folder)
  const jars = readdirSync(folder).sort()
  return { ...findJava()!, version: cassandraVersion(), jars: jars.map((name) => join(folder, name)), folder: FOLDER }
}

function fetchJars(folder: string): void {
  using _ = lock('cassandra-jars', 2 * FETCH_MS)
  if (existsSync(folder)) return
  const unfinished = `${folder}.new`
  rmSync(unfinished, { recursive: true, force: true })
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${unfinished}`, '-DincludeScope=runtime']
  const { status, stdout, stderr, error } = spawnSync(
    'mvn',
    ['--batch-mode', '--no-transfer-progress', '--quiet', '--strict-checksums', '--file', POM, ...goal],
    { encoding: 'utf8', timeout: FETCH_MS },
  )
  if (status !== 0) throw new Error(`mvn could not fetch Cassandra's jars\n${stdout}${stderr}${error ?? ''}`)
  renameSync(unfinished, folder)
}

/** Whole once it is there: it is moved to its name. */
function jarFolder(): string {
  return join(FOLDER, `jars-${cassandraVersion()}`)
}

function cassandraVersion(): string {
  const pom = readFileSync(POM, 'utf8')
  return /<artifactId>cassandra-all<\/artifactId>\s*<version>([^<]+)</.exec(pom)![1]!
}

/** The `java` of the path if it is of the right version, else one that Debian put where it does not run by name. */
function findJava(): Pick<Installed, 'java' | 'javaVersion'> | undefined {
  for (const java of ['java', ...globSync(`/usr/lib/jvm/java-${JAVA}-*/bin/java`)]) {
    const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8' })
    const javaVersion = /version "([^"]+)"/.exec(stderr ?? '')?.[1]
    if (javaVersion?.split('.')[0] === String(JAVA)) return { java, javaVersion }
  }
  return undefined
}

function runs(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}
