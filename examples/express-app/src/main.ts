/** Starts the application and, on SIGTERM, ends it in order: no new requests, then no more sessions. */
import { existsSync } from 'node:fs'
import { createClient } from '@holdfast/client'
import { createApp } from './app.ts'
import { host, port, production, readSecret, tlsFolder, trustProxy, url } from './settings.ts'

if (!existsSync(tlsFolder)) {
  console.error(`${tlsFolder} is not there. Start Holdfast first: npm start, in the root of the checkout`)
  process.exit(1)
}
const client = createClient({
  url,
  tls: {
    caFile: `${tlsFolder}/ca.pem`,
    certFile: `${tlsFolder}/client.pem`,
    keyFile: `${tlsFolder}/client-key.pem`,
  },
})
client.on('disconnect', (error) => console.error(`Holdfast is away: ${error?.message}`))
client.on('connect', () => console.error('Holdfast can be reached'))

const app = createApp({ client, production, trustProxy, secret: readSecret() })
const server = app.listen(port, host, (error) => {
  if (error) throw error
  const address = server.address()
  const chosen = typeof address === 'object' ? address?.port : port
  console.log(`The application runs on http://localhost:${chosen} (log in as alice, password: wonderland)`)
})

process.once('SIGTERM', () => {
  server.close(() => client.close())
  // Browsers hold spare connections open; what is under way gets three seconds.
  setTimeout(() => server.closeAllConnections(), 3000).unref()
})
