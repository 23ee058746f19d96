/**
 * What `holdfast dev` needs on disk, made on the first start and used again later: `keys/` (a keyset that nothing
 * protects), `tls/` (an authority, a server certificate for this machine alone, a client certificate) and `db/`. A new
 * folder tells git to ignore it.
 *
 * Each of the three is there as a whole or not at all: `tls/` is made beside its place and moved. The authority's key is
 * not kept: nobody can issue further certificates from what lies there. The authority's name tells a production server
 * to refuse it.
 */
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEVELOPMENT_AUTHORITY } from '../access/authorities.ts'
import { createKeysetFile, Keyset } from '../records/index.ts'
import { inDays, issue, makeAuthority } from './pki.ts'

/** Who the client certificate names. */
export const DEV_CALLER = 'spiffe://holdfast.dev/client'
const DAYS = 365
const CERTIFICATES = ['ca.pem', 'server.pem', 'client.pem']
const KEYS = ['server-key.pem', 'client-key.pem']

/** Makes what is missing in `folder`; tells what it made, one line each. */
export async function prepare(folder: string): Promise<string[]> {
  const made: string[] = []
  // A folder that was there may hold other things, too.
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined)
    writeFileSync(join(folder, '.gitignore'), '*\n')
  for (const name of ['keys', 'db']) mkdirSync(join(folder, name), { recursive: true, mode: 0o700 })
  const keyset = join(folder, 'keys', 'stores.json')
  if (!existsSync(keyset)) {
    await createKeysetFile(keyset, Keyset.generate('stores'), 'unwrapped')
    made.push('keys/  a keyset, which seals every record')
  }
  if (!isUsable(join(folder, 'tls'))) {
    await makeCertificates(folder)
    made.push(`tls/   an authority, a server certificate for localhost, a client certificate for ${DEV_CALLER}`)
  }
  return made
}

/** All files are there, and no certificate ends within a day. */
function isUsable(tls: string): boolean {
  if (![...CERTIFICATES, ...KEYS].every((name) => existsSync(join(tls, name)))) return false
  const tomorrow = Date.now() + 86_400_000
  return CERTIFICATES.every((name) => {
    return new X509Certificate(readFileSync(join(tls, name))).validToDate.getTime() > tomorrow
  })
}

async function makeCertificates(folder: string): Promise<void> {
  const notAfter = inDays(DAYS)
  const authority = await makeAuthority(DEVELOPMENT_AUTHORITY, { notAfter })
  const server = await issue({
    authority,
    name: 'localhost',
    dns: ['localhost'],
    ips: ['127.0.0.1', '::1'],
    usages: ['server'],
    notAfter,
  })
  const client = await issue({ authority, name: 'client', uris: [DEV_CALLER], usages: ['client'], notAfter })
  const fresh = mkdtempSync(join(folder, 'tls-'))
  const put = (name: string, text: string) => writeFileSync(join(fresh, name), text, { mode: 0o600 })
  put('ca.pem', authority.certificate)
  put('server.pem', server.certificate)
  put('server-key.pem', server.key)
  put('client.pem', client.certificate)
  put('client-key.pem', client.key)
  rmSync(join(folder, 'tls'), { recursive: true, force: true })
  renameSync(fresh, join(folder, 'tls'))
}
