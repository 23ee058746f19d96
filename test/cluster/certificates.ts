/**
 * The certificates of a cluster: an authority of its own, a pair for each node that names its address, a pair for clients. Clients
 * and nodes need one to be answered at all. The authority's key stays in the folder, since a node that takes another's place
 * needs a certificate too: a cluster for tests, not to be trusted with anything.
 */
import { createPrivateKey } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  authorityOf,
  type IssuingAuthority,
  inDays,
  issue,
  makeAuthority,
  pkcs8,
} from '../../packages/server/src/cli/pki.ts'

const DAYS = 30

/** Paths of PEM files. */
export interface ClientFiles {
  readonly authority: string
  readonly clientCertificate: string
  readonly clientKey: string
}

export function clientFiles(folder: string): ClientFiles {
  const path = (name: string) => join(folder, 'tls', name)
  return { authority: path('ca.pem'), clientCertificate: path('client.pem'), clientKey: path('client-key.pem') }
}

/** What {@link clientFiles} names, made anew. */
export async function makeClientFiles(folder: string): Promise<void> {
  mkdirSync(join(folder, 'tls'), { recursive: true, mode: 0o700 })
  const notAfter = inDays(DAYS)
  const authority = await makeAuthority('Test cluster', { notAfter })
  const client = await issue({ authority, name: 'client', dns: ['client.test'], usages: ['client'], notAfter })
  const files = clientFiles(folder)
  write(files.authority, authority.certificate)
  write(authorityKey(folder), await pkcs8(authority.keys))
  write(files.clientCertificate, client.certificate)
  write(files.clientKey, client.key)
}

/** A node's pair and its authority in one file, as Cassandra reads them. To other nodes it is also a client. */
export async function makeNodeFile(folder: string, file: string, host: string): Promise<void> {
  const authority = readAuthority(folder)
  const usages = ['server', 'client'] as const
  // On loopback a node's connections come from the first address, whichever its own is, and others verify that.
  const ips = host.startsWith('127.') ? [host, '127.0.0.1'] : [host]
  const { certificate, key } = await issue({ authority, name: host, ips, usages, notAfter: inDays(DAYS) })
  write(file, [key, certificate, authority.certificate].map((pem) => `${pem.trim()}\n`).join(''))
}

function readAuthority(folder: string): IssuingAuthority {
  const key = createPrivateKey(readFileSync(authorityKey(folder)))
  return authorityOf(readFileSync(clientFiles(folder).authority, 'utf8'), key)
}

function authorityKey(folder: string): string {
  return join(folder, 'tls', 'ca-key.pem')
}

function write(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 })
}
