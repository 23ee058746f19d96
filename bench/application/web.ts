/**
 * The application under test: Express with express-session over one of the stores, plain HTTP in front, one session of
 * about 1.5 KB read by each request. `node web.ts OPTIONS-AS-JSON` prints `web ready PORT`.
 *
 * Everything but the store is the same, and options are what the stores' readmes show; connect-redis is met twice, since
 * by default it sends a second command with every request, to prolong the session.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import session, { type SessionData, type Store } from 'express-session'
import { createClient } from '../../packages/client/src/index.ts'
import { HoldfastStore, saveSession } from '../../packages/connect-holdfast/src/index.ts'
import { framework } from '../../test/frameworks/install.ts'

export const STORES = ['none', 'memory', 'connect-redis', 'connect-redis, disableTouch', 'connect-holdfast'] as const
export type StoreName = (typeof STORES)[number]

export interface WebOptions {
  readonly store: StoreName
  readonly redisPort?: number
  readonly holdfastPort?: number
  /** PEM files: the authority of both servers, the client's own certificate and key. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

type Request = IncomingMessage & { session: session.Session & Partial<SessionData> & { user?: string; cart?: string } }

if (import.meta.main) await main(JSON.parse(process.argv[2]!))

async function main(options: WebOptions): Promise<void> {
  const { default: express } = await framework('express')
  const app = express()
  app.disable('x-powered-by')
  app.get('/plain', (_req: Request, res: ServerResponse) => res.end('user'))
  if (options.store !== 'none') {
    const store = await storeOf(options)
    const cookie = { maxAge: 86_400_000 }
    app.use(
      session({ secret: 'of the bench', resave: false, saveUninitialized: false, cookie, ...(store && { store }) }),
    )
    app.post('/login', async (req: Request, res: ServerResponse) => {
      req.session.user = 'user'
      req.session.cart = 'x'.repeat(1350)
      await saveSession(req)
      res.end('in')
    })
    app.get('/', (req: Request, res: ServerResponse) => res.end(req.session.user ?? 'nobody'))
  }
  const server = app.listen(0, '127.0.0.1', () => console.log(`web ready ${(server.address() as AddressInfo).port}`))
}

/** `undefined`: express-session's own, in memory. */
async function storeOf(options: WebOptions): Promise<Store | undefined> {
  const { store, redisPort, holdfastPort } = options
  if (store === 'memory') return undefined
  const [ca, cert, key] = [options.authority, options.certificate, options.key].map((file) => readFileSync(file))
  if (store === 'connect-holdfast') {
    const client = createClient({ url: `https://127.0.0.1:${holdfastPort}`, tls: { ca: ca!, cert: cert!, key: key! } })
    return new HoldfastStore({ client, ttl: 86_400 })
  }
  const [{ createClient: createRedis }, { RedisStore }] = await Promise.all(['redis', 'connect-redis'].map(framework))
  const client = createRedis({ socket: { host: '127.0.0.1', port: redisPort, tls: true, ca } })
  await client.connect()
  return new RedisStore({ client, disableTouch: store !== 'connect-redis' })
}
