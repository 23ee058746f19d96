/** The server that runs with this configuration, by what it says of itself on the admin listener. */
import type { Answer } from './admin-client.ts'
import type { Facts } from './facts.ts'
import { type Finding, hidden, ok, problem } from './finding.ts'

/** Figures that are 0 while all is well. */
const ALARMS: readonly [metric: string, level: 'warning' | 'problem', says: string, mend: string][] = [
  [
    'holdfast_reload_failed',
    'problem',
    'what it read last is broken, so it serves by what it had before',
    'see the first lines above and the log; then: systemctl reload holdfast',
  ],
  ['holdfast_audit_lines_failed', 'problem', 'audit lines were refused by their file', 'make room, or mend its folder'],
]

export function server({ config, server, file }: Facts): Finding[] {
  const { host, port } = config.admin
  const place = `${host}:${port}`
  if (server.state === 'unknown') return [ok(`the server was not looked at: ${server.why}`)]
  if (server.state === 'none') return [ok(`no server runs here: nobody listens on ${place}`)]
  const { ready, metrics, process } = server
  if (ready instanceof Error || metrics instanceof Error) {
    const says = `somebody listens on ${place} and does not answer as a server of this configuration`
    return [problem(says, `see who it is: ss -ltnp 'sport = :${port}'`)]
  }
  if (figure(metrics, 'holdfast_reload_failed') === undefined) {
    return [problem(`on ${place} listens another program than holdfast`, `see which: ss -ltnp 'sport = :${port}'`)]
  }
  const { port: stores } = config.listen
  if (process !== undefined && stores !== 0 && !process.ports.includes(stores)) {
    const says = `process ${process.pid} listens on ${place} and not on port ${stores}: it has another configuration`
    return [problem(says, 'give each server an admin.port of its own')]
  }
  const found: Finding[] = []
  if (ready.status !== 200) {
    const failed = ready.body.split('\n').filter((line) => line.startsWith('[-] '))
    found.push(
      problem(`not ready: ${failed.map((line) => line.slice(4)).join('; ')}`, `curl http://${place}/readyz?verbose`),
    )
  }
  for (const [metric, level, says, mend] of ALARMS) {
    if (figure(metrics, metric) !== 0) found.push({ level, what: says, mend })
  }
  if (process === undefined) found.push(hidden(`the server's process, of user ${server.uid},`, file))
  return found.length > 0 ? found : [ok(`process ${process!.pid} is ready, on ${place}`)]
}

function figure({ body }: Answer, name: string): number | undefined {
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(body)?.[1]
  return value === undefined ? undefined : Number(value)
}
