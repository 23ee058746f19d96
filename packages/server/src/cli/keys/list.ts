/**
 * `holdfast keys list`: the keys of the file, and beside them what the instances that live say of themselves. It tells
 * also what it cannot tell: without the storage it shows the file alone.
 */
import { isAhead, overFrom, type SealingKey } from '../../records/index.ts'
import { EXIT } from '../exit.ts'
import { table } from '../table.ts'
import { type KeysOptions, keysFile, loadKeys } from './file.ts'
import { askStorage, described, stateOn, type Told } from './storage.ts'

/** Exit code. */
export async function listKeys({ json, ...options }: KeysOptions & { readonly json?: true }): Promise<number> {
  const file = await keysFile(options)
  const keyset = await loadKeys(file)
  const told = await askStorage(file.config, keyset)
  const instances = 'instances' in told ? told.instances : undefined
  const on = (id: number, states: readonly string[]) => {
    return instances?.filter((one) => states.includes(stateOn(one, id) ?? '')).length ?? null
  }
  const keys = keyset.keys.map((key) => ({
    id: key.id,
    state: key.state,
    madeAt: iso(key.createdAt),
    demotedAt: key.demotedAt === undefined ? null : iso(key.demotedAt),
    disableFrom: disableFrom(key, told),
    opensOn: on(key.id, ['primary', 'enabled']),
    sealsOn: on(key.id, ['primary']),
  }))
  const shown = instances?.map(({ seenAt, keys, ...rest }) => {
    const held = keys.filter(({ room }) => room === 'stores').map(({ id, state }) => ({ id, state }))
    return { ...rest, seenAt: iso(seenAt), keys: held }
  })
  const problem = 'problem' in told ? told.problem : null
  const behind = 'behind' in told ? told.behind : null
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ file: file.file, keys, instances: shown ?? null, problem, behind }, null, 2)}\n`,
    )
  } else {
    const of = (count: number | null) => (count === null ? '?' : `${count} of ${instances!.length}`)
    const rows = keys.map(({ id, state, madeAt, demotedAt, disableFrom, opensOn, sealsOn }) => {
      return [String(id), state, day(madeAt), day(demotedAt), day(disableFrom), of(opensOn), of(sealsOn)]
    })
    const head = ['KEY', 'STATE', 'MADE', 'DEMOTED', 'DISABLE FROM', 'OPENS ON', 'SEALS ON']
    process.stdout.write(table(head, rows))
    if (shown !== undefined && shown.length > 0) {
      const rows = shown.map(({ instance, host, pid, version, keys }) => {
        const seals = keys.find(({ state }) => state === 'primary')?.id ?? '?'
        return [instance.slice(0, 8), host, String(pid), version, String(seals)]
      })
      process.stdout.write(`\n${table(['INSTANCE', 'HOST', 'PROCESS', 'VERSION', 'SEALS WITH'], rows)}`)
    }
  }
  if (problem !== null) warn(`nobody can tell which instances live: ${problem}`)
  if (behind !== null) warn(`this file is an old copy, from before key ${behind} was promoted: bring the newest`)
  const ahead = instances?.filter((one) => isAhead(one)) ?? []
  if (ahead.length > 0) {
    warn(`seen in the future: a clock is wrong, here or there, or was when it was killed:${described(ahead)}`)
  }
  if (instances?.length === 0) process.stderr.write('no instance lives\n')
  return EXIT.stopped
}

/** Null for a key that is in use, or disabled. */
function disableFrom(key: SealingKey, told: Told): string | null {
  const sealedUntil = 'sealedUntil' in told ? told.sealedUntil.get(key.id) : undefined
  return key.state === 'enabled' ? iso(overFrom(key, told.longestTtl, sealedUntil)) : null
}

const iso = (ms: number) => new Date(ms).toISOString()
const day = (time: string | null) => time?.slice(0, 10) ?? ''

function warn(text: string): void {
  process.stderr.write(`warning: ${text}\n`)
}
