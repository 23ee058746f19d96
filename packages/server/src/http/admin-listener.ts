/**
 * Where the admin service listens: plain HTTP where there is no TLS, which the configuration allows on loopback alone, else
 * HTTPS with the bounds and the audit of every other listener (./secure-server.ts). It asks nobody for a certificate.
 */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { Server, ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { createSecureServer, type Guard } from './secure-server.ts'

export interface AdminListenerOptions {
  readonly host: string
  readonly port: number
  /** As ./tls.ts gives them; absent: plain HTTP. */
  readonly tls: ServerOptions | undefined
  readonly guard: Omit<Guard, 'listener' | 'identify'>
  /** For a whole head and for a whole request, in ms. */
  readonly timeouts: { readonly head: number; readonly request: number }
}

export interface AdminListener {
  readonly port: number
  /** New connections get these settings. Not for a listener without TLS. */
  renew(tls: ServerOptions): void
  /** Closes whatever is open, at once. */
  close(): Promise<void>
}

/** Resolves when it listens. */
export async function listenAdmin(app: FastifyInstance, options: AdminListenerOptions): Promise<AdminListener> {
  const { host, port, tls, guard, timeouts } = options
  await app.ready()
  const serve: RequestListener = (req, res) => app.routing(req, res)
  const bounds = { headersTimeout: Math.min(timeouts.head, timeouts.request), requestTimeout: timeouts.request }
  const server =
    tls === undefined
      ? createServer(bounds, serve)
      : createSecureServer({ ...bounds, ...tls }, { ...guard, listener: 'admin' }, serve)
  server.listen(port, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    renew: (tls) => (server as Server).setSecureContext(tls),
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
      await app.close()
    },
  }
}
