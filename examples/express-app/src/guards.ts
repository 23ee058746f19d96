/** What every request passes before it reaches a route. */
import type { RequestHandler } from 'express'

/** No script runs, nothing is loaded from elsewhere, nobody frames the page, no cache keeps it. */
export const headers: RequestHandler = (_req, res, next) => {
  res.set({
    'Content-Security-Policy':
      "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  })
  next()
}

/**
 * A page of another site must not act in a visitor's name (CSRF). Browsers say where a request comes from, and no script
 * can change what they say; whoever does not say it is refused.
 */
export const sameOrigin: RequestHandler = (req, res, next) => {
  if (['GET', 'HEAD'].includes(req.method) || req.get('Sec-Fetch-Site') === 'same-origin') next()
  else res.status(403).type('text').send('This request does not come from this site.\n')
}

export const requireUser: RequestHandler = (req, res, next) => {
  if (req.session.user !== undefined) next()
  else res.redirect(303, '/login')
}
