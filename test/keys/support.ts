/** What the tests of keys share: the commands beside real servers, and what the storage shows of the keys in use. */
import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { loadKeysetFile } from '../../packages/server/src/records/index.ts'
import { holdfast as run, type Told } from '../../packages/server/test/cli.ts'
import type { Program } from '../support/process.ts'
import type { Server, Site } from '../support/site.ts'
import { dump } from '../thieves/thief.ts'

/** `holdfast keys …` in the site's folder. */
export function keys({ folder }: Site, command: string, ...args: string[]): Promise<Told> {
  return run(folder, 'keys', command, '--config', 'holdfast.yaml', ...args)
}

/** The server that starts; killed with its test, should that fail before it is stopped. */
export async function during(t: Pick<TestContext, 'after'>, starting: Promise<Server>): Promise<Server> {
  const server = await starting
  t.after(() => {
    const { exitCode, signalCode } = server.program.child
    return exitCode === null && signalCode === null ? server.stop('SIGKILL') : undefined
  })
  return server
}

/** Its standard output; fails unless it was done. */
export async function done(told: Promise<Told>): Promise<string> {
  const { code, stdout, stderr } = await told
  assert.equal(code, 0, stderr)
  return stdout
}

/** What it said on being refused. */
export async function refused(told: Promise<Told>): Promise<string> {
  const { code, stdout, stderr } = await told
  assert.deepEqual([code, stdout], [3, ''], stderr)
  return stderr
}

export async function primaryOf({ folder }: Site): Promise<number> {
  const passphrase = readFileSync(join(folder, 'passphrase'))
  return (await loadKeysetFile(join(folder, 'keys/stores.json'), 'stores', { passphrase })).primary.id
}

/** Brings a file to another place of the site, as one should: whole, by a rename. */
export function bring({ folder }: Site, from: string, to: string): void {
  copyFileSync(join(folder, from), join(folder, `${to}.coming`))
  renameSync(join(folder, `${to}.coming`), join(folder, to))
}

/** Resolves when the server has taken over a keyset so many times since it started. */
export async function tookOver(program: Program, times: number): Promise<void> {
  await program.until(`keyset ${times} times over`, (it) => {
    const reloads = it.lines().filter(({ msg, changed }) => msg === 'reloaded' && String(changed).includes('keyset'))
    return reloads.length >= times || undefined
  })
}

/** What it said of the last reload that failed; waits for one that says this. */
export function notReloaded(program: Program, says: RegExp): Promise<string> {
  return program.until(`a reload that fails: ${says}`, (it) => {
    const problems = it.lines().map(({ msg, problem }) => (/^not reloaded/.test(String(msg)) ? String(problem) : ''))
    return problems.find((problem) => says.test(problem))
  })
}

/** How many records each key has sealed of those that have an expiry; heartbeats are rows, check cells never expire. */
export function sealedWith({ folder }: Site): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { sealed, expiresAt } of dump(join(folder, 'db/holdfast.sqlite'))) {
    if (expiresAt === 0 || sealed.length === 0) continue
    const id = Buffer.from(sealed).readUInt32BE(1)
    counts[id] = (counts[id] ?? 0) + 1
  }
  return counts
}
