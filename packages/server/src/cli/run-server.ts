/**
 * Runs one server in this process from start to stop. The handlers of signals are set in the turn in which the start
 * begins, so a stop that is asked for during start-up is kept, and obeyed once it has started.
 */
import { compose, type Running } from '../compose.ts'
import { loadConfig } from '../config/load.ts'
import type { Mode } from '../config/rules.ts'
import type { Config } from '../config/schema.ts'
import { explain } from './exit.ts'
import { makeLog } from './log.ts'
import { closeOpenings } from './openings.ts'
import { untilStopped } from './signals.ts'

/**
 * Exit code, once it has stopped. `announce` is called once, when it accepts requests. `file`: where the configuration is
 * from; without it, it is never reloaded.
 */
export async function runServer(
  config: Config,
  mode: Mode,
  announce: (running: Running) => void,
  file?: string,
): Promise<number> {
  const log = makeLog(config.log.level)
  if (!mode.development) closeOpenings(log)
  const source = file === undefined ? undefined : { file, load: () => loadConfig(file), explain: textOf }
  let running: Running | undefined
  const starting = compose(config, mode, log, source)
  const stopped = untilStopped(log, {
    stop: async (cause) => (await starting).close(cause),
    ...(source && {
      // A start that fails is told by who awaits it.
      reload: () =>
        void starting.then(
          (running) => running.reload(),
          () => {},
        ),
    }),
    fell: () => running?.fell(),
  })
  running = await starting
  log.info({ ports: running.ports, pid: process.pid }, 'ready')
  announce(running)
  return stopped
}

function textOf(error: unknown): string {
  return explain(error).text
}
