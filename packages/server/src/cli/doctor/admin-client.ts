/**
 * Asks the admin listener of a server on this machine, as the configuration says where it is. TLS is checked against the
 * very certificate of the configuration and nothing else, so no other program is taken for the server.
 */
import { readFileSync } from 'node:fs'
import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { text } from 'node:stream/consumers'
import type { Config } from '../../config/schema.ts'

export interface Answer {
  readonly status: number
  readonly body: string
}

const PATIENCE_MS = 3_000

/** GET; rejects as the network does. */
export function askAdmin({ host, port, hosts, certificate }: Config['admin'], path: string): Promise<Answer> {
  const place = { host: here(host), port, path, headers: { host: `${hosts[0]}:${port}` }, agent: false as const }
  const signal = AbortSignal.timeout(PATIENCE_MS)
  return new Promise((resolve, reject) => {
    const take = (response: IncomingMessage) => {
      text(response).then((body) => resolve({ status: response.statusCode!, body }), reject)
    }
    const asked =
      certificate === undefined
        ? requestPlain({ ...place, signal }, take)
        : requestTls({ ...place, signal, ...pinned(certificate) }, take)
    asked.on('error', reject).end()
  })
}

/** Where something that listens on every address can be reached. */
function here(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
}

function pinned(certificate: string) {
  return { ca: readFileSync(certificate), allowPartialTrustChain: true, checkServerIdentity: () => undefined }
}
