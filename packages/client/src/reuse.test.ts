/** A busy application: answers come before the event loop has told that their requests went out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { inDays, issue, makeAuthority } from '../../server/src/cli/pki.ts'
import { createClient } from './index.ts'

/** A server on a thread of its own, so that it answers while this one does not look. It tells its port, and when asked, its connections. */
const SERVER = `
const { parentPort, workerData } = require('node:worker_threads')
let connections = 0
const answer = (req, res) => {
  const fields = { 'X-Request-ID': req.headers['x-request-id'], ETag: '"a"', 'Holdfast-TTL': '9' }
  if (req.method === 'GET') res.writeHead(200, { ...fields, 'Content-Length': 5 }).end('value')
  else res.writeHead(201, { ...fields, 'Content-Length': 0 }).end()
}
const server = require('node:https').createServer(workerData, answer)
server.on('secureConnection', () => connections++)
parentPort.on('message', () => parentPort.postMessage(connections))
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

/** Long enough for an answer over loopback to come. */
function work(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test('a connection is kept, though its answer came sooner than word that the request had gone out', async (context) => {
  const authority = await makeAuthority('busy', { notAfter: inDays(1) })
  const leaf = await issue({ authority, name: 's', dns: ['localhost'], usages: ['server'], notAfter: inDays(1) })
  const server = new Worker(SERVER, { eval: true, workerData: { cert: leaf.certificate, key: leaf.key } })
  context.after(() => server.terminate())
  const told = () => new Promise((resolve) => server.once('message', resolve))
  const port = await told()
  const client = createClient({ url: `https://localhost:${port}`, tls: { ca: authority.certificate } })
  context.after(() => client.close())
  const store = client.store('sessions')
  for (let n = 0; n < 10; n++) {
    for (const call of [() => store.get('key'), () => store.put('key', 'value')]) {
      const answer = call()
      // The request goes out in this turn or at its end; what comes then is seen in the next.
      setImmediate(() => setImmediate(() => work(20)))
      work(1)
      await answer
    }
  }
  server.postMessage('connections')
  assert.equal(await told(), 1)
})
