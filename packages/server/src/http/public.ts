/**
 * Everything on the public listeners that is not a store: Kask's /healthz, the API's description and its page. The caller
 * is known, and needs no grant: nothing here tells more than the source code does, but for whether the instance is ready.
 */
import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { type ApiDocument, DOCS_POLICY, docsPage } from './docs-page.ts'
import type { Health } from './health.ts'
import { HealthSchema, openApi } from './openapi.ts'
import { createService, type TellFault } from './service.ts'

export interface PublicOptions {
  readonly health: Health
  readonly version: string
  /** Path before every store; begins and ends with a slash. */
  readonly base: string
  readonly fault: TellFault
}

/** Ready to route requests when it resolves. */
export async function createPublic({ health, version, base, fault }: PublicOptions): Promise<FastifyInstance> {
  const app = createService(fault, ['GET', 'HEAD'])
  await app.register(swagger, openApi(version, base))

  const schema = {
    summary: 'Whether this instance is ready, with the body that Kask answers',
    tags: ['health'],
    response: { 200: HealthSchema, 503: HealthSchema },
  }
  app.get('/healthz', { schema }, async (_request, reply) => {
    const body = { version, build_date: '', build_host: '', go_version: process.version }
    if (await health.ready()) return body
    return reply.code(503).header('Retry-After', '1').send(body)
  })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  app.get('/docs', { schema: { hide: true } }, async (_request, reply) => {
    return reply.type('text/html; charset=utf-8').header('Content-Security-Policy', DOCS_POLICY).send(page)
  })
  await app.ready()
  const page = docsPage(app.swagger() as ApiDocument)
  return app
}
