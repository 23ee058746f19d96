/** `holdfast serve`: the server, from a configuration file. Standard output carries JSON lines only: log and audit. */
import { loadConfig } from '../config/load.ts'
import { namePort } from './port-taken.ts'
import { runServer } from './run-server.ts'

/** Exit code, once the server has stopped. */
export async function serve(file: string): Promise<number> {
  const config = loadConfig(file)
  const { listen, basicListen, admin } = config
  const options = Object.entries({ listen, basicListen, admin }).flatMap(([name, listener]) => {
    if (listener === undefined) return []
    const { port } = listener
    return [{ port, option: `${name}.port`, mend: `Who has it: ss -ltnp 'sport = :${port}'. Or give another.` }]
  })
  return runServer(config, { development: false }, () => {}, file).catch(namePort(options))
}
