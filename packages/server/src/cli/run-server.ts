/**
 * Runs one server in this process from start to stop. The handlers of signals are set before anything opens, so a stop
 * that is asked for during start-up is kept and obeyed.
 */
import { compose, type Running } from '../compose.ts'
import type { Mode } from '../config/rules.ts'
import type { Config } from '../config/schema.ts'
import { makeLog } from './log.ts'
import { untilStopped } from './signals.ts'

/** Exit code, once it has stopped. `announce` is called once, when it accepts requests. */
export async function runServer(config: Config, mode: Mode, announce: (running: Running) => void): Promise<number> {
  const log = makeLog(config.log.level)
  const starting = compose(config, mode, log)
  const stopped = untilStopped(log, async (cause) => (await starting).close(cause))
  const running = await starting
  log.info({ ports: running.ports, pid: process.pid }, 'ready')
  announce(running)
  return stopped
}
