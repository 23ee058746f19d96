/**
 * An archive of Cassandra's classes as they lie in memory (AppCDS), made once for this Java and these jars: a node starts in
 * two thirds of the time and of the CPU. Made by a node that comes up, serves a login over TLS, and stops in order. Where an archive
 * does not fit after all (the checkout was moved), Java goes on without it.
 */
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lock } from '../support/cache.ts'
import { addressOf, loopbackSubnet } from './addresses.ts'
import { makeClientFiles } from './certificates.ts'
import { getCassandra, type Installed } from './get.ts'
import { type Common, launchMember, type Member, whenServes } from './member.ts'
import { end } from './processes.ts'
import { DEFAULT_USER } from './set-up.ts'
import { placesOf } from './shapes.ts'

const MAKE_MS = 180_000

/** What a launch needs, fetched and made if it is not there yet. */
export async function prepare(): Promise<{ installed: Installed; classes: string }> {
  const installed = getCassandra()
  return { installed, classes: await classArchive(installed) }
}

async function classArchive(installed: Installed): Promise<string> {
  const file = join(installed.folder, `classes-${installed.version}-java-${installed.javaVersion}.jsa`)
  if (existsSync(file)) return file
  using _ = lock('cassandra-classes', 2 * MAKE_MS)
  if (!existsSync(file)) await make(installed, file)
  return file
}

async function make(installed: Installed, file: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-classes-'))
  try {
    await makeClientFiles(folder)
    const place = placesOf('1')[0]!
    const host = addressOf(await loopbackSubnet(), place)
    const unfinished = `${file}.new`
    const common: Common = {
      ...{ folder, name: 'classes', seeds: [host], hintWindowMs: 0, plaintextToo: false, outlives: false },
      jvm: { heapMiB: 512, tuned: 'start', ringDelayMs: 1000, classes: { into: unfinished } },
    }
    const member: Member = { ...place, host }
    const process = await launchMember(installed, common, member, [])
    try {
      await whenServes(common, { ...member, process }, DEFAULT_USER)
    } finally {
      await end(process, 'SIGTERM', MAKE_MS)
    }
    renameSync(unfinished, file)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
