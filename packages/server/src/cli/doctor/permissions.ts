/**
 * Who may read and who may change what the server lives from, by owners and modes of files and of every folder above them:
 * whoever may write a folder may put another file in its place. Access control lists are not looked at, nor is root, who
 * may do everything.
 */
import { type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Config, configFields } from '../../config/schema.ts'
import { filesOf, readFilesOf } from '../../service/files.ts'
import { shellWord } from '../shell-word.ts'
import { type Facts, userOf } from './facts.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

const [GROUP_WRITES, OTHERS_WRITE, OTHERS_READ, STICKY] = [0o020, 0o002, 0o004, 0o1000]

export function permissions(facts: Facts): Finding[] {
  const { config } = facts
  const written = writtenFiles(config)
  const read = [resolve(facts.file), ...readFilesOf(config)]
  const user = userOf(facts) ?? statOf(config.keys.stores.file)?.uid
  const files = [...new Set([...read, ...written])].filter((path) => statOf(path) !== undefined)
  const found = [
    ...changeable([...files, ...new Set(files.flatMap(above))], user),
    ...readable(written),
    ...read.flatMap((path) => closed(path, facts)),
    ...apart(config),
  ]
  if (found.length > 0) return found
  return [ok(`${files.length} files, which nobody may change but ${user === 0 ? 'root' : `${nameOf(user)} and root`}`)]
}

/** What the server makes and writes. */
function writtenFiles({ engine, audit }: Config): string[] {
  const database = engine.embedded?.file
  return [database, database && `${database}-wal`, audit.file].filter((path) => path !== undefined)
}

/** One finding for each kind of person who may change some of them. */
function changeable(paths: readonly string[], user: number | undefined): Finding[] {
  const everybody: string[] = []
  const groups: string[] = []
  const owners = new Map<number, string[]>()
  for (const path of paths) {
    const stat = statOf(path)!
    const { mode, uid } = stat
    const open = (bit: number) => (mode & bit) !== 0 && !(stat.isDirectory() && (mode & STICKY) !== 0)
    if (open(OTHERS_WRITE)) everybody.push(path)
    else if (open(GROUP_WRITES)) groups.push(path)
    else if (user !== undefined && uid !== 0 && uid !== user) owners.set(uid, [...(owners.get(uid) ?? []), path])
  }
  const words = (some: readonly string[]) => some.map(shellWord).join(' ')
  const found: Finding[] = []
  if (everybody.length > 0) {
    found.push(problem(`everybody on this machine may change ${everybody.join(', ')}`, `chmod o-w ${words(everybody)}`))
  }
  if (groups.length > 0) {
    found.push(warning(`more than the owner may change ${groups.join(', ')}`, `chmod g-w ${words(groups)}`))
  }
  for (const [uid, some] of owners) {
    const says = `${nameOf(uid)} owns ${some.join(', ')} and may change it, but the server is ${nameOf(user)}`
    found.push(warning(says, `chown ${user} ${words(some)}`))
  }
  return found
}

/** Sealed, but its sizes and times are nobody's business. */
function readable(paths: readonly string[]): Finding[] {
  return paths
    .filter((path) => ((statOf(path)?.mode ?? 0) & OTHERS_READ) !== 0)
    .map((path) => warning(`everybody on this machine may read ${path}`, `chmod o-rwx ${shellWord(path)}`))
}

/** What the running server could not read again: it would be found at the next reload. */
function closed(path: string, { server }: Facts): Finding[] {
  const stat = statOf(path)
  if (server.state !== 'running' || server.process === undefined || stat === undefined) return []
  const { uid, groups } = server.process
  const bits = stat.uid === uid ? 0o400 : groups.includes(stat.gid) ? 0o040 : 0o004
  if (uid === 0 || (stat.mode & bits) !== 0) return []
  const says = `the server, which is ${nameOf(uid)}, cannot read ${path} any more: the next reload fails`
  return [problem(says, `chown ${uid} ${shellWord(path)}`)]
}

/** A backup of the database must not take the keys along. */
function apart({ engine, keys }: Config): Finding[] {
  const database = engine.embedded?.file
  if (database === undefined) return []
  const folder = dirname(database)
  const inside = filesOf(keys, configFields.properties!.keys).filter((path) => path.startsWith(`${folder}/`))
  return inside.map((path) => {
    const says = `${path} lies in the folder of the database, so a backup of one takes the other along`
    return warning(says, `mv ${shellWord(path)} elsewhere, and say where in the configuration`)
  })
}

function above(path: string): string[] {
  const folder = dirname(path)
  return folder === path ? [] : [folder, ...above(folder)]
}

/** Undefined where it is not, or where this user may not look. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

const nameOf = (uid: number | undefined) => (uid === undefined ? 'its user' : uid === 0 ? 'root' : `user ${uid}`)
