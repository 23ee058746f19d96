/**
 * What a process cost, read from Linux' procfs: CPU of all its threads, memory, and what machine this is.
 *
 * CPU time is the figure that this bench trusts most: it does not depend on how fast the load generator is. The kernel
 * scales user and system time so that their sum is the run time it measured exactly; procfs rounds it to 10 ms, so a
 * window of three seconds is good to half a percent. Host names and addresses are left out on purpose.
 */
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'

/** Clock ticks per second of utime and stime: USER_HZ, which is 100 on every architecture that Node runs on. */
const TICKS = 100

/** Fields of /proc/PID/stat from the state on; the name before it may hold spaces and brackets. */
function statFields(pid: number | 'self'): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

/** CPU seconds, user and system, that all threads of the process used so far, those already ended included. */
export function cpuSeconds(pid: number | 'self'): number {
  const fields = statFields(pid)
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** CPU seconds of this process' children that have ended. */
export function endedChildrenCpuSeconds(): number {
  const fields = statFields('self')
  return (Number(fields[13]) + Number(fields[14])) / TICKS
}

/** CPU seconds that all cores were busy since the machine started, what the hypervisor gave to others included. */
export function busySeconds(): number {
  // cpu  user nice system idle iowait irq softirq steal guest guest_nice; guest is part of user.
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'latin1')
    .split('\n', 1)[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number) as [number, number, number, number, number, number, number, number]
  return (user + nice + system + irq + softirq + steal) / TICKS
}

export interface Memory {
  /** Bytes resident, mapped files included. */
  readonly resident: number
  /** Bytes of it that no file backs: heap, stacks, buffers. */
  readonly anonymous: number
}

export function memory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
  return { resident: bytes('VmRSS'), anonymous: bytes('RssAnon') }
}

/** Lines that describe the machine, for the head of the results. */
export function machine(): string[] {
  const virtual = existsSync('/proc/cpuinfo') && /^flags.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'latin1'))
  return [
    `CPU: ${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores${virtual ? ', virtual machine' : ''}`,
    `Memory: ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    `Linux ${release().replace(/^(\d+\.\d+).*/, '$1')}, Node ${process.versions.node} (OpenSSL ${process.versions.openssl}, SQLite ${process.versions.sqlite})`,
  ]
}
