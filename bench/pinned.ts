/**
 * Child processes pinned to one core: servers to core 0, whatever loads them to core 1, so that neither takes the
 * other's time. A server counts as started when it has printed the line that it was asked for.
 */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export const SERVER_CORE = 0
export const LOAD_CORE = 1

/** How long a server may take to say that it is ready; opening a million records must fit. */
const START_MS = 30_000
/** How long a server may take to stop before it is killed. */
const STOP_MS = 10_000

export interface Server {
  readonly pid: number
  /** What the ready pattern matched. */
  readonly ready: RegExpExecArray
  stop(): Promise<void>
}

/** taskset replaces itself by the command. The command does not outlive this process, however it ends short of a crash. */
function spawnOn(
  core: number,
  command: string,
  args: readonly string[],
): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn('taskset', ['-c', String(core), command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('close', () => process.off('exit', kill))
  return child
}

/** Starts `command`, on the servers' core unless another is named. */
export async function startServer(
  command: string,
  args: readonly string[],
  ready: RegExp,
  core = SERVER_CORE,
): Promise<Server> {
  const child = spawnOn(core, command, args)
  const tail: string[] = []
  const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>()
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      tail.push(line)
      if (tail.length > 20) tail.shift()
      const match = ready.exec(line)
      if (match !== null) resolve(match)
    })
  }
  const fail = (why: string) => reject(new Error(`${command} ${args.join(' ')}: ${why}\n${tail.join('\n')}`))
  child.once('error', (error) => fail(error.message))
  child.once('close', (code, signal) => fail(`ended with ${code ?? signal} before it was ready`))
  const timer = setTimeout(() => fail(`not ready within ${START_MS / 1000} s`), START_MS)
  try {
    return { pid: child.pid!, ready: await promise, stop: () => stop(child) }
  } catch (error) {
    await stop(child)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await closed
  clearTimeout(timer)
}

/** Runs `command` to its end, on the loads' core unless another is named, and returns what it printed on standard output. */
export async function runLoad(command: string, args: readonly string[], core = LOAD_CORE): Promise<string> {
  const child = spawnOn(core, command, args)
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ended with ${code}\n${output}${errors}`)
  return output
}
