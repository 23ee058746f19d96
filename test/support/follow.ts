/**
 * Follows a page word by word, with one shell in an empty folder, and compares what it prints with what the page shows. Only
 * the ports are others, since those of the page may be taken here; `holdfast dev` is told which.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Step, stepsOf } from './guide.ts'

export interface Surroundings {
  /** A folder for this page; the shell starts in `work` of it. */
  readonly folder: string
  /** Commands that are found before all others, by name: each a shell script. */
  readonly commands: Readonly<Record<string, string>>
}

const PORTS = ['8443', '8444', '3000']
const PATIENCE_MS = 180_000

export async function follow(page: string, { folder, commands }: Surroundings): Promise<void> {
  for (const name of ['bin', 'work']) mkdirSync(join(folder, name), { recursive: true })
  for (const [name, script] of Object.entries(commands)) {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(folder, 'bin', name), 0o755)
  }
  const steps = stepsOf(page)
  assert.ok(steps.length > 0, `${page} has no steps`)

  const path = [join(folder, 'bin'), dirname(process.execPath), process.env.PATH].join(':')
  const shell = spawn('bash', ['-c', scriptOf(steps, await freePorts())], {
    cwd: join(folder, 'work'),
    env: { ...process.env, PATH: path, npm_lifecycle_event: '' },
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const killAll = () => {
    try {
      process.kill(-shell.pid!, 'SIGKILL')
    } catch {
      // Nobody of it is left.
    }
  }
  const late = setTimeout(killAll, PATIENCE_MS)
  process.once('exit', killAll)
  const said = text(shell.stderr)
  const [code] = await once(shell, 'exit')
  clearTimeout(late)
  process.removeListener('exit', killAll)
  // What goes on, with all that it started.
  killAll()
  const stderr = await said

  const toldIn = (step: number) => {
    const file = join(folder, `step-${step}`)
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }
  const reached = Number(readFileSync(join(folder, 'reached'), 'utf8'))
  const where = (step: number) => `${basename(page)}: ${steps[step]!.title}\n${stderr}`
  for (const [step, { output }] of steps.slice(0, reached + 1).entries()) {
    if (output !== undefined) assert.equal(toldIn(step), output, where(step))
  }
  assert.equal(code, 0, `${where(reached)}\n${toldIn(reached)}`)
  assert.equal(reached, steps.length - 1)
}

/** One script: each step's output goes into a file of its own; the first command that fails ends it. */
function scriptOf(steps: readonly Step[], ports: ReadonlyMap<string, number>): string {
  const ported = (script: string) => {
    const named = script.replaceAll('holdfast dev', 'holdfast dev --port 8443 --admin-port 8444')
    return PORTS.reduce((all, port) => all.replaceAll(port, String(ports.get(port))), named)
  }
  const blocks = steps.map(({ script, port }, step) => {
    const begin = `exec > ../step-${step}; echo ${step} > ../reached`
    if (port === undefined) return `${begin}\n${ported(script)}`
    const answers = `(: < /dev/tcp/localhost/${ports.get(String(port))}) 2> /dev/null`
    return `${begin}\n{ ${ported(script)} } &\nuntil ${answers}; do kill -0 $!; sleep 0.1; done`
  })
  return `set -euo pipefail\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n${blocks.join('\n')}\n`
}

/** For each port of the pages one that nobody listens on; another program may take it before us, which is unlikely enough. */
async function freePorts(): Promise<ReadonlyMap<string, number>> {
  const servers = PORTS.map(() => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const free = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return new Map(PORTS.map((port, n) => [port, free[n]!]))
}
