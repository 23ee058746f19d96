/**
 * The admin listener: probes and metrics, GET only, no data. It is plain HTTP on loopback and TLS elsewhere; who may reach
 * it is decided by where it listens. A request must name the listener's host exactly, so that a page in somebody's
 * browser cannot read it under a name of its own (DNS rebinding).
 */
import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import type { Health } from './health.ts'
import { createService, problem, type TellFault } from './service.ts'

export interface AdminOptions {
  readonly health: Health
  readonly registry: Registry
  /** Host names that a request may ask for, without port. */
  readonly hosts: readonly string[]
  readonly fault: TellFault
}

/** Answers /livez, /readyz (with `?verbose` check by check) and /metrics. */
export function createAdmin({ health, registry, hosts, fault }: AdminOptions): FastifyInstance {
  const app = createService(fault, ['GET'])
  const allowed = new Set(hosts.map((host) => host.toLowerCase()))

  app.addHook('onRequest', async (request, reply) => {
    const host = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '')
    if (!allowed.has(host)) return problem(request, reply, 'unknown-host')
  })

  app.get('/livez', async (_request, reply) => reply.type('text/plain; charset=utf-8').send('ok\n'))

  app.get('/readyz', async (request, reply) => {
    const checks = await health.checks()
    const ok = checks.every((check) => check.ok)
    const lines = checks.map(({ name, ok, problem }) => `[${ok ? '+' : '-'}] ${name}${ok ? '' : `: ${problem}`}\n`)
    const verbose = 'verbose' in (request.query as object)
    const verdict = ok ? 'ok\n' : 'not ready\n'
    return reply
      .code(ok ? 200 : 503)
      .headers(ok ? {} : { 'Retry-After': '1' })
      .type('text/plain; charset=utf-8')
      .send(verbose ? lines.join('') + verdict : verdict)
  })

  app.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
  return app
}
