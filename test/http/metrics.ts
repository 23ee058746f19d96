/** Figures of a server's /metrics. */
import type { Server } from '../support/site.ts'

/** The sum of all samples of this name whose labels contain these; 0 if there is none. */
export async function figure(
  server: Server,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { body } = await server.admin('/metrics')
  let sum = 0
  for (const line of body.split('\n')) {
    const [, found, text = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (found !== name) continue
    if (Object.entries(labels).every(([label, wanted]) => text.includes(`${label}="${wanted}"`))) sum += Number(value)
  }
  return sum
}
