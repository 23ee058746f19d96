/**
 * Ways into the server's process by its own options and environment: inspectors, what prints or writes secrets, code that
 * is loaded beside ours, TLS that was told not to look. Of variables the names are told, never what is in them. SIGUSR1
 * is not looked at: a server takes it.
 */
import type { Config } from '../../config/schema.ts'
import { EXPOSING_VARIABLES, exposedBy, nameOf, optionsIn } from '../openings.ts'
import type { Facts } from './facts.ts'
import { type Finding, hidden, inUnit, ok, problem, warning } from './finding.ts'

/** Options of Node that load code before ours. */
const LOADING = new Set(['--import', '--require', '-r', '--loader', '--experimental-loader'])

type Verdict = [level: 'warning' | 'problem', says: string]
type Judge = (value: string) => Verdict | undefined

/** Variables of the environment that weaken a server. */
const VARIABLES: Readonly<Record<string, Judge>> = {
  ...Object.fromEntries(
    Object.entries(EXPOSING_VARIABLES).map(([name, why]) => [name, (): Verdict => ['problem', why]]),
  ),
  NODE_TLS_REJECT_UNAUTHORIZED: (value) => (value === '0' ? ['problem', 'lets TLS accept any certificate'] : undefined),
  NODE_EXTRA_CA_CERTS: () => ['warning', 'makes TLS trust more than the configuration says'],
  LD_PRELOAD: () => ['warning', 'loads code beside ours'],
  LD_LIBRARY_PATH: () => ['warning', 'may load code beside ours'],
}

export function debugging({ server, config, file }: Facts): Finding[] {
  if (server.state !== 'running') {
    const here = inEnvironment(process.env, 'the environment of this shell', (name) => `unset ${name}`)
    return here.length > 0
      ? here
      : [ok('nothing in the environment of this shell opens a server that is started from it')]
  }
  const running = server.process
  if (running === undefined) return []
  const found = [
    ...inOptions(running.options, 'its command line'),
    ...(running.environment === undefined
      ? [hidden("the environment of the server's process", file)]
      : inEnvironment(running.environment, 'its environment', (name) => inUnit(`UnsetEnvironment=${name}`))),
    ...strangePorts(running.ports, config),
  ]
  return found.length > 0 ? found : [ok('no option, variable or port opens the process')]
}

function inOptions(options: readonly string[], where: string): Finding[] {
  const exposed = exposedBy(options).map(({ option, why }) => {
    return problem(`${option} in ${where} ${why}`, `take ${option} out of ${where}, and start it again`)
  })
  const loaded = options.map(nameOf).filter((option) => LOADING.has(option))
  return [
    ...exposed,
    ...loaded.map((option) => {
      return warning(
        `${option} in ${where} loads code beside ours`,
        `take ${option} out of ${where}, and start it again`,
      )
    }),
  ]
}

function inEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  where: string,
  unset: (name: string) => string,
): Finding[] {
  const variables = Object.entries(VARIABLES).flatMap(([name, judge]) => {
    const value = environment[name]
    const verdict = value === undefined || value === '' ? undefined : judge(value)
    if (verdict === undefined) return []
    const [level, says] = verdict
    return [{ level, what: `${name} in ${where} ${says}`, mend: unset(name) }]
  })
  return [...inOptions(optionsIn(environment.NODE_OPTIONS), `NODE_OPTIONS of ${where}`), ...variables]
}

/** An inspector is one; so is whatever else we do not open. */
function strangePorts(ports: readonly number[], { listen, basicListen, admin }: Config): Finding[] {
  const ours = [listen.port, basicListen?.port, admin.port]
  // The system chose one, so none can be told apart.
  if (ours.includes(0)) return []
  return ports
    .filter((port) => !ours.includes(port))
    .map((port) =>
      problem(
        `its process listens on port ${port}, which the configuration does not have`,
        'systemctl restart holdfast',
      ),
    )
}
