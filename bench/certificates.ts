/** Certificates of one run, valid for a day, from an authority whose key is not kept: P-256, as an operator would choose. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inDays, issue, makeAuthority } from '../packages/server/src/cli/pki.ts'

/** Whom the client certificate names. */
export const CLIENT = 'spiffe://example.org/bench'

/** Paths of PEM files: the authority, the servers' pair, the client's pair. */
export interface Certificates {
  readonly authority: string
  readonly certificate: string
  readonly key: string
  readonly clientCertificate: string
  readonly clientKey: string
}

export async function certificates(folder: string): Promise<Certificates> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const put = (name: string, text: string): string => {
    const file = join(folder, name)
    writeFileSync(file, text, { mode: 0o600 })
    return file
  }
  const notAfter = inDays(1)
  const authority = await makeAuthority('Bench authority', { notAfter })
  const server = await issue({ authority, name: 'server', ips: ['127.0.0.1'], usages: ['server'], notAfter })
  const client = await issue({ authority, name: 'client', uris: [CLIENT], usages: ['client'], notAfter })
  return {
    authority: put('ca.pem', authority.certificate),
    certificate: put('server.pem', server.certificate),
    key: put('server-key.pem', server.key),
    clientCertificate: put('client.pem', client.certificate),
    clientKey: put('client-key.pem', client.key),
  }
}
