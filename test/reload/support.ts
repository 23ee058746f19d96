/** What the tests of reloading share: certificates of any authority, and a server that is told to reload and heard out. */
import { once } from 'node:events'
import { type ConnectionOptions, connect } from 'node:tls'
import { type Issued, type IssuingAuthority, inDays, issue } from '../../packages/server/src/cli/pki.ts'
import { head, Wire } from '../http/wire.ts'
import type { Server } from '../support/site.ts'

/** What the server said of a reload. */
export interface Told {
  readonly msg: string
  readonly cause: string
  readonly changed: readonly string[]
  /** Why it failed. */
  readonly problem?: string
}

type Cause = 'SIGHUP' | 'files' | 'retry'

/** Reloads that were told of, in order. A failure that lasts is told once for each cause but SIGHUP. */
export function reloads(server: Server, cause: Cause): Told[] {
  const lines = server.program.lines() as unknown as Told[]
  return lines.filter((line) => /^(not )?reloaded/.test(line.msg) && line.cause === cause)
}

/** Does something, and resolves with the next reload of that cause. */
export async function reloadBy(server: Server, cause: Cause, act: () => void): Promise<Told> {
  const before = reloads(server, cause).length
  act()
  return server.program.until(`a reload by ${cause}`, () => reloads(server, cause)[before])
}

/** Sends SIGHUP; resolves when the server has said what came of it. */
export function hangUp(server: Server): Promise<Told> {
  return reloadBy(server, 'SIGHUP', () => server.program.child.kill('SIGHUP'))
}

/** As {@link hangUp}; fails unless these kinds and no others changed. */
export async function take(server: Server, ...changed: string[]): Promise<void> {
  const told = await hangUp(server)
  if (told.msg !== 'reloaded') throw new Error(told.problem)
  if (told.changed.join() !== changed.join()) throw new Error(`changed: ${told.changed}, and not ${changed}`)
}

export const spiffe = (name: string) => `spiffe://example.org/${name}`

/** A certificate for the caller of this name; a day long unless said otherwise. */
export function clientOf(authority: IssuingAuthority, name: string, notAfter = inDays(1)): Promise<Issued> {
  return issue({ authority, name, uris: [spiffe(name)], usages: ['client'], notAfter })
}

/** Where a client with this certificate knocks. */
export function door({ site, ports }: Server, { certificate, key }: Issued): ConnectionOptions {
  const ca = site.authority.certificate
  return { host: '127.0.0.1', servername: 'localhost', port: ports.public, ca, cert: certificate, key }
}

/** Where a client without one does; it sends {@link secretOf} with each request. */
export function basicDoor({ site, ports }: Server): ConnectionOptions {
  return { host: '127.0.0.1', servername: 'localhost', port: ports.basic!, ca: site.authority.certificate }
}

/** The header of a basic caller. */
export function secretOf(name: string, secret: string): string {
  return `Authorization: Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
}

/** A PUT of five bytes whose last two (`ue`) are still to come, and which the server has begun to read. */
export async function uploading(at: ConnectionOptions, key: string, ...headers: string[]): Promise<Wire> {
  const wire = await Wire.open(at)
  wire.send(head('PUT', `/sessions/v1/${key}`, 'Expect: 100-continue', 'Content-Length: 5', ...headers))
  await wire.continued()
  return wire.send('val')
}

/** Serial number of the certificate that a new connection is shown; hex, lower case. */
export async function servedSerial(server: Server, port = server.ports.public): Promise<string> {
  const socket = connect({ ...basicDoor(server), port }).on('error', () => {})
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerX509Certificate()!
  socket.destroy()
  return serialNumber.toLowerCase()
}
