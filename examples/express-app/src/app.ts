/**
 * The application. What it does about sessions is all here: a new id at login, writes and ends that are awaited so that
 * their failures reach the visitor, and never a visitor taken for a stranger because a server is away.
 */
import { type Client, EndedError, LogoutPendingError } from '@holdfast/client'
import { destroySession, HoldfastStore, regenerateSession, requireSession, saveSession } from 'connect-holdfast'
import express, { type ErrorRequestHandler, type Express } from 'express'
import session from 'express-session'
import { headers, requireUser, sameOrigin } from './guards.ts'
import * as pages from './pages.ts'
import { checkPassword } from './users.ts'

declare module 'express-session' {
  interface SessionData {
    user: string
    since: string
    count: number
  }
}

const HOUR = 3_600_000

interface Options {
  readonly client: Client
  readonly production: boolean
  readonly trustProxy: string
  readonly secret: string
}

export function createApp({ client, production, trustProxy, secret }: Options): Express {
  const cookie = { httpOnly: true, sameSite: 'lax', secure: production, path: '/' } as const
  // A browser takes a __Host- cookie only over TLS and from this very host: no neighbour can plant one.
  const name = production ? '__Host-session' : 'session'

  const app = express()
  app.disable('x-powered-by')
  app.set('trust proxy', production && trustProxy)
  app.use(headers)
  app.use(express.static(`${import.meta.dirname}/../public`))
  app.use(sameOrigin)
  app.use(
    session({
      store: new HoldfastStore({ client }),
      secret,
      name,
      cookie: { ...cookie, maxAge: 8 * HOUR },
      rolling: true, // the cookie lives as long as the session: 8 hours after it was last used
      resave: false, // only what changed is written
      saveUninitialized: false, // no session, and no cookie, before somebody logs in
    }),
  )
  app.use(requireSession())
  app.use(express.urlencoded({ extended: false, limit: '4kb' }))

  app.get('/login', (_req, res) => void res.send(pages.loginPage()))

  app.post('/login', async (req, res) => {
    const { name: user, password } = req.body ?? {}
    if (typeof user !== 'string' || typeof password !== 'string' || !(await checkPassword(user, password))) {
      res.status(401).send(pages.loginPage('That name and password do not belong together.'))
      return
    }
    await regenerateSession(req) // whoever knew the id from before knows nothing now
    Object.assign(req.session, { user, since: new Date().toISOString(), count: 0 })
    await saveSession(req)
    res.redirect(303, '/')
  })

  app.get('/', requireUser, (req, res) => void res.send(pages.counterPage(req.session.user!, req.session.count!)))

  app.post('/count', requireUser, async (req, res) => {
    req.session.count!++
    await saveSession(req)
    res.redirect(303, '/')
  })

  app.get('/whoami', requireUser, (req, res) => {
    const { user, since, cookie } = req.session
    res.send(pages.whoamiPage(user!, new Date(since!), cookie.expires!))
  })

  app.post('/logout', async (req, res) => {
    await destroySession(req) // final when it resolves
    res.clearCookie(name, cookie)
    res.send(pages.loginPage('You are logged out.'))
  })

  app.use('/logout', logoutFailed)
  app.use(failed)
  return app
}

/** The cookie stays: without it nobody could end the session any more. */
const logoutFailed: ErrorRequestHandler = (error, _req, res, _next) => {
  console.error(`logout: ${error}`)
  const pending = error instanceof LogoutPendingError
  res.status(503).send(pending ? pages.logoutPendingPage() : pages.logoutFailedPage())
}

const failed: ErrorRequestHandler = (error, req, res, _next) => {
  console.error(`${req.method}: ${error}`)
  // A session was to be prolonged after the answer had gone: the visitor has what he asked for.
  if (res.headersSent) return
  // Logged out in another window, while this request was running.
  if (error instanceof EndedError) res.redirect(303, '/login')
  else if (error.status === 503) res.status(503).set('Retry-After', '5').send(pages.awayPage())
  else res.status(500).send(pages.brokenPage())
}
