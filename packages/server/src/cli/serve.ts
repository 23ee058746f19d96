/** `holdfast serve`: the server, from a configuration file. Standard output carries JSON lines only: log and audit. */
import { loadConfig } from '../config/load.ts'
import { runServer } from './run-server.ts'

/** Exit code, once the server has stopped. */
export async function serve(file: string): Promise<number> {
  return runServer(loadConfig(file), { development: false }, () => {})
}
