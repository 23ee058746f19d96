/**
 * `holdfast dev`: everything a first request needs, on loopback only, and the lines to paste. It is the same server as in
 * production, from the same kind of configuration; what differs is that it accepts a keyset that nothing protects and an
 * authority it made itself. It says so loudly, and cannot be bound to anything but loopback.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { styleText } from 'node:util'
import { stringify } from 'yaml'
import { version } from '../common/version.ts'
import type { Running } from '../compose.ts'
import { parseConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import { isLoopback } from '../config/rules.ts'
import { DEV_CALLER, prepare } from './dev-files.ts'
import { invocation } from './invocation.ts'
import { namePort } from './port-taken.ts'
import { runServer } from './run-server.ts'
import { shellWord } from './shell-word.ts'

export interface DevOptions {
  readonly port: number
  readonly adminPort?: number
  readonly data: string
  readonly host: string
  readonly memory?: true
}

/** Exit code, once the server has stopped. */
export async function dev(options: DevOptions): Promise<number> {
  if (!isLoopback(options.host)) {
    throw new ConfigError([
      `--host ${options.host}: development mode listens on loopback only, because its keys are not protected.\n` +
        `  For a server that others reach: ${invocation} init FOLDER`,
    ])
  }
  const folder = resolve(options.data)
  const known = existsSync(folder)
  const made = await prepare(folder)
  const config = parseConfig(stringify(devConfig(options)), { name: 'dev', folder, development: true })
  const greet = ({ ports }: Running) => {
    // In one piece, after what the start itself logs.
    say(banner(folder, known, made, options.memory === true) + invitation(folder, ports))
  }
  const running = runServer(config, { development: true }, greet)
  return running.catch(namePort(ports(options)))
}

/** For each that is taken: who chose it, and another. */
function ports({ port, adminPort }: DevOptions): Parameters<typeof namePort>[0] {
  const mend = (option: string, taken: number) => `Try the same with ${option} ${taken > 60_000 ? 0 : taken + 1000}`
  const admin = adminPort ?? port + 1
  const chosen = adminPort === undefined ? '--admin-port, 1 above --port' : '--admin-port'
  return [
    { port, option: '--port', mend: mend('--port', port) },
    { port: admin, option: chosen, mend: mend('--admin-port', admin) },
  ]
}

/** As it would stand in a holdfast.yaml. */
function devConfig({ port, adminPort, host, memory }: DevOptions): unknown {
  return {
    listen: { host, port, certificate: 'tls/server.pem', key: 'tls/server-key.pem' },
    admin: { host, port: adminPort ?? (port === 0 ? 0 : port + 1) },
    authorities: [{ name: 'development', certificate: 'tls/ca.pem', vouchesFor: [DEV_CALLER] }],
    grants: [{ callers: [DEV_CALLER], stores: ['sessions', 'echoseen'], operations: ['read', 'write', 'end'] }],
    stores: [
      { path: 'sessions', final: true, ttl: '1d', maxTtl: '30d' },
      { path: 'echoseen', final: false, ttl: '1y', maxTtl: '1y' },
    ],
    keys: { stores: { file: 'keys/stores.json' } },
    engine: memory ? { memory: {} } : { embedded: { file: 'db/holdfast.sqlite' } },
    log: { level: 'warn' },
  }
}

function banner(folder: string, known: boolean, made: string[], memory: boolean): string {
  const title = ` Holdfast ${version} in DEVELOPMENT MODE: not for real sessions. `
  return `
${styleText(['bold', 'inverse'], title)}
Its keyset is not protected: whoever can read ${folder} can read and change everything in it.

${made.length === 0 ? 'Using' : known ? 'Using, with new parts' : 'Made'} ${folder}
${made.map((line) => `  ${line}\n`).join('')}${memory ? 'Records are kept in memory only: all are lost when it stops.\n' : ''}
Stores:
  sessions  final: an ended key stays ended; 1 day, at most 30
  echoseen  reusable: an ended key may be written again; 1 year
`
}

/** Lines to paste, each whole in itself, with a key that nobody has used. */
function invitation(folder: string, ports: { public: number; admin: number }): string {
  const tls = (name: string) => shellWord(join(folder, 'tls', name))
  const curl = `curl -sSi --cacert ${tls('ca.pem')} --cert ${tls('client.pem')} --key ${tls('client-key.pem')}`
  const origin = `https://localhost:${ports.public}`
  const url = `${origin}/sessions/v1/${randomBytes(16).toString('hex')}`
  return `
Try it, in another terminal:

# Keep a value: 201
${curl} -X PUT --data-binary 'hello, session' ${url}

# Read it: 200 and the same bytes
${curl} -w '\\n' ${url}

# End it: 204
${curl} -X DELETE ${url}

# It is gone: 404
${curl} ${url}

Next, send the first line once more: 409, because a session that was ended stays ended.
Probes and metrics: http://localhost:${ports.admin}/readyz?verbose and /metrics
The interface, described: ${origin}/docs and /openapi.json (with the certificate, as above)
For production: ${invocation} init FOLDER

${styleText('bold', `Ready on ${origin}`)} (Ctrl-C stops it)
`
}

function say(text: string): void {
  process.stdout.write(text)
}
