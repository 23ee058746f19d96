/**
 * What the operating system gives away of a process that holds keys: core files, its memory to others of the same user, swap;
 * and whether that user is root, or may change the code that it runs.
 */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { shellWord } from '../shell-word.ts'
import type { Facts, System } from './facts.ts'
import { type Finding, inUnit, ok, problem, warning } from './finding.ts'
import type { Process } from './proc.ts'

/** Programs to which a kernel gives cores, and which keep none where the limit is 0. */
const OBEDIENT = /systemd-coredump|apport/
/** The package that runs; under it lies all code of ours. */
const CODE = resolve(import.meta.dirname, '../../..')

export function memory({ server, system }: Facts): Finding[] {
  const running = server.state === 'running' ? server.process : undefined
  const found = [
    ...(running === undefined ? [] : cores(running, system)),
    ...ptrace(system),
    ...swap(running, system),
    ...(running === undefined ? [] : [...root(running), ...code(running)]),
  ]
  return found.length > 0
    ? found
    : [ok('no core files, no swap in the clear, nobody may attach, the code is not its own')]
}

function cores({ limits: { coreBytes } }: Process, { proc }: System): Finding[] {
  const pattern = text(join(proc, 'sys/kernel/core_pattern'))
  const to = pattern?.startsWith('|') ? pattern.slice(1).split(' ')[0]! : undefined
  if (coreBytes > 0)
    return [warning('a crash writes its memory, keys and all, into a core file', inUnit('LimitCORE=0'))]
  if (to === undefined || OBEDIENT.test(to)) return []
  const says = `a crash gives its memory, keys and all, to ${to}, whatever the limit is`
  return [warning(says, 'sysctl -w kernel.core_pattern=core')]
}

function ptrace({ proc }: System): Finding[] {
  const scope = text(join(proc, 'sys/kernel/yama/ptrace_scope'))
  if (scope !== undefined && scope !== '0') return []
  const says = "other programs of the server's user may read its memory (ptrace)"
  if (scope === '0') return [warning(says, 'sysctl -w kernel.yama.ptrace_scope=1')]
  return [warning(`${says}, as this kernel has no Yama`, 'run nothing else as the user of the server')]
}

function swap(running: Process | undefined, { proc, sys }: System): Finding[] {
  const group = running?.group && text(join(sys, 'fs/cgroup', running.group, 'memory.swap.max'))
  if (group === '0') return []
  const lines = (text(join(proc, 'swaps')) ?? '').split('\n').slice(1)
  const clear = lines.flatMap((line) => line.split(/\s+/)[0] || []).filter((path) => !isSafe(path, sys))
  return clear.map((path) => {
    return warning(`memory may be swapped to ${path}, which is not known to be encrypted`, inUnit('MemorySwapMax=0'))
  })
}

/** Swap that holds nothing after a restart: compressed in memory, or on an encrypted device. */
function isSafe(path: string, sys: string): boolean {
  if (basename(path).startsWith('zram')) return true
  try {
    const { rdev, dev } = statSync(path)
    const device = rdev === 0 ? dev : rdev
    // As Linux packs a device's two numbers.
    const [major, minor] = [(device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00)]
    return isEncrypted(realpathSync(join(sys, 'dev/block', `${major}:${minor}`)))
  } catch {
    return false
  }
}

/** By the device mapper's own word, here or, of what lies on several devices, below. */
function isEncrypted(device: string): boolean {
  if (text(join(device, 'dm/uuid'))?.startsWith('CRYPT-')) return true
  let below: string[]
  try {
    below = readdirSync(join(device, 'slaves'))
  } catch {
    return false
  }
  return below.length > 0 && below.every((name) => isEncrypted(realpathSync(join(device, 'slaves', name))))
}

function root({ uid }: Process): Finding[] {
  if (uid !== 0) return []
  return [warning('the server runs as root: whoever breaks in has the whole machine', inUnit('User=holdfast'))]
}

/** Root needs no permission; for any other user the code should be somebody else's. */
function code({ uid }: Process): Finding[] {
  const places = [CODE, join(CODE, 'package.json'), dirname(process.execPath), process.execPath]
  return places.flatMap((path) => {
    const stat = statSync(path)
    if ((stat.mode & 0o002) !== 0)
      return [problem(`everybody may change ${path}, which runs`, `chmod o-w ${shellWord(path)}`)]
    if (uid === 0 || stat.uid !== uid) return []
    return [warning(`the server may change its own code: ${path}`, `chown -R root ${shellWord(path)}`)]
  })
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
