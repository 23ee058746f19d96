/**
 * Fastify as both listeners of ours use it: answers from the one error table, nothing logged, nothing added to answers.
 * It never sees a store's path, so its router's own ideas about paths do not matter.
 */
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { PROBLEMS, type ProblemCode } from '../common/problems.ts'
import { requestIdOf } from './exchange.ts'
import { problemBody } from './problems.ts'

/** Told of faults in this program; an error of it holds no request. */
export type TellFault = (error: unknown, requestId: string) => void

/** `methods`: all that are served here; a path that exists answers others with 405. */
export function createService(fault: TellFault, methods: readonly string[]): FastifyInstance {
  const app = fastify({
    logger: false,
    exposeHeadRoutes: methods.includes('HEAD'),
    frameworkErrors: (_error, request, reply) => problem(request, reply, 'no-such-path'),
  })
  // Nothing here takes a body, so methods that may have one are answered before Fastify looks for it.
  app.addHook('onRequest', async (request, reply) => {
    if (!methods.includes(request.method)) return missing(app, request, reply)
  })
  app.setErrorHandler((error, request, reply) => {
    fault(error, requestIdOf(request.raw))
    return problem(request, reply, 'server_error')
  })
  app.setNotFoundHandler((request, reply) => missing(app, request, reply))
  return app
}

/** No such route, or not with this method. */
function missing(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?', 1)[0]!
  if (!app.hasRoute({ method: 'GET', url: path })) return problem(request, reply, 'no-such-path')
  reply.header('Allow', app.hasRoute({ method: 'HEAD', url: path }) ? 'GET, HEAD' : 'GET')
  return problem(request, reply, 'method-not-allowed')
}

export function problem(request: FastifyRequest, reply: FastifyReply, code: ProblemCode): FastifyReply {
  const { status, retryAfter } = PROBLEMS[code]
  if (retryAfter !== undefined) reply.header('Retry-After', String(retryAfter))
  // As bytes: to a string Fastify would add a charset, which this type does not have.
  const body = Buffer.from(problemBody(code, requestIdOf(request.raw)))
  return reply
    .code(status)
    .headers({ 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store' })
    .type('application/problem+json')
    .send(body)
}
